//! The store, as runs use it: off the loop, with the clock that the runtime chose.

use std::sync::Arc;

use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::RunId;
use crate::domain::{SessionKey, Time};
use crate::store::{self, Connection, Store, outbox, registry};

/// Where runs keep what must survive them.
#[derive(Clone, Debug)]
pub struct Post {
    store: Arc<Store>,
    clock: fn() -> Time,
}

impl Post {
    /// On a store, with a clock.
    pub fn new(store: Arc<Store>, clock: fn() -> Time) -> Self {
        Self { store, clock }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// The next prompt of a run, marked as being sent. Nothing also where the store cannot be read: then nothing is
    /// lost, for it stays in the outbox.
    pub async fn claim(&self, run: &RunId) -> Option<Prompt> {
        let run = run.clone();
        self.with("claim a prompt", move |db| outbox::claim(db, &run)).await.flatten()
    }

    /// The agent has a prompt, or it is not known whether it does.
    pub async fn settle(&self, id: PromptId, to: PromptState, reason: Option<&'static str>) {
        self.with("settle a prompt", move |db| outbox::advance(db, id, &[PromptState::Sending], to, reason)).await;
    }

    /// A run's session became known.
    pub async fn link(&self, run: &RunId, session: &SessionKey) {
        let (run, session, now) = (run.clone(), session.clone(), self.now());
        self.with("link a session", move |db| registry::link(db, &run, &session, now)).await;
    }

    async fn with<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Connection) -> store::Result<T> + Send + 'static,
    ) -> Option<T> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || store.with(work)).await;
        match done {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::error!("state.db: cannot {what}: {error}");
                None
            }
            Err(error) => {
                tracing::error!("state.db: cannot {what}: {error}");
                None
            }
        }
    }
}
