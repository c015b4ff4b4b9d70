//! Supervisor of all runs of this process: one run per session, however often it is opened.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::connect::Connector;
use super::evict;
use super::options::{LiveEvent, LiveOptions};
use super::run::{self, EventSink, RunCommand, RunHandle, RunParts, Viewer};
use super::store_handle::StoreHandle;
use super::{identity, recover};
use crate::agent::Protocol;
use crate::agent::protocol::{Conversation, RunStart};
use crate::domain::approval::ApprovalAnswer;
use crate::domain::prompt::Prompt;
use crate::domain::run::{Phase, Refusal, RunFailure, RunId, RunInfo, RunSetting, StopReason};
use crate::domain::{Agent, SessionKey};
use crate::store::outbox;
use crate::store::registry::{self, RunRecord};

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
    runs: Mutex<BTreeMap<RunId, Entry>>,
    /// Serialises lookup and creation of runs, so that concurrent requests for a session get the same run.
    start_lock: tokio::sync::Mutex<()>,
    /// True once recovery after a crash is complete.
    recovered: watch::Receiver<bool>,
    shutting_down: AtomicBool,
    counter: AtomicU64,
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
        let connector = Arc::new(Connector::new(options.vars.clone(), options.attached.clone(), store.clone()));
        let (done, recovered) = watch::channel(false);
        let inner = Arc::new(Inner {
            options,
            store,
            events: sink,
            connector,
            runs: Mutex::default(),
            start_lock: tokio::sync::Mutex::new(()),
            recovered,
            shutting_down: AtomicBool::new(false),
            counter: AtomicU64::new(0),
        });
        let recovering = inner.clone();
        tokio::task::spawn_blocking(move || {
            recovering.recover();
            done.send_replace(true);
        });
        let (wake, limits, weak) = (inner.events.eviction_wake.clone(), inner.options.limits, Arc::downgrade(&inner));
        tokio::spawn(evict::run_evictor(wake, limits, move || weak.upgrade().map(|inner| inner.handles())));
        (Self { inner }, receiver)
    }

    /// Returns the run of a session; creates it if necessary. The agent starts only if there is a prompt, which is on
    /// disk on return.
    pub async fn open_run(&self, agent: Agent, opening: RunStart, prompt: Option<String>) -> Result<RunId, Refusal> {
        let _guard = self.inner.start_lock.lock().await;
        self.inner.open_run(agent, opening, prompt).await
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

    /// Interrupts the open turn; a second call stops the process. The queue is then paused.
    pub fn interrupt(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::Interrupt)
    }

    /// Stops the process. The run and its queue remain.
    pub fn stop(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::Stop(StopReason::OnRequest))
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

    /// Resumes a paused queue and resets the crash count.
    pub fn resume_queue(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.send(run, RunCommand::ResumeQueue)
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
        self.inner.events.send(LiveEvent::Queued(run.clone(), Vec::new()));
        self.inner.events.send(LiveEvent::Gone(run.clone()));
        Ok(())
    }

    /// Stops every child with its group, gracefully, then by force. Queued prompts are held until the user releases
    /// them.
    pub async fn shutdown(self) {
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
        let process = self.inner.options.process;
        let released = self.inner.store.with(move |db| {
            for run in &runs {
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

    fn run_of_session(&self, session: &SessionKey) -> Option<RunId> {
        let runs = self.runs();
        let known = runs.iter().find(|(_, entry)| entry.handle.snapshot().info.session.as_ref() == Some(session));
        let requested = || runs.iter().find(|(_, entry)| entry.requested.as_ref() == Some(session));
        known.or_else(requested).map(|(id, _)| id.clone())
    }

    /// Returns a run in memory, or recreates a recorded one with its session. The caller must not hold `start_lock`.
    pub(super) async fn ensure_run(self: &Arc<Self>, run: &RunId) -> Result<RunHandle, Refusal> {
        if let Some(handle) = self.handle(run) {
            return Ok(handle);
        }
        let _guard = self.start_lock.lock().await;
        if let Some(handle) = self.handle(run) {
            return Ok(handle);
        }
        let id = run.clone();
        let record = self.store.with(move |db| registry::find(db, &id)).await.map_err(Refusal::NotSaved)?;
        let record = record.ok_or(Refusal::UnknownRun)?;
        let session = record.session.ok_or_else(no_session)?;
        let opening = RunStart::new(Conversation::Resume(session.id), record.cwd.into());
        let opened = self.open_run(record.agent, opening, None).await?;
        self.handle(&opened).ok_or_else(shutting_down)
    }

    async fn open_run(
        self: &Arc<Self>,
        agent: Agent,
        opening: RunStart,
        prompt: Option<String>,
    ) -> Result<RunId, Refusal> {
        self.wait_recovered().await?;
        let requested = requested_session(agent, &opening);
        if let Some(run) = requested.as_ref().and_then(|key| self.run_of_session(key)) {
            return self.reuse_run(run, opening, prompt).await;
        }
        let protocol = (self.options.protocols)(agent).ok_or_else(|| not_driven(agent))?;
        self.check_start(protocol, &opening).await?;
        let resumed = matches!(opening.conversation, Conversation::Resume(_));
        if let (true, Some(key)) = (resumed, requested.clone()) {
            self.check_not_open_elsewhere(key).await?;
        }
        let record = self.new_record(agent, &opening, requested.clone().filter(|_| resumed));
        let acquired = self.store.acquire(record).await.map_err(Refusal::NotSaved)?;
        let acquired = acquired.map_err(|holder| Refusal::LeasedBy { pid: holder.pid })?;
        let run = acquired.record.id.clone();
        self.check_delivered(&run, acquired.unconfirmed).await;
        if let Some(prompt) = prompt
            && let Err(failure) = self.store.enqueue(&run, prompt).await
        {
            self.release_run(&run).await;
            return Err(Refusal::NotSaved(failure));
        }
        // Model and effort survive a restart; a permission mode does not.
        let opening = RunStart {
            model: opening.model.or(acquired.record.model),
            effort: opening.effort.or(acquired.record.effort),
            ..opening
        };
        self.launch(&run, agent, protocol, opening, requested);
        Ok(run)
    }

    /// Applies the request to an existing run.
    async fn reuse_run(&self, run: RunId, opening: RunStart, prompt: Option<String>) -> Result<RunId, Refusal> {
        let handle = self.handle(&run).ok_or(Refusal::UnknownRun)?;
        let info = handle.snapshot().info;
        if let Some(model) = opening.model.filter(|model| info.model.as_deref() != Some(model)) {
            handle.send(RunCommand::Set(RunSetting::Model(model)));
        }
        if let Some(mode) = opening.mode.filter(|mode| info.mode.as_deref() != Some(mode)) {
            handle.send(RunCommand::Set(RunSetting::Mode(mode)));
        }
        if let Some(prompt) = prompt {
            self.store.enqueue(&run, prompt).await.map_err(Refusal::NotSaved)?;
            handle.send(RunCommand::Submitted);
        }
        Ok(run)
    }

    /// Waits for recovery to complete.
    async fn wait_recovered(&self) -> Result<(), Refusal> {
        let recovered = self.recovered.clone().wait_for(|done| *done).await.is_ok();
        if self.shutting_down.load(Ordering::Relaxed) || !recovered { Err(shutting_down()) } else { Ok(()) }
    }

    /// Checks for errors that are detectable without starting the agent.
    async fn check_start(self: &Arc<Self>, protocol: &'static dyn Protocol, opening: &RunStart) -> Result<(), Refusal> {
        let (inner, launch) = (self.clone(), protocol.launch(opening));
        let checked = tokio::task::spawn_blocking(move || {
            if !launch.cwd.as_os_str().is_empty() && !launch.cwd.is_dir() {
                return Err(refused(&format!(
                    "the directory {} does not exist; choose another one",
                    launch.cwd.display()
                )));
            }
            let installed = super::environment::is_installed(&launch.program, &inner.options.vars);
            if installed { Ok(()) } else { Err(Refusal::Failed(RunFailure::NotInstalled)) }
        });
        checked.await.unwrap_or(Err(shutting_down()))
    }

    async fn check_not_open_elsewhere(self: &Arc<Self>, key: SessionKey) -> Result<(), Refusal> {
        let inner = self.clone();
        let holder = tokio::task::spawn_blocking(move || (inner.options.open_elsewhere)(&key)).await;
        holder.ok().flatten().map_or(Ok(()), |owner| Err(Refusal::OpenElsewhere(owner)))
    }

    fn new_record(&self, agent: Agent, opening: &RunStart, session: Option<SessionKey>) -> RunRecord {
        let now = self.store.now();
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let process = self.options.process;
        RunRecord {
            // Unique, because no other process has this identity.
            id: RunId(format!("{:x}-{:x}-{count:x}", now.millis(), process.start ^ u64::from(process.pid)).into()),
            agent,
            session,
            cwd: opening.cwd.to_string_lossy().into_owned(),
            model: opening.model.clone(),
            effort: opening.effort.clone(),
            created: now,
            last_activity: now,
        }
    }

    async fn check_delivered(self: &Arc<Self>, run: &RunId, unsure: Vec<Prompt>) {
        if unsure.is_empty() {
            return;
        }
        let (inner, run) = (self.clone(), run.clone());
        let lookup = tokio::task::spawn_blocking(move || {
            recover::resolve(&inner.options.store, &run, &unsure, &inner.options.is_delivered)
        });
        if let Ok(Err(error)) = lookup.await {
            // The prompts stay held, and the user decides.
            tracing::warn!(%error, "held prompts could not be looked up in the transcript");
        }
    }

    async fn release_run(&self, run: &RunId) {
        let (id, process) = (run.clone(), self.options.process);
        let released = self.store.with(move |db| {
            registry::drop_lease(db, &id, process)?;
            registry::remove_unused(db, &id)
        });
        if let Err(failure) = released.await {
            tracing::warn!("the record of a run that did not start was not removed: {failure}");
        }
    }

    fn launch(
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
            protocol,
            opening,
            connector: self.connector.clone(),
            store: self.store.clone(),
            limits: self.options.limits,
            is_delivered: self.options.is_delivered.clone(),
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
        let done = recover::recover(&options.store, options.process, &options.is_delivered);
        let (text, error) = match done {
            Ok(recovered) => {
                if let Err(error) = self.publish_leftover_queues() {
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

    /// Publishes runs with queued prompts from an earlier process, unless a live process has their lease. Starts none.
    fn publish_leftover_queues(&self) -> crate::store::Result<()> {
        let options = &self.options;
        let mut queues: BTreeMap<RunId, Vec<Prompt>> = BTreeMap::new();
        for prompt in options.store.with(|db| outbox::all_queued(db))? {
            queues.entry(prompt.run.clone()).or_default().push(prompt);
        }
        for (run, queue) in queues {
            let (record, holder) =
                options.store.with(|db| Ok((registry::find(db, &run)?, registry::holder(db, &run)?)))?;
            let elsewhere = holder.is_some_and(|holder| holder != options.process && !identity::is_dead(holder));
            let Some(record) = record.filter(|_| !elsewhere) else { continue };
            let info = RunInfo {
                session: record.session,
                phase: Phase::Stopped(StopReason::NotStarted),
                model: record.model.map(Arc::from),
                effort: record.effort.map(Arc::from),
                held: queue.len(),
                last_event: Some(record.last_activity),
                ..RunInfo::starting(run.clone(), record.agent, record.cwd.into())
            };
            self.events.send(LiveEvent::Run(Arc::new(info)));
            self.events.send(LiveEvent::Queued(run, queue));
        }
        Ok(())
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

/// Returns the session of a request, if it is known before the agent starts.
fn requested_session(agent: Agent, opening: &RunStart) -> Option<SessionKey> {
    match &opening.conversation {
        Conversation::Resume(id) | Conversation::New { id: Some(id) } => Some(SessionKey::new(agent, id.clone())),
        Conversation::New { id: None } | Conversation::Fork(_) => None,
    }
}

/// Creates a refusal with a message only.
pub(super) fn refused(why: &str) -> Refusal {
    Refusal::Failed(RunFailure::Other(why.to_owned()))
}

fn shutting_down() -> Refusal {
    refused("salon is shutting down")
}

fn not_driven(agent: Agent) -> Refusal {
    refused(&format!("{} cannot run in salon; resume the session in the agent's own program", agent.label()))
}

fn no_session() -> Refusal {
    let why = "its agent did not report a session id; start a new session";
    Refusal::Failed(RunFailure::UnknownSession(why.into()))
}
