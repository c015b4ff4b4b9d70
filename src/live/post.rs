//! The store, as runs use it: off the loop, with the clock that the runtime chose, and with refusals in words.

use std::sync::Arc;

use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{RunId, Setting};
use crate::domain::{SessionKey, Time};
use crate::store::registry::{Adopted, ChildRecord, ProcessId, RunRecord};
use crate::store::{self, Connection, Store, outbox, registry};

/// What is said of a prompt whose agent ended before it told that it has it.
pub const UNSURE: &str = "may not have been delivered";

/// Why `state.db` could not do something, in words.
pub type Fault = String;

/// Where runs keep what must survive them.
#[derive(Clone, Debug)]
pub struct Post {
    store: Arc<Store>,
    clock: fn() -> Time,
    me: ProcessId,
}

impl Post {
    /// On a store, with a clock, for this salon.
    pub fn new(store: Arc<Store>, clock: fn() -> Time, me: ProcessId) -> Self {
        Self { store, clock, me }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// Accepts a prompt. When this returns, it is on disk; a fault means that nothing was accepted.
    pub async fn enqueue(&self, run: &RunId, text: String) -> Result<PromptId, Fault> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| outbox::enqueue(db, &run, &text, now)).await
    }

    /// The next prompt of a run, marked as being sent.
    pub async fn claim(&self, run: &RunId) -> Result<Option<Prompt>, Fault> {
        let run = run.clone();
        self.with(move |db| outbox::claim(db, &run)).await
    }

    /// Whether there is a next prompt.
    pub async fn is_next(&self, run: &RunId) -> Result<bool, Fault> {
        let run = run.clone();
        self.with(move |db| outbox::is_next(db, &run)).await
    }

    /// The next prompt cannot be delivered.
    pub async fn fail_next(&self, run: &RunId, reason: String) -> Result<(), Fault> {
        let run = run.clone();
        self.with(move |db| outbox::fail_next(db, &run, &reason)).await
    }

    /// What waits for a run.
    pub async fn queue(&self, run: &RunId) -> Result<Vec<Prompt>, Fault> {
        let run = run.clone();
        self.with(move |db| outbox::queue(db, &run)).await
    }

    /// What became of a prompt that was being sent.
    pub async fn settle(&self, id: PromptId, to: PromptState, reason: Option<String>) -> Result<bool, Fault> {
        self.with(move |db| outbox::advance(db, id, &[PromptState::Sending], to, reason.as_deref())).await
    }

    /// A run's session became known.
    pub async fn link(&self, run: &RunId, session: &SessionKey) -> Result<(), Fault> {
        let (run, session, now) = (run.clone(), session.clone(), self.now());
        self.with(move |db| registry::link(db, &run, &session, now)).await
    }

    /// Something happened in a run.
    pub async fn touch(&self, run: &RunId) -> Result<(), Fault> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| registry::touch(db, &run, now)).await
    }

    /// Something was chosen for a run.
    pub async fn choose(&self, run: &RunId, setting: Setting) -> Result<(), Fault> {
        let run = run.clone();
        self.with(move |db| registry::choose(db, &run, &setting)).await
    }

    /// Records a run and takes its lease; a salon that lives and holds it is told.
    pub async fn adopt(&self, wanted: RunRecord) -> Result<Result<Adopted, ProcessId>, Fault> {
        let me = self.me;
        self.with(move |db| registry::adopt(db, &wanted, me, super::recover::is_dead)).await
    }

    /// Records a child of ours before anything is expected of it, so that a later salon can end it if this one dies.
    pub async fn record_child(&self, child: ProcessId, program: String) -> Result<(), Fault> {
        let record = ChildRecord { child, program, holder: self.me };
        self.with(move |db| registry::record_child(db, &record)).await
    }

    /// A child was reaped.
    pub async fn forget_child(&self, child: ProcessId) -> Result<(), Fault> {
        self.with(move |db| registry::forget_child(db, child)).await
    }

    /// Does something with the store, off the loop.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> store::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || store.with(work)).await {
            Ok(done) => done.map_err(|error| store::in_words(&error)),
            Err(error) => Err(error.to_string()),
        }
    }
}
