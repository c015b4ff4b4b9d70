//! Texts and tones for the state of a chat's run in the status line.

use super::Chat;
use crate::app::action::Action;
use crate::app::keys::Keymap;
use crate::app::runs::RunTable;
use crate::app::{age, failure};
use crate::domain::Time;
use crate::domain::run::{Activity, Conversation, Phase, RunInfo, StopReason, TurnOutcome};
use crate::stdx::text;

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

impl Chat {
    /// Returns the state of the run as text and tone.
    pub fn status(&self, runs: &RunTable, keymap: &Keymap, now: Time) -> (String, Tone) {
        if self.is_starting() {
            return ("starting".to_owned(), Tone::Working);
        }
        match (self.info(runs), &self.start) {
            (Some(info), _) if self.armed_turn(runs).is_some() => (escape_hint(info).to_owned(), Tone::Warning),
            (Some(info), _) => self.status_of_run(info, keymap, now),
            (None, _) if self.read_only.is_some() => ("read-only".to_owned(), Tone::Quiet),
            (None, Some(start)) => {
                let text = match &start.conversation {
                    Conversation::New { .. } => "starts with your first prompt",
                    Conversation::Resume(_) => "continues with your next prompt",
                    Conversation::Fork(_) if start.fork_at.is_some() => {
                        "the fork before the prompt starts when it is sent"
                    }
                    Conversation::Fork(_) => "the fork starts with your next prompt",
                };
                (text.to_owned(), Tone::Quiet)
            }
            (None, None) => ("the run no longer exists".to_owned(), Tone::Warning),
        }
    }

    fn status_of_run(&self, info: &RunInfo, keymap: &Keymap, now: Time) -> (String, Tone) {
        if !info.approvals.is_empty() {
            return ("needs you".to_owned(), Tone::NeedsYou);
        }
        let clock = |since| clock(now, since);
        if let Some(since) = info.silent_since.filter(|_| matches!(info.phase, Phase::Working { .. })) {
            let quiet = match now.since(since) / 60_000 {
                0 => "no response yet".to_owned(),
                minutes => format!("no activity for {minutes} min"),
            };
            return (format!("{quiet}{}", key_hint(keymap, Action::Interrupt, "interrupts")), Tone::Warning);
        }
        match &info.phase {
            Phase::Starting => (starting(now, self.starting, info), Tone::Working),
            Phase::Working { since, activity } => match activity {
                Activity::Answering => (format!("working {}", clock(*since)), Tone::Working),
                Activity::Compacting => (format!("compacting {}", clock(*since)), Tone::Working),
                Activity::Retrying { attempt, at, reason } => {
                    let when = at.map(|at| format!(" in {}", wait(at.since(now)))).unwrap_or_default();
                    (format!("retrying{when} (attempt {attempt}): {reason}"), Tone::Warning)
                }
            },
            Phase::Interrupting { since } => {
                let key = key_hint(keymap, Action::Interrupt, "again stops the run");
                (format!("interrupting {}{key}", clock(*since)), Tone::Warning)
            }
            Phase::Idle => match &info.last_outcome {
                Some(TurnOutcome::Interrupted) => ("interrupted".to_owned(), Tone::Warning),
                Some(TurnOutcome::Failed(failure)) => (failure::summarise(failure, info.agent), Tone::Error),
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

    /// Returns the call that runs in the open turn, with its duration: `Bash: cargo test · 7 s`.
    pub fn activity(&self, runs: &RunTable, now: Time) -> Option<String> {
        /// Maximum characters of a call, because the state must fit beside it.
        const MAX_CHARS: usize = 48;
        let info = self.info(runs)?;
        let working = matches!(info.phase, Phase::Working { activity: Activity::Answering, .. });
        let working = working && info.approvals.is_empty();
        let (call, since) = self.reader.running_call().filter(|_| working)?;
        let call = text::one_line(&call);
        let cut = text::first_chars(&call, MAX_CHARS);
        let more = if cut.len() < call.len() { "…" } else { "" };
        let duration = since.map(|since| format!(" {}", clock(now, since))).unwrap_or_default();
        Some(format!("{cut}{more}{duration}"))
    }

    /// Returns true while an indicator of activity is shown: an agent starts or works, and waits for nothing.
    pub fn is_busy(&self, runs: &RunTable) -> bool {
        self.is_starting() || self.info(runs).is_some_and(|info| shows_clock(info) && info.approvals.is_empty())
    }

    /// Returns the next time at which the state changes: each second while a turn is open, else with the ages of queued
    /// prompts.
    pub fn next_clock(&self, runs: &RunTable, now: Time) -> Option<Time> {
        let next_second = Time::from_millis((now.millis() / 1_000 + 1) * 1_000);
        if self.command.as_ref().is_some_and(|command| command.ended.is_none()) {
            return Some(next_second);
        }
        let info = self.info(runs)?;
        if shows_clock(info) {
            return Some(next_second);
        }
        runs.queue(&info.id).iter().map(|prompt| age::changes_at(now, prompt.submitted)).min()
    }
}

/// Formats a key hint such as `: ctrl-c interrupts`; empty if no key is bound.
fn key_hint(keymap: &Keymap, action: Action, what: &str) -> String {
    keymap.hint(action).map(|key| format!(": {key} {what}")).unwrap_or_default()
}

/// Returns the hint about the second Esc.
fn escape_hint(info: &RunInfo) -> &'static str {
    match info.phase {
        Phase::Interrupting { .. } => "esc again stops the run",
        Phase::Starting | Phase::Working { .. } | Phase::Idle | Phase::Stopped(_) => "esc again interrupts",
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
    match stopped {
        StopReason::Evicted => failure::describe_stop(stopped, info.agent),
        StopReason::NotStarted => "continues with your next prompt".to_owned(),
        StopReason::OnRequest => "stopped · restarts with your next prompt".to_owned(),
        StopReason::Failed(failure) => {
            format!("{} · restarts with your next prompt", failure::summarise(failure, info.agent))
        }
    }
}

/// Formats the wait for a retry in its largest units: `7 s`, `12 min`, `1 h 30 min`.
pub fn wait(millis: i64) -> String {
    let seconds = millis.max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Formats a duration: `7 s`, `1:23`, `1:02:03`.
pub fn clock(now: Time, since: Time) -> String {
    let seconds = now.since(since).max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}
