//! Waits until a session can be opened again: an agent may damage the record of a session that it opens too early.

use std::time::Duration;

use super::{EventSink, Run};
use crate::agent::protocol::Conversation;
use crate::domain::SessionKey;
use crate::domain::run::RunId;
use crate::live::options::{LiveEvent, ResumeTimeCheck};
use crate::live::store_handle::StoreHandle;

/// Wait before a session is opened again.
pub(super) struct ResumeWait {
    check: ResumeTimeCheck,
    /// Session to open again, if any.
    session: Option<SessionKey>,
    run: RunId,
    store: StoreHandle,
    events: EventSink,
}

impl Run {
    /// Returns the wait before the next process.
    pub(super) fn resume_wait(&self) -> ResumeWait {
        let session = match &self.opening.conversation {
            Conversation::Resume(id) => Some(SessionKey::new(self.agent, id.clone())),
            Conversation::New { .. } | Conversation::Fork(_) => None,
        };
        let (store, events) = (self.store.clone(), self.events.clone());
        ResumeWait { check: self.earliest_resume.clone(), session, run: self.info.id.clone(), store, events }
    }
}

impl ResumeWait {
    /// Waits, and tells the user why.
    pub(super) async fn wait(self) {
        let Some(session) = self.session else { return };
        let (check, label) = (self.check, session.agent.label());
        let earliest = tokio::task::spawn_blocking(move || check(&session)).await.ok().flatten();
        let left = earliest.map_or(0, |earliest| earliest.since(self.store.now()));
        let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { return };
        let seconds = left.div_ceil(1000);
        let text = format!("{label} would damage a session that it opens again so soon; waiting {seconds} s.");
        self.events.send(LiveEvent::Notice { run: Some(self.run), text, error: false });
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}
