//! Supervisor of all runs of this process: one run per session, however often it is opened.
#![expect(clippy::disallowed_methods, reason = "on a blocking thread")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::capacity::RunCapacity;
use super::connect::Connector;
use super::evict;
use super::options::{LiveEvent, LiveOptions};
use super::recover;
use super::run::{self, EventSink, RunCommand, RunHandle, RunParts, Viewer};
use super::store_handle::StoreHandle;
use crate::agent::Protocol;
use crate::agent::protocol::RunStart;
use crate::domain::approval::ApprovalAnswer;
use crate::domain::run::{Refusal, RunFailure, RunId, RunInfo, RunSetting, StopReason};
use crate::domain::{Agent, SessionKey};
use crate::store::outbox;
use crate::store::registry;

/// Maximum shutdown time of all runs together: the longest graceful stop of one child.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(7);

/// Handle to all runs. Clones share the same runs.
#[derive(Clone, Debug)]
pub struct Live {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) options: LiveOptions,
    pub(super) store: StoreHandle,
    pub(super) events: EventSink,
    pub(super) connector: Arc<Connector>,
    capacity: RunCapacity,
    runs: Mutex<BTreeMap<RunId, Entry>>,
    /// Published runs without an agent whose next prompt waits for a time.
    leftover_continuations: Mutex<BTreeSet<RunId>>,
    /// Serialises lookup and creation of runs, so that concurrent requests for a session get the same run.
    pub(super) start_lock: tokio::sync::Mutex<()>,
    /// True once recovery after a crash is complete.
    pub(super) recovered: watch::Receiver<bool>,
    pub(super) shutting_down: AtomicBool,
    pub(super) counter: AtomicU64,
}

struct Entry {
    handle: RunHandle,
    /// Session requested by the caller, before the agent has reported its session id.
    requested: Option<SessionKey>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.events.eviction_wake.notify_one();
    }
}

impl Live {
    /// Starts the supervisor within an async runtime. Starts no agent.
    ///
    /// Recovery runs in the background; requests for runs wait for it.
    pub fn start(options: LiveOptions) -> (Self, mpsc::UnboundedReceiver<LiveEvent>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let sink = EventSink { sender: events, eviction_wake: Arc::new(Notify::new()) };
        let store = StoreHandle::new(options.store.clone(), options.clock, options.process);
        let connector = Arc::new(Connector::new(&options, store.clone()));
        let (done, recovered) = watch::channel(false);
        let capacity = RunCapacity::new(options.limits.runs);
        let inner = Arc::new(Inner {
            options,
            capacity,
            store,
            events: sink,
            connector,
            runs: Mutex::default(),
            leftover_continuations: Mutex::default(),
            start_lock: tokio::sync::Mutex::new(()),
            recovered,
            shutting_down: AtomicBool::new(false),
            counter: AtomicU64::new(0),
        });
        let recovering = inner.clone();
        let recovery = tokio::task::spawn_blocking(move || {
            recovering.recover();
            done.send_replace(true);
        });
        if inner.options.continues {
            let weak = Arc::downgrade(&inner);
            tokio::spawn(async move {
                // An error means that the recovery panicked; then the prompts are left alone.
                if recovery.await.is_ok() {
                    Inner::attend_continuations(weak).await;
                }
            });
        }
        let (wake, limits, weak) = (inner.events.eviction_wake.clone(), inner.options.limits, Arc::downgrade(&inner));
        tokio::spawn(evict::run_evictor(wake, limits, move || weak.upgrade().map(|inner| inner.handles())));
        (Self { inner }, receiver)
    }

    /// Returns the run of a session; creates it if necessary. The agent starts only if there is a prompt, which is on
    /// disk before anything else that takes time. After a refusal it is no longer in the outbox.
    pub async fn open_run(&self, agent: Agent, opening: RunStart, prompt: Option<String>) -> Result<RunId, Refusal> {
        self.inner.open_run(agent, opening, prompt).await.map(|opened| opened.run)
    }

    /// Returns the run of a session, if this process has one. Starts nothing.
    pub fn run_of_session(&self, session: &SessionKey) -> Option<RunId> {
        self.inner.run_of_session(session)
    }

    /// Returns all runs, ordered by id.
    pub fn runs(&self) -> Vec<Arc<RunInfo>> {
        self.inner.runs().values().map(|entry| entry.handle.snapshot().info).collect()
    }

    /// Attaches a viewer to a run. A watched run is not evicted.
    pub fn watch(&self, run: &RunId) -> Option<Viewer> {
        self.inner.runs().get(run).map(|entry| entry.handle.view())
    }

    /// Records whether a run has an unsent draft, which keeps it from being evicted.
    pub fn set_drafted(&self, run: &RunId, drafted: bool) {
        if let Some(handle) = self.inner.handle(run) {
            handle.set_drafted(drafted);
        }
    }

    /// Records whether the draft of a key, a session or `run:` and a run, is not empty.
    pub fn draft_changed(&self, key: &str, drafted: bool) {
        let of_key = |info: &&Arc<RunInfo>| {
            let session = info.session.as_ref().map(ToString::to_string);
            session.is_some_and(|session| session == key) || key.strip_prefix("run:") == Some(&info.id.0)
        };
        if let Some(info) = self.runs().iter().find(of_key) {
            self.set_drafted(&info.id, drafted);
        }
    }

    /// Interrupts the open turn; a second call stops the process. The queue is then paused.
    pub fn interrupt(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::Interrupt)
    }

    /// Stops the process. The run and its queue remain.
    pub fn stop(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::Stop(StopReason::OnRequest))
    }

    /// Continues the turn that a rate limit ended, once the limit is over. The prompt that does it can be cancelled.
    pub fn continue_at_reset(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::ContinueAtReset)
    }

    /// Stops a background task.
    pub fn stop_task(&self, run: &RunId, task: &str) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::StopTask(task.into()))
    }

    /// Answers an approval. Ignored if the approval is no longer open.
    pub fn answer(&self, run: &RunId, approval: &str, answer: ApprovalAnswer) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::Answer { id: approval.into(), answer })
    }

    /// Sets model, mode or effort for the next turns.
    pub fn set(&self, run: &RunId, setting: RunSetting) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::Set(setting))
    }

    /// Resumes a paused queue and resets the crash count. Recreates the run of a queue that an earlier process left.
    pub async fn resume_queue(&self, run: &RunId) -> Result<(), Refusal> {
        let handle = self.inner.ensure_run(run).await?;
        if handle.send(RunCommand::ResumeQueue) { Ok(()) } else { Err(Refusal::UnknownRun) }
    }

    /// Disposes of a run: stops its process and cancels its queue.
    pub async fn dispose(&self, run: &RunId) -> Result<(), Refusal> {
        let entry = self.inner.runs().remove(run).ok_or(Refusal::UnknownRun)?;
        entry.handle.send(RunCommand::End);
        join_tasks(vec![entry.task], SHUTDOWN_TIMEOUT).await;
        let (id, process) = (run.clone(), self.inner.options.process);
        let released = self.inner.store.with(move |db| {
            outbox::cancel_all(db, &id)?;
            registry::drop_lease(db, &id, process)?;
            registry::remove_unused(db, &id)
        });
        released.await.map_err(Refusal::NotSaved)?;
        self.inner.leftover_continuations().remove(run);
        self.inner.events.send(LiveEvent::Queued(run.clone(), Vec::new()));
        self.inner.events.send(LiveEvent::Gone(run.clone()));
        Ok(())
    }

    /// Sends no further prompt: runs go on until the end of their open turns. With false, sends prompts again.
    pub fn drain(&self, drains: bool) {
        for handle in self.inner.handles() {
            handle.send(RunCommand::Drain(drains));
        }
    }

    /// Stops every child with its group, gracefully, then by force. Queued prompts are held until the user releases
    /// them, except for a continuation, which the next salon sends at its time.
    pub async fn shutdown(self) {
        self.end_all(&[]).await;
    }

    /// Like [`shutdown`](Self::shutdown), but the queues that are neither paused nor held are left to another process.
    /// Returns the last states of their runs, and of those with a living process.
    pub async fn release(self) -> Vec<Arc<RunInfo>> {
        let mut left = self.runs();
        left.retain(|info| info.pid.is_some() || (info.queued > 0 && !info.paused));
        let moving: Vec<RunId> =
            left.iter().filter(|info| !info.paused && info.held == 0).map(|info| info.id.clone()).collect();
        self.end_all(&moving).await;
        left
    }

    /// Ends all runs. The pending prompts of the runs in `moving` are released, all others but continuations are held.
    async fn end_all(self, moving: &[RunId]) {
        self.inner.shutting_down.store(true, Ordering::Relaxed);
        // A run that is being created is completed first, and then ended with the others.
        let start_lock = self.inner.start_lock.lock().await;
        let entries = std::mem::take(&mut *self.inner.runs());
        drop(start_lock);
        for entry in entries.values() {
            entry.handle.send(RunCommand::End);
        }
        let runs: Vec<RunId> = entries.keys().cloned().collect();
        let ended = join_tasks(entries.into_values().map(|entry| entry.task).collect(), SHUTDOWN_TIMEOUT);
        tokio::join!(ended, self.inner.connector.shut_down());
        let (process, moving) = (self.inner.options.process, moving.to_vec());
        let released = self.inner.store.with(move |db| {
            for run in &runs {
                if moving.contains(run) {
                    outbox::release_pending(db, run)?;
                }
                outbox::hold_leftovers(db, run)?;
                registry::remove_unused(db, run)?;
            }
            registry::drop_leases(db, process)
        });
        if let Err(failure) = released.await {
            // The next start detects that this process is dead.
            tracing::warn!("leases were not released: {failure}");
        }
    }
}

/// Waits for tasks. Tasks that miss the deadline are aborted, which kills their children.
async fn join_tasks(tasks: Vec<JoinHandle<()>>, timeout: Duration) {
    let deadline = tokio::time::Instant::now() + timeout;
    for mut task in tasks {
        if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Inner {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Entry>> {
        // No holder of the lock leaves the map in an inconsistent state.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn leftover_continuations(&self) -> MutexGuard<'_, BTreeSet<RunId>> {
        // No holder of the lock leaves the set in an inconsistent state.
        self.leftover_continuations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handle(&self, run: &RunId) -> Option<RunHandle> {
        self.runs().get(run).map(|entry| entry.handle.clone())
    }

    fn handles(&self) -> Vec<RunHandle> {
        self.runs().values().map(|entry| entry.handle.clone()).collect()
    }

    pub(super) fn send(&self, run: &RunId, command: RunCommand) -> Result<(), Refusal> {
        let sent = self.handle(run).is_some_and(|handle| handle.send(command));
        if sent { Ok(()) } else { Err(Refusal::UnknownRun) }
    }

    /// Tells the user about a failure of a run that does not exist yet.
    pub(super) fn report(&self, run: &RunId, text: String) {
        self.events.send(LiveEvent::Notice { run: Some(run.clone()), text, error: true });
    }

    pub(super) fn run_of_session(&self, session: &SessionKey) -> Option<RunId> {
        let runs = self.runs();
        let known = runs.iter().find(|(_, entry)| entry.handle.snapshot().info.session.as_ref() == Some(session));
        let requested = || runs.iter().find(|(_, entry)| entry.requested.as_ref() == Some(session));
        known.or_else(requested).map(|(id, _)| id.clone())
    }

    pub(super) fn launch(
        &self,
        run: &RunId,
        agent: Agent,
        protocol: &'static dyn Protocol,
        opening: RunStart,
        requested: Option<SessionKey>,
    ) {
        let (handle, task) = run::start(RunParts {
            id: run.clone(),
            agent,
            protocol: self.connector.protocol(agent, protocol),
            opening,
            connector: self.connector.clone(),
            capacity: self.capacity.clone(),
            store: self.store.clone(),
            limits: self.options.limits,
            is_delivered: self.options.is_delivered.clone(),
            earliest_resume: self.options.earliest_resume.clone(),
            earlier_tasks: self.options.earlier_tasks.clone(),
            recorded: self.options.recorded.clone(),
            budgets: self.options.budgets.clone(),
            epoch: self.epoch(),
            events: self.events.clone(),
        });
        self.events.send(LiveEvent::Run(handle.snapshot().info));
        self.runs().insert(run.clone(), Entry { handle, requested, task });
    }

    /// Returns a unique epoch, also across restarts: the time plus a counter.
    fn epoch(&self) -> u64 {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        (self.store.now().millis().unsigned_abs() << 12) | (count & 0xfff)
    }

    fn recover(&self) {
        let options = &self.options;
        match options.store.with(|db| registry::sessions(db)) {
            Ok(sessions) => self.events.send(LiveEvent::Recorded(sessions)),
            Err(error) => tracing::warn!(%error, "the recorded sessions could not be read"),
        }
        if let Some(predecessor) = options.predecessor {
            recover::await_end(predecessor);
        }
        let done = recover::recover(&options.store, options.process, &options.is_delivered);
        let (text, error) = match done {
            Ok(recovered) => {
                if let Err(error) = self.publish_leftovers() {
                    tracing::warn!(%error, "leftover queues could not be published");
                }
                let Some(sentences) = recovery_summary(recovered.ended.len(), recovered.held.len()) else { return };
                (sentences, false)
            }
            Err(error) => {
                let why = crate::store::describe_error(&error);
                (format!("Recovery of the previous salon process failed: {why}"), true)
            }
        };
        self.events.send(LiveEvent::Notice { run: None, text, error });
    }
}

/// Summarises a recovery for the user; `None` if there was nothing to recover.
fn recovery_summary(ended: usize, held: usize) -> Option<String> {
    let ended = match ended {
        0 => None,
        1 => Some("Stopped a leftover agent process.".to_owned()),
        ended => Some(format!("Stopped {ended} leftover agent processes.")),
    };
    let held = match held {
        0 => None,
        1 => Some("A session has unsent prompts in its queue.".to_owned()),
        held => Some(format!("{held} sessions have unsent prompts in their queues.")),
    };
    let sentences: Vec<_> = ended.into_iter().chain(held).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// Creates a refusal with a message only.
pub(super) fn refused(why: &str) -> Refusal {
    Refusal::Failed(RunFailure::Other(why.to_owned()))
}

pub(super) fn shutting_down() -> Refusal {
    refused("salon is shutting down")
}
