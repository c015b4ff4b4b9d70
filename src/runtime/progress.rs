//! Progress of work on several sessions, reported to the status line while it takes long.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::task_message::TaskMessage;
use crate::app::Msg;

/// Time between two reports. Work that takes less reports nothing.
const INTERVAL: Duration = Duration::from_millis(200);

/// Reporter of the progress of one piece of work.
pub(super) struct Progress {
    messages: UnboundedSender<TaskMessage>,
    /// Name of the work: `Restoring`.
    label: &'static str,
    total: usize,
    done: usize,
    last: Instant,
}

impl Progress {
    /// Creates the reporter of work on a number of sessions.
    pub(super) fn new(messages: UnboundedSender<TaskMessage>, label: &'static str, total: usize) -> Self {
        Self { messages, label, total, done: 0, last: super::instant() }
    }

    /// Counts a session, and reports the number if enough time has passed.
    pub(super) fn step(&mut self) {
        self.done += 1;
        let now = super::instant();
        if now.duration_since(self.last) < INTERVAL || self.done == self.total {
            return;
        }
        self.last = now;
        let msg = Msg::Progress { label: self.label, done: self.done, total: self.total };
        // An error means that salon is shutting down.
        drop(self.messages.send(TaskMessage::Msg(Box::new(msg))));
    }
}
