//! What a conversation's run does, in words: what a status line says of it.

use super::Chat;
use crate::app::layer::Layer;
use crate::app::{Action, App, age, failure};
use crate::domain::Time;
use crate::domain::run::{Activity, Conversation, Outcome, Phase, RunInfo, Stopped};

/// How a state is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing goes on.
    Quiet,
    /// At work.
    Working,
    /// It waits for the user.
    NeedsYou,
    /// Something is not as it should be.
    Warning,
    /// It went wrong.
    Error,
}

/// A start that takes longer is spoken about, in ms.
const PATIENCE: i64 = 5_000;

impl App {
    /// What a conversation's run does, in words.
    pub fn state_of(&self, chat: &Chat) -> (String, Tone) {
        if chat.is_beginning() {
            return ("beginning".to_owned(), Tone::Working);
        }
        match (self.info(chat), &chat.opening) {
            (Some(info), _) => self.state_of_run(chat, info),
            (None, _) if chat.followed.is_some() => ("followed".to_owned(), Tone::Quiet),
            (None, Some(opening)) => {
                let words = match &opening.conversation {
                    Conversation::New { .. } => "begins with the first prompt",
                    Conversation::Resume(_) => "goes on with the next prompt",
                    Conversation::Fork(_) => "a copy goes on with the next prompt",
                };
                (words.to_owned(), Tone::Quiet)
            }
            (None, None) => ("its run is gone".to_owned(), Tone::Warning),
        }
    }

    fn state_of_run(&self, chat: &Chat, info: &RunInfo) -> (String, Tone) {
        if !info.approvals.is_empty() {
            return ("needs you".to_owned(), Tone::NeedsYou);
        }
        let clock = |since| clock(self.now, since);
        if let Some(since) = info.silent.filter(|_| matches!(info.phase, Phase::Working { .. })) {
            let minutes = self.now.since(since).max(0) / 60_000;
            return (
                format!("no activity for {minutes} min{}", self.does(Action::Interrupt, "interrupts")),
                Tone::Warning,
            );
        }
        match &info.phase {
            Phase::Working { .. } if chat.armed => {
                ("esc again interrupts, any other key does not".to_owned(), Tone::Warning)
            }
            Phase::Interrupting { .. } if chat.armed => {
                ("esc again asks whether to stop the run".to_owned(), Tone::Warning)
            }
            Phase::Starting => (starting(self.now, chat.starting, info), Tone::Working),
            Phase::Working { since, activity } => match activity {
                Activity::Answering => (format!("working {}", clock(*since)), Tone::Working),
                Activity::Compacting => (format!("compacting {}", clock(*since)), Tone::Working),
                Activity::Retrying { attempt, at, reason } => {
                    let wait = at.map(|at| at.since(self.now).max(0) / 1_000);
                    let when = wait.map(|wait| format!(" in {wait} s")).unwrap_or_default();
                    (format!("tries again{when} (attempt {attempt}): {reason}"), Tone::Warning)
                }
            },
            Phase::Interrupting { since } => {
                let key = self.does(Action::Interrupt, "again stops the run");
                (format!("interrupting {}{key}", clock(*since)), Tone::Warning)
            }
            Phase::Idle => match &info.last {
                Some(Outcome::Interrupted) => ("interrupted".to_owned(), Tone::Warning),
                Some(Outcome::Failed(failure)) => (failure::words(failure, info.agent), Tone::Error),
                Some(Outcome::Done) | None => ("ready".to_owned(), Tone::Quiet),
            },
            Phase::Stopped(stopped) => {
                let tone = match stopped {
                    Stopped::Failed(_) => Tone::Error,
                    Stopped::NotStarted | Stopped::OnRequest | Stopped::Evicted => Tone::Quiet,
                };
                (stopped_words(stopped, info), tone)
            }
        }
    }

    /// `: ctrl-c interrupts`; nothing where no key does it.
    fn does(&self, action: Action, what: &str) -> String {
        self.keymap.hint(action).map(|key| format!(": {key} {what}")).unwrap_or_default()
    }

    /// When what is said of a conversation on the screen will read differently: each second, while a turn is open;
    /// else with the ages of the prompts that wait.
    pub(in crate::app) fn next_turn_clock(&self) -> Option<Time> {
        let infos = self.on_screen().filter_map(Layer::chat).filter_map(|chat| self.info(chat));
        infos.filter_map(|info| self.next_clock_of(info)).min()
    }

    fn next_clock_of(&self, info: &RunInfo) -> Option<Time> {
        if is_timed(info) {
            return Some(Time::from_millis((self.now.millis() / 1_000 + 1) * 1_000));
        }
        self.runs.queue(&info.id).iter().map(|prompt| age::changes_at(self.now, prompt.submitted)).min()
    }
}

fn is_timed(info: &RunInfo) -> bool {
    match info.phase {
        Phase::Starting | Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Idle | Phase::Stopped(_) => false,
    }
}

fn starting(now: Time, since: Option<Time>, info: &RunInfo) -> String {
    let agent = info.agent.label();
    match since {
        Some(since) if now.since(since) >= PATIENCE => {
            format!("still starting {agent}, {}: what you sent is kept until it is ready", clock(now, since))
        }
        _ => format!("starting {agent}"),
    }
}

fn stopped_words(stopped: &Stopped, info: &RunInfo) -> String {
    let words = failure::stopped(stopped, info.agent);
    match stopped {
        Stopped::Evicted => words,
        Stopped::NotStarted => "goes on with the next prompt".to_owned(),
        Stopped::OnRequest => format!("{words}: the next prompt starts it again"),
        Stopped::Failed(_) => format!("{} (the next prompt starts it again)", words.trim_end_matches('.')),
    }
}

/// `7 s`, `1:23`, `1:02:03`.
fn clock(now: Time, since: Time) -> String {
    let seconds = now.since(since).max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}
