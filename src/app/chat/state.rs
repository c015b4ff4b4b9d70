//! Texts and tones for the state of a chat's run in the status line.

use super::Chat;
use crate::app::layer::Layer;
use crate::app::{Action, App, age, failure};
use crate::domain::Time;
use crate::domain::run::{Activity, Conversation, Phase, RunInfo, StopReason, TurnOutcome};

/// Tone in which a state is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Idle.
    Quiet,
    /// Working.
    Working,
    /// The user is needed.
    NeedsYou,
    /// Warning.
    Warning,
    /// Error.
    Error,
}

/// Minimum duration of a start in ms before the status line explains it, because most starts are short.
const SLOW_START_MS: i64 = 5_000;

impl App {
    /// Returns the state of a chat's run as text and tone.
    pub fn state_of(&self, chat: &Chat) -> (String, Tone) {
        if chat.is_starting() {
            return ("starting".to_owned(), Tone::Working);
        }
        match (self.info(chat), &chat.start) {
            (Some(info), _) => self.state_of_run(chat, info),
            (None, _) if chat.read_only.is_some() => ("read-only".to_owned(), Tone::Quiet),
            (None, Some(start)) => {
                let text = match &start.conversation {
                    Conversation::New { .. } => "starts with your first prompt",
                    Conversation::Resume(_) => "continues with your next prompt",
                    Conversation::Fork(_) => "the fork starts with your next prompt",
                };
                (text.to_owned(), Tone::Quiet)
            }
            (None, None) => ("the run no longer exists".to_owned(), Tone::Warning),
        }
    }

    fn state_of_run(&self, chat: &Chat, info: &RunInfo) -> (String, Tone) {
        if !info.approvals.is_empty() {
            return ("needs you".to_owned(), Tone::NeedsYou);
        }
        let clock = |since| clock(self.now, since);
        if let Some(since) = info.silent_since.filter(|_| matches!(info.phase, Phase::Working { .. })) {
            let minutes = self.now.since(since).max(0) / 60_000;
            return (
                format!("no activity for {minutes} min{}", self.key_hint(Action::Interrupt, "interrupts")),
                Tone::Warning,
            );
        }
        match &info.phase {
            Phase::Working { .. } if chat.armed => ("press esc again to interrupt".to_owned(), Tone::Warning),
            Phase::Interrupting { .. } if chat.armed => ("press esc again to stop the run".to_owned(), Tone::Warning),
            Phase::Starting => (starting(self.now, chat.starting, info), Tone::Working),
            Phase::Working { since, activity } => match activity {
                Activity::Answering => (format!("working {}", clock(*since)), Tone::Working),
                Activity::Compacting => (format!("compacting {}", clock(*since)), Tone::Working),
                Activity::Retrying { attempt, at, reason } => {
                    let wait = at.map(|at| at.since(self.now).max(0) / 1_000);
                    let when = wait.map(|wait| format!(" in {wait} s")).unwrap_or_default();
                    (format!("retrying{when} (attempt {attempt}): {reason}"), Tone::Warning)
                }
            },
            Phase::Interrupting { since } => {
                let key = self.key_hint(Action::Interrupt, "again stops the run");
                (format!("interrupting {}{key}", clock(*since)), Tone::Warning)
            }
            Phase::Idle => match &info.last_outcome {
                Some(TurnOutcome::Interrupted) => ("interrupted".to_owned(), Tone::Warning),
                Some(TurnOutcome::Failed(failure)) => (failure::describe(failure, info.agent), Tone::Error),
                Some(TurnOutcome::Done) | None => match info.tasks.len() {
                    0 => ("ready".to_owned(), Tone::Quiet),
                    1 => ("ready, 1 background task".to_owned(), Tone::Working),
                    count => (format!("ready, {count} background tasks"), Tone::Working),
                },
            },
            Phase::Stopped(stopped) => {
                let tone = match stopped {
                    StopReason::Failed(_) => Tone::Error,
                    StopReason::NotStarted | StopReason::OnRequest | StopReason::Evicted => Tone::Quiet,
                };
                (stop_text(stopped, info), tone)
            }
        }
    }

    /// Formats a key hint such as `: ctrl-c interrupts`; empty if no key is bound.
    fn key_hint(&self, action: Action, what: &str) -> String {
        self.keymap.hint(action).map(|key| format!(": {key} {what}")).unwrap_or_default()
    }

    /// Returns the next time at which the state of a visible chat changes: each second while a turn is open, else with
    /// the ages of queued prompts.
    pub(in crate::app) fn next_turn_clock(&self) -> Option<Time> {
        let infos = self.on_screen().filter_map(Layer::chat).filter_map(|chat| self.info(chat));
        infos.filter_map(|info| self.next_clock_of(info)).min()
    }

    fn next_clock_of(&self, info: &RunInfo) -> Option<Time> {
        if shows_clock(info) {
            return Some(Time::from_millis((self.now.millis() / 1_000 + 1) * 1_000));
        }
        self.runs.queue(&info.id).iter().map(|prompt| age::changes_at(self.now, prompt.submitted)).min()
    }
}

fn shows_clock(info: &RunInfo) -> bool {
    match info.phase {
        Phase::Starting | Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Idle | Phase::Stopped(_) => false,
    }
}

fn starting(now: Time, since: Option<Time>, info: &RunInfo) -> String {
    let agent = info.agent.label();
    match since {
        Some(since) if now.since(since) >= SLOW_START_MS => {
            format!("still starting {agent}, {}: your prompt is sent as soon as it is ready", clock(now, since))
        }
        _ => format!("starting {agent}"),
    }
}

fn stop_text(stopped: &StopReason, info: &RunInfo) -> String {
    let text = failure::describe_stop(stopped, info.agent);
    match stopped {
        StopReason::Evicted => text,
        StopReason::NotStarted => "continues with your next prompt".to_owned(),
        StopReason::OnRequest => format!("{text} (restarts with your next prompt)"),
        StopReason::Failed(_) => format!("{} (restarts with your next prompt)", text.trim_end_matches('.')),
    }
}

/// Formats a duration: `7 s`, `1:23`, `1:02:03`.
fn clock(now: Time, since: Time) -> String {
    let seconds = now.since(since).max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}
