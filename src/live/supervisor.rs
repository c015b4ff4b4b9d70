//! All runs of this salon: one a conversation, however often and from wherever it is asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::connect::Connector;
use super::evict;
use super::options::{Event, Options};
use super::post::Post;
use super::recover;
use super::run::{self, Order, Parts, RunHandle, Told, Viewer};
use crate::agent::Protocol;
use crate::agent::protocol::{Conversation, Opening};
use crate::domain::approval::Answer;
use crate::domain::prompt::Prompt;
use crate::domain::run::{Failure, Phase, Refusal, RunId, RunInfo, Setting, Stopped};
use crate::domain::{Agent, SessionKey};
use crate::store::outbox;
use crate::store::registry::{self, RunRecord};

/// How long all runs together may take to end: what a patient stop of a child takes at most.
const SHUTDOWN: Duration = Duration::from_secs(7);

/// The runs, as the rest of the program holds them. Cloning it makes another handle to the same runs.
#[derive(Clone, Debug)]
pub struct Live {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) options: Options,
    pub(super) post: Post,
    pub(super) told: Told,
    pub(super) connector: Arc<Connector>,
    runs: Mutex<BTreeMap<RunId, Entry>>,
    /// Held while a run is looked for and, if there is none, made: two who ask for the same one get the same one.
    single: tokio::sync::Mutex<()>,
    /// What a dead salon left behind is cleared away.
    recovered: watch::Receiver<bool>,
    ending: AtomicBool,
    made: AtomicU64,
}

struct Entry {
    handle: RunHandle,
    /// The session that it was asked for, before the agent told it.
    wanted: Option<SessionKey>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.told.stir.notify_one();
    }
}

impl Live {
    /// Starts it, within a runtime: no agent yet. What dead salons left behind is cleared away beside that; whoever
    /// wants a run meanwhile waits for it.
    pub fn start(options: Options) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let told = Told { events, stir: Arc::new(Notify::new()) };
        let post = Post::new(options.store.clone(), options.clock, options.me);
        let connector = Arc::new(Connector::new(options.vars.clone(), options.attached.clone(), post.clone()));
        let (done, recovered) = watch::channel(false);
        let inner = Arc::new(Inner {
            options,
            post,
            told,
            connector,
            runs: Mutex::default(),
            single: tokio::sync::Mutex::new(()),
            recovered,
            ending: AtomicBool::new(false),
            made: AtomicU64::new(0),
        });
        let clearing = inner.clone();
        tokio::task::spawn_blocking(move || {
            clearing.recover();
            done.send_replace(true);
        });
        tokio::spawn(evict::work(Arc::downgrade(&inner)));
        (Self { inner }, receiver)
    }

    /// A run of a conversation: the one that there is, or a new one. Its agent is started only if there is a prompt,
    /// which is on disk when this returns.
    pub async fn begin(&self, agent: Agent, opening: Opening, prompt: Option<String>) -> Result<RunId, Refusal> {
        let _single = self.inner.single.lock().await;
        self.inner.open_run(agent, opening, prompt).await
    }

    /// The run of a session, if this salon has one. Starts nothing.
    pub fn of_session(&self, session: &SessionKey) -> Option<RunId> {
        self.inner.of_session(session)
    }

    /// All runs, by their id.
    pub fn runs(&self) -> Vec<Arc<RunInfo>> {
        self.inner.runs().values().map(|entry| entry.handle.news().info).collect()
    }

    /// Looks at a run. As long as the viewer lives, its process is not taken away for being idle.
    pub fn watch(&self, run: &RunId) -> Option<Viewer> {
        self.inner.runs().get(run).map(|entry| entry.handle.view())
    }

    /// Stops the open turn; asked again, ends the process. The queue waits for the user then.
    pub fn interrupt(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.order(run, Order::Interrupt)
    }

    /// Ends the process. The run stays, with what waits in its queue.
    pub fn stop(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.order(run, Order::Stop(Stopped::OnRequest))
    }

    /// Answers an approval. One that waits no more is left alone.
    pub fn answer(&self, run: &RunId, approval: &str, answer: Answer) -> Result<(), Refusal> {
        self.inner.order(run, Order::Answer { id: approval.into(), answer })
    }

    /// Chooses model, mode or effort for the next turns.
    pub fn set(&self, run: &RunId, setting: Setting) -> Result<(), Refusal> {
        self.inner.order(run, Order::Set(setting))
    }

    /// Lets the queue go on, whatever it waits for; forgets how often the agent crashed.
    pub fn go_on(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.order(run, Order::GoOn)
    }

    /// Gives a run up: its process is ended, what waits in its queue is taken back for good.
    pub async fn dispose(&self, run: &RunId) -> Result<(), Refusal> {
        let entry = self.inner.runs().remove(run).ok_or(Refusal::UnknownRun)?;
        entry.handle.order(Order::End);
        end(vec![entry.task], SHUTDOWN).await;
        let (id, me) = (run.clone(), self.inner.options.me);
        let given_back = self.inner.post.with(move |db| {
            outbox::cancel_all(db, &id)?;
            registry::drop_lease(db, &id, me)?;
            registry::forget(db, &id)
        });
        given_back.await.map_err(Refusal::NotKept)?;
        self.inner.told.event(Event::Queued(run.clone(), Vec::new()));
        self.inner.told.event(Event::Gone(run.clone()));
        Ok(())
    }

    /// Ends every child, with its group: patiently, then by force. What waits in the queues is held until the user
    /// releases it.
    pub async fn shutdown(self) {
        self.inner.ending.store(true, Ordering::Relaxed);
        // Whoever is making a run now makes it before, and it is ended with the others.
        let single = self.inner.single.lock().await;
        let entries = std::mem::take(&mut *self.inner.runs());
        drop(single);
        for entry in entries.values() {
            entry.handle.order(Order::End);
        }
        let runs: Vec<RunId> = entries.keys().cloned().collect();
        let ended = end(entries.into_values().map(|entry| entry.task).collect(), SHUTDOWN);
        tokio::join!(ended, self.inner.connector.shut_down());
        let me = self.inner.options.me;
        let given_back = self.inner.post.with(move |db| {
            for run in &runs {
                outbox::hold_leftovers(db, run)?;
                registry::forget(db, run)?;
            }
            registry::drop_leases(db, me)
        });
        if let Err(fault) = given_back.await {
            // Then the next start finds that this process is dead.
            tracing::warn!("leases were not given back: {fault}");
        }
    }
}

/// Waits for tasks; those that take too long are ended, and with them what they own.
async fn end(tasks: Vec<JoinHandle<()>>, patience: Duration) {
    let deadline = tokio::time::Instant::now() + patience;
    for mut task in tasks {
        if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Inner {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Entry>> {
        // Nothing that is done under it leaves it half done.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handle(&self, run: &RunId) -> Option<RunHandle> {
        self.runs().get(run).map(|entry| entry.handle.clone())
    }

    pub(super) fn handles(&self) -> Vec<RunHandle> {
        self.runs().values().map(|entry| entry.handle.clone()).collect()
    }

    pub(super) fn order(&self, run: &RunId, order: Order) -> Result<(), Refusal> {
        let told = self.handle(run).is_some_and(|handle| handle.order(order));
        if told { Ok(()) } else { Err(Refusal::UnknownRun) }
    }

    fn of_session(&self, session: &SessionKey) -> Option<RunId> {
        let runs = self.runs();
        let told = runs.iter().find(|(_, entry)| entry.handle.news().info.session.as_ref() == Some(session));
        let wanted = || runs.iter().find(|(_, entry)| entry.wanted.as_ref() == Some(session));
        told.or_else(wanted).map(|(id, _)| id.clone())
    }

    /// A run in memory, or one on record brought back with its session. Must be called with `single` not held.
    pub(super) async fn awake(self: &Arc<Self>, run: &RunId) -> Result<RunHandle, Refusal> {
        if let Some(handle) = self.handle(run) {
            return Ok(handle);
        }
        let _single = self.single.lock().await;
        if let Some(handle) = self.handle(run) {
            return Ok(handle);
        }
        let id = run.clone();
        let record = self.post.with(move |db| registry::find(db, &id)).await.map_err(Refusal::NotKept)?;
        let record = record.ok_or(Refusal::UnknownRun)?;
        let session = record.session.ok_or_else(no_session)?;
        let opening = Opening::new(Conversation::Resume(session.id), record.cwd.into());
        let opened = self.open_run(record.agent, opening, None).await?;
        self.handle(&opened).ok_or_else(ending)
    }

    async fn open_run(
        self: &Arc<Self>,
        agent: Agent,
        opening: Opening,
        prompt: Option<String>,
    ) -> Result<RunId, Refusal> {
        self.ready().await?;
        let wanted = wanted(agent, &opening);
        if let Some(run) = wanted.as_ref().and_then(|key| self.of_session(key)) {
            return self.join(run, opening, prompt).await;
        }
        let protocol = (self.options.protocols)(agent).ok_or_else(|| not_driven(agent))?;
        self.check(protocol, &opening).await?;
        let resumed = matches!(opening.conversation, Conversation::Resume(_));
        if let (true, Some(key)) = (resumed, wanted.clone()) {
            self.ask_who_holds(key).await?;
        }
        let record = self.record(agent, &opening, wanted.clone().filter(|_| resumed));
        let adopted = self.post.adopt(record).await.map_err(Refusal::NotKept)?;
        let adopted = adopted.map_err(|holder| Refusal::HeldBy { pid: holder.pid })?;
        let run = adopted.record.id.clone();
        self.look_up(&run, adopted.unsure).await;
        if let Some(prompt) = prompt
            && let Err(fault) = self.post.enqueue(&run, prompt).await
        {
            self.give_back(&run).await;
            return Err(Refusal::NotKept(fault));
        }
        // Model and effort survive a restart; a permission mode is chosen anew each time.
        let opening = Opening {
            model: opening.model.or(adopted.record.model),
            effort: opening.effort.or(adopted.record.effort),
            ..opening
        };
        self.launch(&run, agent, protocol, opening, wanted);
        Ok(run)
    }

    /// Somebody asks for a run that there is already.
    async fn join(&self, run: RunId, opening: Opening, prompt: Option<String>) -> Result<RunId, Refusal> {
        let handle = self.handle(&run).ok_or(Refusal::UnknownRun)?;
        let info = handle.news().info;
        if let Some(model) = opening.model.filter(|model| info.model.as_deref() != Some(model)) {
            handle.order(Order::Set(Setting::Model(model)));
        }
        if let Some(mode) = opening.mode.filter(|mode| info.mode.as_deref() != Some(mode)) {
            handle.order(Order::Set(Setting::Mode(mode)));
        }
        if let Some(prompt) = prompt {
            self.post.enqueue(&run, prompt).await.map_err(Refusal::NotKept)?;
            handle.order(Order::Submitted);
        }
        Ok(run)
    }

    /// Waits until what dead salons left behind is cleared away.
    async fn ready(&self) -> Result<(), Refusal> {
        let recovered = self.recovered.clone().wait_for(|done| *done).await.is_ok();
        if self.ending.load(Ordering::Relaxed) || !recovered { Err(ending()) } else { Ok(()) }
    }

    /// What can be seen without starting anything.
    async fn check(self: &Arc<Self>, protocol: &'static dyn Protocol, opening: &Opening) -> Result<(), Refusal> {
        let (inner, launch) = (self.clone(), protocol.launch(opening));
        let checked = tokio::task::spawn_blocking(move || {
            if !launch.cwd.as_os_str().is_empty() && !launch.cwd.is_dir() {
                return Err(refused(&format!("the directory {} is gone; choose another", launch.cwd.display())));
            }
            let installed = super::environment::is_installed(&launch.program, &inner.options.vars);
            if installed { Ok(()) } else { Err(Refusal::Failed(Failure::NotInstalled)) }
        });
        checked.await.unwrap_or(Err(ending()))
    }

    async fn ask_who_holds(self: &Arc<Self>, key: SessionKey) -> Result<(), Refusal> {
        let inner = self.clone();
        let holder = tokio::task::spawn_blocking(move || (inner.options.held)(&key)).await;
        holder.ok().flatten().map_or(Ok(()), |who| Err(Refusal::OpenElsewhere(who)))
    }

    fn record(&self, agent: Agent, opening: &Opening, session: Option<SessionKey>) -> RunRecord {
        let now = self.post.now();
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let me = self.options.me;
        RunRecord {
            // Unique: no other process ever has this identity.
            id: RunId(format!("{:x}-{:x}-{count:x}", now.millis(), me.start ^ u64::from(me.pid)).into()),
            agent,
            session,
            cwd: opening.cwd.to_string_lossy().into_owned(),
            model: opening.model.clone(),
            effort: opening.effort.clone(),
            created: now,
            last_activity: now,
        }
    }

    async fn look_up(self: &Arc<Self>, run: &RunId, unsure: Vec<Prompt>) {
        if unsure.is_empty() {
            return;
        }
        let (inner, run) = (self.clone(), run.clone());
        let looked = tokio::task::spawn_blocking(move || {
            recover::resolve(&inner.options.store, &run, &unsure, &inner.options.arrived)
        });
        if let Ok(Err(error)) = looked.await {
            // They stay held: the user decides.
            tracing::warn!(%error, "it could not be looked up what arrived");
        }
    }

    async fn give_back(&self, run: &RunId) {
        let (id, me) = (run.clone(), self.options.me);
        let given = self.post.with(move |db| {
            registry::drop_lease(db, &id, me)?;
            registry::forget(db, &id)
        });
        if let Err(fault) = given.await {
            tracing::warn!("a run that did not begin stays on record: {fault}");
        }
    }

    fn launch(
        &self,
        run: &RunId,
        agent: Agent,
        protocol: &'static dyn Protocol,
        opening: Opening,
        wanted: Option<SessionKey>,
    ) {
        let (handle, task) = run::start(Parts {
            id: run.clone(),
            agent,
            protocol,
            opening,
            connector: self.connector.clone(),
            post: self.post.clone(),
            limits: self.options.limits,
            epoch: self.epoch(),
            told: self.told.clone(),
        });
        self.told.event(Event::Run(handle.news().info));
        self.runs().insert(run.clone(), Entry { handle, wanted, task });
    }

    /// Another one for every history, also over restarts: the time, made unique within this salon.
    fn epoch(&self) -> u64 {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        (self.post.now().millis().unsigned_abs() << 12) | (count & 0xfff)
    }

    fn recover(&self) {
        let options = &self.options;
        let done = recover::recover(&options.store, options.me, &options.arrived);
        let (text, error) = match done {
            Ok(recovered) => {
                if let Err(error) = self.tell_waiting() {
                    tracing::warn!(%error, "what waits from before cannot be told");
                }
                let Some(words) = in_words(recovered.ended.len(), recovered.held.len()) else { return };
                (words, false)
            }
            Err(error) => {
                let why = crate::store::in_words(&error);
                (format!("What the last salon left behind could not be cleared away: {why}"), true)
            }
        };
        self.told.event(Event::Notice { run: None, text, error });
    }

    /// Tells of the runs that have prompts waiting from before, as far as no living salon holds them. None is started.
    fn tell_waiting(&self) -> crate::store::Result<()> {
        let options = &self.options;
        let mut queues: BTreeMap<RunId, Vec<Prompt>> = BTreeMap::new();
        for prompt in options.store.with(|db| outbox::all_queued(db))? {
            queues.entry(prompt.run.clone()).or_default().push(prompt);
        }
        for (run, queue) in queues {
            let (record, holder) =
                options.store.with(|db| Ok((registry::find(db, &run)?, registry::holder(db, &run)?)))?;
            let elsewhere = holder.is_some_and(|holder| holder != options.me && !recover::is_dead(holder));
            let Some(record) = record.filter(|_| !elsewhere) else { continue };
            let info = RunInfo {
                session: record.session,
                phase: Phase::Stopped(Stopped::NotStarted),
                model: record.model.map(Arc::from),
                effort: record.effort.map(Arc::from),
                held: queue.len(),
                active: Some(record.last_activity),
                ..RunInfo::starting(run.clone(), record.agent, record.cwd.into())
            };
            self.told.event(Event::Run(Arc::new(info)));
            self.told.event(Event::Queued(run, queue));
        }
        Ok(())
    }
}

/// What was found of dead salons; nothing where there was nothing.
fn in_words(ended: usize, held: usize) -> Option<String> {
    let ended = match ended {
        0 => None,
        1 => Some("an agent that a dead salon left behind was ended".to_owned()),
        ended => Some(format!("{ended} agents that a dead salon left behind were ended")),
    };
    let held = match held {
        0 => None,
        1 => Some("a conversation has prompts that were not sent: they wait in it".to_owned()),
        held => Some(format!("{held} conversations have prompts that were not sent: they wait there")),
    };
    let words: Vec<_> = ended.into_iter().chain(held).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// The session that an opening is about, where there is one before the agent is asked.
fn wanted(agent: Agent, opening: &Opening) -> Option<SessionKey> {
    match &opening.conversation {
        Conversation::Resume(id) | Conversation::New { id: Some(id) } => Some(SessionKey::new(agent, id.clone())),
        Conversation::New { id: None } | Conversation::Fork(_) => None,
    }
}

/// A refusal that no other has to tell apart.
pub(super) fn refused(why: &str) -> Refusal {
    Refusal::Failed(Failure::Other(why.to_owned()))
}

fn ending() -> Refusal {
    refused("salon is ending")
}

fn not_driven(agent: Agent) -> Refusal {
    refused(&format!("{} cannot be run in salon; resume it in its own program", agent.label()))
}

fn no_session() -> Refusal {
    let why = "its agent never told which conversation it was; begin a new one";
    Refusal::Failed(Failure::UnknownSession(why.into()))
}
