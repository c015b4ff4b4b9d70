//! Messages to the user: the newest in the status line, until a key or a newer one takes its place.

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// In words.
    pub text: String,
    /// Something failed.
    pub error: bool,
}

/// The messages.
#[derive(Debug, Default)]
pub struct Notices {
    /// Shown now, and after it those that wait to be shown.
    queue: std::collections::VecDeque<Notice>,
}

impl Notices {
    /// The one that is shown.
    pub fn current(&self) -> Option<&Notice> {
        self.queue.front()
    }

    /// Tells something; it takes the place of what merely informed.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.queue.retain(|notice| notice.error);
        self.queue.push_back(Notice { text: text.into(), error: false });
    }

    /// Tells that something failed, after what failed before.
    pub fn fail(&mut self, text: impl Into<String>) {
        self.queue.retain(|notice| notice.error);
        self.queue.push_back(Notice { text: text.into(), error: true });
    }

    /// A key was pressed: what is shown has been seen.
    pub fn seen(&mut self) {
        self.queue.pop_front();
    }
}
