//! Opening of runs: the prompt goes into the outbox first, then everything is checked that takes time, then the run is
//! launched.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::MutexGuard;

use super::options::LiveEvent;
use super::recover;
use super::run::{RunCommand, RunHandle};
use super::supervisor::{Inner, refused, shutting_down};
use crate::agent::Protocol;
use crate::agent::protocol::{Conversation, RunStart, UntrustedProject};
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{ContinuationStart, FolderTrust, Refusal, RunFailure, RunId, RunSetting, UntrustedFolder};
use crate::domain::{Agent, SessionKey};
use crate::store::registry::{self, AcquiredRun, RunRecord};
use crate::store::{handovers, outbox};

/// Result of opening a run.
pub(super) struct OpenedRun {
    /// The run.
    pub run: RunId,
    /// Prompt of the request, in the outbox.
    pub prompt: Option<PromptId>,
}

/// A run that is recorded and leased, and not launched yet.
struct RunRequest {
    protocol: &'static dyn Protocol,
    opening: RunStart,
    /// Session of the request, if it is known before the agent starts.
    session: Option<SessionKey>,
    record: RunRecord,
    acquired: AcquiredRun,
}

impl Inner {
    /// Returns a run in memory, or recreates a recorded one.
    pub(super) async fn ensure_run(self: &Arc<Self>, run: &RunId) -> Result<RunHandle, Refusal> {
        if let Some(handle) = self.handle(run) {
            return Ok(handle);
        }
        let opened = self.reopen_run(run, None).await?;
        self.handle(&opened.run).ok_or_else(shutting_down)
    }

    /// Recreates a recorded run with its session. Without a session, the agent never stored the conversation, which
    /// starts again. A turn that waits for the end of a rate limit goes on with all settings that it had.
    pub(super) async fn reopen_run(
        self: &Arc<Self>,
        run: &RunId,
        prompt: Option<String>,
    ) -> Result<OpenedRun, Refusal> {
        let id = run.clone();
        let read = self.store.with(move |db| {
            let waits = outbox::queue(db, &id)?.first().is_some_and(|first| first.not_before.is_some());
            let kept = if waits { registry::continuation(db, &id)? } else { None };
            Ok((registry::find(db, &id)?, kept.unwrap_or_default()))
        });
        let (record, ContinuationStart { mode, extra }) = read.await.map_err(Refusal::NotSaved)?;
        let record = record.ok_or(Refusal::UnknownRun)?;
        let conversation =
            record.session.as_ref().map_or(Conversation::New { id: None }, |key| Conversation::Resume(key.id.clone()));
        let opening = RunStart { mode, extra, ..RunStart::new(conversation, record.cwd.clone().into()) };
        let opened = self.open(record.agent, opening, prompt, Some(run)).await;
        if matches!(opened, Err(Refusal::LeasedBy { .. })) {
            // Another process took over what was published as a leftover.
            self.events.send(LiveEvent::Gone(run.clone()));
        }
        opened
    }

    /// Returns the run of a session; creates it if necessary.
    pub(super) async fn open_run(
        self: &Arc<Self>,
        agent: Agent,
        opening: RunStart,
        prompt: Option<String>,
    ) -> Result<OpenedRun, Refusal> {
        self.open(agent, opening, prompt, None).await
    }

    async fn open(
        self: &Arc<Self>,
        agent: Agent,
        opening: RunStart,
        prompt: Option<String>,
        recorded: Option<&RunId>,
    ) -> Result<OpenedRun, Refusal> {
        let guard = self.start_lock.lock().await;
        self.check_running()?;
        let session = requested_session(agent, &opening);
        let known = recorded.filter(|run| self.handle(run).is_some()).cloned();
        if let Some(run) = known.or_else(|| self.run_of_session(session.as_ref()?)) {
            return self.reuse_run(run, opening, prompt).await;
        }
        let protocol = (self.options.protocols)(agent).ok_or_else(|| not_driven(agent))?;
        let resumed = matches!(opening.conversation, Conversation::Resume(_));
        let mut record = self.new_record(agent, &opening, session.clone().filter(|_| resumed));
        if let Some(run) = recorded {
            record.id = run.clone();
        }
        let acquired = self.acquire(&record).await?;
        let run = acquired.record.id.clone();
        // Created by this request, so that a refusal removes the record again.
        let created = recorded.is_none() && run == record.id;
        let prompt = match self.accept(&run, prompt).await {
            Ok(prompt) => prompt,
            Err(refusal) => {
                self.withdraw(&run, None, created).await;
                return Err(refusal);
            }
        };
        if let Some(origin) = opening.origin.clone().filter(|_| created) {
            self.record_origin(&run, origin).await;
        }
        // Another request for the same new session waits until this one is launched: it has no record to find.
        let guard = Some(guard).filter(|_| session.is_some() && !resumed);
        let request = RunRequest { protocol, opening, session, record, acquired };
        if let Err(refusal) = self.check_and_launch(request, guard).await {
            // A prompt that was accepted before salon quits stays in the outbox.
            if self.check_running().is_ok() {
                let _guard = self.start_lock.lock().await;
                self.withdraw(&run, prompt, created).await;
            }
            return Err(refusal);
        }
        Ok(OpenedRun { run, prompt })
    }

    /// Applies the request to an existing run.
    async fn reuse_run(&self, run: RunId, opening: RunStart, prompt: Option<String>) -> Result<OpenedRun, Refusal> {
        let handle = self.handle(&run).ok_or(Refusal::UnknownRun)?;
        let info = handle.snapshot().info;
        if let Some(model) = opening.model.filter(|model| info.model.as_deref() != Some(model)) {
            handle.send(RunCommand::Set(RunSetting::Model(model)));
        }
        if let Some(mode) = opening.mode.filter(|mode| info.mode.as_deref() != Some(mode)) {
            handle.send(RunCommand::Set(RunSetting::Mode(mode)));
        }
        let prompt = self.accept(&run, prompt).await?;
        if prompt.is_some() {
            handle.send(RunCommand::Submitted);
        }
        Ok(OpenedRun { run, prompt })
    }

    async fn acquire(&self, record: &RunRecord) -> Result<AcquiredRun, Refusal> {
        let acquired = self.store.acquire(record.clone()).await.map_err(Refusal::NotSaved)?;
        acquired.map_err(|holder| Refusal::LeasedBy { pid: holder.pid })
    }

    /// Records the session that a run continues. Without the record only the reference is missing.
    async fn record_origin(&self, run: &RunId, origin: SessionKey) {
        let run = run.clone();
        let recorded = self.store.with(move |db| handovers::record(db, &run, &origin)).await;
        if let Err(failure) = recorded {
            tracing::warn!("the origin of a run was not recorded: {failure}");
        }
    }

    async fn accept(&self, run: &RunId, prompt: Option<String>) -> Result<Option<PromptId>, Refusal> {
        match prompt {
            Some(text) => self.store.enqueue(run, text).await.map(Some).map_err(Refusal::NotSaved),
            None => Ok(None),
        }
    }

    async fn check_and_launch(
        self: &Arc<Self>,
        request: RunRequest,
        guard: Option<MutexGuard<'_, ()>>,
    ) -> Result<(), Refusal> {
        let RunRequest { protocol, opening, session, record, acquired } = request;
        self.wait_recovered().await?;
        self.check_start(protocol, &opening).await?;
        let opening = self.with_trust(record.agent, protocol, opening).await?;
        if let (Conversation::Resume(_), Some(key)) = (&opening.conversation, session.clone()) {
            self.check_not_open_elsewhere(key, protocol, &opening).await?;
        }
        let run = acquired.record.id;
        self.check_delivered(&run, acquired.unconfirmed).await;
        let _guard = match guard {
            Some(guard) => guard,
            None => self.start_lock.lock().await,
        };
        self.check_running()?;
        if let Some(handle) = self.handle(&run) {
            // Another request for the session was faster.
            handle.send(RunCommand::Submitted);
            return Ok(());
        }
        // Another request for the session may have been refused meanwhile, and have released the lease.
        let acquired = self.acquire(&RunRecord { id: run.clone(), ..record }).await?;
        if !acquired.unconfirmed.is_empty() {
            self.hold(acquired.unconfirmed).await;
        }
        // Model and effort survive a restart; a permission mode does not.
        let opening = RunStart {
            model: opening.model.or(acquired.record.model),
            effort: opening.effort.or(acquired.record.effort),
            ..opening
        };
        self.launch(&run, acquired.record.agent, protocol, opening, session);
        Ok(())
    }

    fn check_running(&self) -> Result<(), Refusal> {
        if self.shutting_down.load(Ordering::Relaxed) { Err(shutting_down()) } else { Ok(()) }
    }

    /// Waits for recovery to complete.
    async fn wait_recovered(&self) -> Result<(), Refusal> {
        let recovered = self.recovered.clone().wait_for(|done| *done).await.is_ok();
        if recovered { self.check_running() } else { Err(shutting_down()) }
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

    /// Sets the trust in the folder of a run: as requested or remembered. Refuses the start if the user is to be asked.
    async fn with_trust(
        self: &Arc<Self>,
        agent: Agent,
        protocol: &'static dyn Protocol,
        opening: RunStart,
    ) -> Result<RunStart, Refusal> {
        let (inner, asked) = (self.clone(), opening.clone());
        let read = tokio::task::spawn_blocking(move || inner.connector.restriction(protocol, &asked));
        let Some(project) = read.await.map_err(|_| shutting_down())? else { return Ok(opening) };
        let trust = match opening.trust {
            FolderTrust::Trusted => {
                self.store.trust(agent, &opening.cwd).await.map_err(Refusal::NotSaved)?;
                FolderTrust::Trusted
            }
            _ if self.store.is_trusted(agent, &opening.cwd).await.map_err(Refusal::NotSaved)? => FolderTrust::Trusted,
            FolderTrust::WithoutSettings if project.restricted.is_some() => FolderTrust::WithoutSettings,
            // An agent that cannot leave the settings out is not started unasked.
            FolderTrust::Ask | FolderTrust::WithoutSettings => {
                let UntrustedProject { settings, programs, restricted, .. } = project;
                let can_restrict = restricted.is_some();
                return Err(Refusal::Untrusted(UntrustedFolder {
                    folder: opening.cwd,
                    settings,
                    programs,
                    can_restrict,
                }));
            }
        };
        Ok(RunStart { trust, ..opening })
    }

    /// Refuses a session that another program has open, unless that program is the server through which it is controlled.
    async fn check_not_open_elsewhere(
        self: &Arc<Self>,
        key: SessionKey,
        protocol: &'static dyn Protocol,
        opening: &RunStart,
    ) -> Result<(), Refusal> {
        let (inner, agent) = (self.clone(), key.agent);
        let holder = tokio::task::spawn_blocking(move || (inner.options.open_elsewhere)(&key)).await;
        let Some(holder) = holder.ok().flatten() else { return Ok(()) };
        match self.connector.controls(agent, protocol, opening, holder.pid).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::OpenElsewhere(holder.text)),
            Err(failure) => {
                let text = format!("{}, which cannot be controlled ({})", holder.text, failure.detail());
                Err(Refusal::OpenElsewhere(text))
            }
        }
    }

    async fn check_delivered(self: &Arc<Self>, run: &RunId, unsure: Vec<Prompt>) {
        if unsure.is_empty() {
            return;
        }
        let (inner, run, prompts) = (self.clone(), run.clone(), unsure.clone());
        let lookup = tokio::task::spawn_blocking(move || {
            recover::resolve(&inner.options.store, &run, prompts, &inner.options.is_delivered)
        });
        match lookup.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "prompts could not be looked up in the transcript");
                self.hold(unsure).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the lookup of prompts in the transcript ended");
                self.hold(unsure).await;
            }
        }
    }

    /// Holds prompts that were being sent by an earlier holder of a run, and that cannot be looked up: the user decides.
    async fn hold(&self, unsure: Vec<Prompt>) {
        let held = self.store.with(move |db| outbox::resolve_sending(db, &[], &unsure)).await;
        if let Err(failure) = held {
            // The next recovery holds them.
            tracing::warn!("prompts were not held: {failure}");
        }
    }

    /// Takes back a refused request: its prompt, the lease, and the record if the request created it. Of a run that
    /// another request started meanwhile, only the prompt. The start lock must be held.
    async fn withdraw(&self, run: &RunId, prompt: Option<PromptId>, created: bool) {
        let (id, process) = (run.clone(), self.options.process);
        let is_started = self.handle(run).is_some();
        let withdrawn = self.store.with(move |db| match prompt {
            Some(prompt) if is_started => {
                outbox::advance(db, prompt, &[PromptState::Pending], PromptState::Cancelled, None).map(drop)
            }
            None if is_started => Ok(()),
            _ => registry::withdraw(db, &id, prompt, created, process),
        });
        let withdrawn = withdrawn.await;
        if let Err(failure) = withdrawn {
            // The next start holds the prompt, and the user decides.
            tracing::warn!("a refused request was not removed from the registry: {failure}");
        }
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
}

/// Returns the session of a request, if it is known before the agent starts.
fn requested_session(agent: Agent, opening: &RunStart) -> Option<SessionKey> {
    match &opening.conversation {
        Conversation::Resume(id) | Conversation::New { id: Some(id) } => Some(SessionKey::new(agent, id.clone())),
        Conversation::New { id: None } | Conversation::Fork(_) => None,
    }
}

fn not_driven(agent: Agent) -> Refusal {
    match agent {
        Agent::Configured(agent) => {
            refused(&format!("{0} is not in the configuration; add it to config.toml as [agents.{0}]", agent.name()))
        }
        _ => refused(&format!("{} cannot run in salon; resume the session in the agent's own program", agent.label())),
    }
}
