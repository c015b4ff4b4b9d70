//! Async handle to `state.db`: each call runs on a blocking thread; errors are messages for the user.
#![expect(clippy::disallowed_methods, reason = "on a blocking thread")]

use std::path::Path;
use std::sync::Arc;

use super::identity::is_dead;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{ContinuationStart, RunId, RunSetting};
use crate::domain::transcript::KeptText;
use crate::domain::{Agent, SessionKey, Time};
use crate::store::registry::{AcquiredRun, ChildRecord, ProcessId, RunRecord};
use crate::store::{self, Connection, Store, kept_texts, outbox, preferences, registry, spending};

/// Reason of a held prompt whose agent ended before it acknowledged the prompt.
pub const DELIVERY_UNCERTAIN: &str = "may not have been delivered";

/// Error message of a failed store operation.
pub type StoreFailure = String;

/// Handle to the outbox and the registry.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    store: Arc<Store>,
    clock: fn() -> Time,
    process: ProcessId,
}

impl StoreHandle {
    /// Creates a handle for this process.
    pub fn new(store: Arc<Store>, clock: fn() -> Time, process: ProcessId) -> Self {
        Self { store, clock, process }
    }

    /// Returns the current time.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// Returns the identity of this process.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Appends a prompt to the outbox. The prompt is on disk on return; after an error nothing is stored.
    pub async fn enqueue(&self, run: &RunId, text: String) -> Result<PromptId, StoreFailure> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| outbox::enqueue(db, &run, &text, now)).await
    }

    /// Puts a prompt in front of the queue, which is not delivered before a time.
    pub async fn enqueue_first(&self, run: &RunId, text: String, not_before: Time) -> Result<PromptId, StoreFailure> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| outbox::enqueue_first(db, &run, &text, not_before, now)).await
    }

    /// Marks the next prompt of a run as sending and returns it.
    pub async fn claim(&self, run: &RunId) -> Result<Option<Prompt>, StoreFailure> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| outbox::claim(db, &run, now)).await
    }

    /// Marks a pending prompt as sending and returns it.
    pub async fn claim_one(&self, id: PromptId) -> Result<Option<Prompt>, StoreFailure> {
        let now = self.now();
        self.with(move |db| outbox::claim_one(db, id, now)).await
    }

    /// Returns true if a run has a next prompt.
    pub async fn is_next(&self, run: &RunId) -> Result<bool, StoreFailure> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| outbox::has_next(db, &run, now)).await
    }

    /// Marks the next prompt of a run as failed.
    pub async fn fail_next(&self, run: &RunId, reason: String) -> Result<(), StoreFailure> {
        let run = run.clone();
        self.with(move |db| outbox::fail_next(db, &run, &reason)).await
    }

    /// Returns the queue of a run.
    pub async fn queue(&self, run: &RunId) -> Result<Vec<Prompt>, StoreFailure> {
        let run = run.clone();
        self.with(move |db| outbox::queue(db, &run)).await
    }

    /// Sets the state of a prompt that was being sent. Returns false if it was in another state.
    pub async fn set_prompt_state(
        &self,
        id: PromptId,
        to: PromptState,
        reason: Option<String>,
    ) -> Result<bool, StoreFailure> {
        self.with(move |db| outbox::advance(db, id, &[PromptState::Sending], to, reason.as_deref())).await
    }

    /// Records the session of a run.
    pub async fn link(&self, run: &RunId, session: &SessionKey) -> Result<(), StoreFailure> {
        let (run, session) = (run.clone(), session.clone());
        self.with(move |db| registry::link(db, &run, &session)).await
    }

    /// Keeps texts of a session's turn that ended early.
    pub async fn keep_texts(&self, session: SessionKey, texts: Vec<KeptText>) -> Result<(), StoreFailure> {
        self.with(move |db| kept_texts::save(db, &session, &texts)).await
    }

    /// Records activity of a run.
    pub async fn touch(&self, run: &RunId) -> Result<(), StoreFailure> {
        let (run, now) = (run.clone(), self.now());
        self.with(move |db| registry::touch(db, &run, now)).await
    }

    /// Records a setting of a run.
    pub async fn update_setting(&self, run: &RunId, setting: RunSetting) -> Result<(), StoreFailure> {
        let run = run.clone();
        self.with(move |db| registry::update_setting(db, &run, &setting)).await
    }

    /// Records the settings with which a turn that waits for a time goes on.
    pub async fn save_continuation(&self, run: &RunId, start: ContinuationStart) -> Result<(), StoreFailure> {
        let run = run.clone();
        self.with(move |db| registry::save_continuation(db, &run, &start)).await
    }

    /// Records a run and acquires its lease. Returns the live holder if another process has the lease.
    pub async fn acquire(&self, record: RunRecord) -> Result<Result<AcquiredRun, ProcessId>, StoreFailure> {
        let process = self.process;
        self.with(move |db| registry::acquire(db, &record, process, is_dead)).await
    }

    /// Records a child before it is used, so that a later start can end it if this process dies.
    pub async fn record_child(&self, child: ProcessId, program: String) -> Result<(), StoreFailure> {
        let record = ChildRecord { child, program, holder: self.process };
        self.with(move |db| registry::record_child(db, &record)).await
    }

    /// Removes the record of a reaped child.
    pub async fn remove_child(&self, child: ProcessId) -> Result<(), StoreFailure> {
        self.with(move |db| registry::remove_child(db, child)).await
    }

    /// Remembers that the user trusts the settings of a folder.
    pub async fn trust(&self, agent: Agent, folder: &Path) -> Result<(), StoreFailure> {
        let name = trust_name(agent, folder);
        self.with(move |db| preferences::save(db, &name, "yes")).await
    }

    /// Returns true if the user trusts the settings of a folder.
    pub async fn is_trusted(&self, agent: Agent, folder: &Path) -> Result<bool, StoreFailure> {
        let name = trust_name(agent, folder);
        self.with(move |db| preferences::find(db, &name)).await.map(|value| value.is_some())
    }

    /// Adds the cost of a turn to a day.
    pub async fn add_spending(&self, day: String, usd: f64) -> Result<(), StoreFailure> {
        self.with(move |db| spending::add(db, &day, usd)).await
    }

    /// Returns the cost of all turns of a day in dollars.
    pub async fn spent_on(&self, day: String) -> Result<f64, StoreFailure> {
        self.with(move |db| spending::of_day(db, &day)).await
    }

    /// Runs a store operation on a blocking thread.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> store::Result<T> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || store.with(work)).await {
            Ok(done) => done.map_err(|error| store::describe_error(&error)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Name of the saved trust in a folder.
fn trust_name(agent: Agent, folder: &Path) -> String {
    format!("trust:{}:{}", agent.name(), folder.display())
}
