//! Notices for the status line. Each is shown until a key is pressed or a newer notice replaces it.

use crate::domain::Agent;

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Text of the notice.
    pub text: String,
    /// True if it reports an error.
    pub error: bool,
}

/// Queue of notices.
#[derive(Debug, Default)]
pub struct Notices {
    /// The shown notice, followed by those that are queued.
    queue: std::collections::VecDeque<Notice>,
}

impl Notices {
    /// Returns the notice that is shown.
    pub fn current(&self) -> Option<&Notice> {
        self.queue.front()
    }

    /// Adds an information. It replaces queued information, but no errors.
    pub fn info(&mut self, text: impl Into<String>) {
        self.queue.retain(|notice| notice.error);
        self.queue.push_back(Notice { text: text.into(), error: false });
    }

    /// Adds an error, shown after earlier errors.
    pub fn error(&mut self, text: impl Into<String>) {
        self.queue.retain(|notice| notice.error);
        self.queue.push_back(Notice { text: text.into(), error: true });
    }

    /// Adds a notice about the exit of an agent's own program, with its failure if there was one.
    pub fn returned(&mut self, agent: Agent, failure: Option<String>) {
        match failure {
            Some(failure) => self.error(format!("{}: {failure}", agent.label())),
            None => self.info(format!("Back from {}", agent.label())),
        }
    }

    /// Removes the shown notice, because a key was pressed.
    pub fn dismiss_current(&mut self) {
        self.queue.pop_front();
    }
}
