//! A question with numbered answers: what is the matter, and what can be done. Its answers are data.

use crate::config::key::{Key, KeyCode};
use crate::domain::SessionKey;
use crate::domain::run::RunId;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// What it is about.
    pub title: String,
    /// What is the matter, in sentences.
    pub text: Vec<String>,
    /// The answers; the last one changes nothing.
    pub choices: Vec<Choice>,
    /// The one that Enter takes.
    pub selected: usize,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// In words.
    pub label: String,
    /// What it does.
    pub outcome: Outcome,
}

/// What an answer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Lend the terminal to the agent's program.
    Resume {
        /// The session.
        key: SessionKey,
        /// In this directory instead of its own.
        cwd: Option<String>,
    },
    /// Read the transcript and follow its end.
    Follow(SessionKey),
    /// Copy the command instead.
    CopyCommand(SessionKey),
    /// Go on with a session in salon's own chat.
    GoOn {
        /// The session.
        key: SessionKey,
        /// In this directory instead of its own.
        cwd: Option<String>,
        /// With a copy of it.
        fork: bool,
    },
    /// End a run.
    StopRun(RunId),
    /// Take the mode that asks nothing.
    SkipPermissions(RunId, String),
    /// Begin the session that the overlay below describes.
    BeginNew,
    /// Quit once no turn is open and no prompt is queued.
    QuitWhenDone,
    /// Stop all runs and quit.
    QuitNow,
    /// Do not quit, and forget that it was asked for.
    Stay,
    /// Nothing.
    Cancel,
}

/// What a key did to a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing was answered yet.
    Open,
    /// It was answered.
    Given(Outcome),
}

impl Dialog {
    /// Takes a key: a digit answers, the arrows choose, Enter takes, Esc cancels.
    pub fn key(&mut self, key: Key) -> Answer {
        let last = self.choices.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => return Answer::Given(Outcome::Cancel),
            KeyCode::Enter => return self.take(self.selected),
            KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => self.selected = (self.selected + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char(digit @ '1'..='9') => {
                let number = digit.to_digit(10).map_or(0, |digit| digit as usize);
                return self.take(number.wrapping_sub(1));
            }
            _ => {}
        }
        Answer::Open
    }

    /// Takes an answer by its row.
    pub fn take(&self, row: usize) -> Answer {
        self.choices.get(row).map_or(Answer::Open, |choice| Answer::Given(choice.outcome.clone()))
    }
}
