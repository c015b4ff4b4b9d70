//! One run: the task that owns an agent's connection, timers, queue and history.
//!
//! All input of a run passes through this task one item at a time, so that no lock is needed and the order is defined.
//!
//! A run outlives its process: after a crash or an eviction, the next prompt starts another process that resumes the
//! session. It starts only after the old one is gone, so that late output cannot reach it.
//!
//! A watch channel notifies viewers of changes. They fetch new events at their own pace, so that a slow viewer delays
//! no other.

mod auto_continue;
mod budget;
mod delivery;
mod handle;
mod images;
mod kept;
mod lifecycle;
mod recorder;
mod resume_wait;
mod signals;
mod steer;
mod turn;
mod turn_state;
mod usage;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use self::budget::BudgetOptions;
use self::budget::BudgetState;
use self::delivery::Delivery;
pub use self::handle::{RunCommand, RunHandle, RunSnapshot, Viewer};
use self::kept::KeptNotices;
use self::lifecycle::{ConnectionEvent, ConnectionState};
use self::recorder::SessionRecorder;
use self::turn_state::TurnState;
use self::usage::UsageTotals;
use super::capacity::RunCapacity;
use super::connect::Connect;
use super::fingerprint::LaunchFingerprint;
use super::history::RunHistory;
use super::options::{DeliveryCheck, EarlierTasks, LiveEvent, ResumeTimeCheck};
use super::policy::LiveLimits;
use super::store_handle::StoreHandle;
use crate::agent::Protocol;
use crate::agent::protocol::{Conversation, ProtocolCommand, RunStart};
use crate::domain::approval::ApprovalAnswer;
use crate::domain::backend::{BackendChange, MAX_CHANGES};
use crate::domain::event::{EventBody, NoticeLevel};
use crate::domain::prompt::{PromptId, PromptState};
use crate::domain::run::{Phase, RunId, RunInfo, RunSetting, StopReason};
use crate::domain::{self, Agent, EntryKey, SessionKey};

/// Destination of a run's events.
#[derive(Clone, Debug)]
pub struct EventSink {
    /// Channel to the event loop.
    pub sender: mpsc::UnboundedSender<LiveEvent>,
    /// Notifies the evictor that a run changed.
    pub eviction_wake: Arc<Notify>,
}

impl EventSink {
    /// Sends an event. Ignored if the event loop has ended.
    pub fn send(&self, event: LiveEvent) {
        self.sender.send(event).ok();
    }
}

/// Parts from which a run is built.
pub struct RunParts {
    /// Id of the run.
    pub id: RunId,
    /// Agent that the run starts.
    pub agent: Agent,
    /// Protocol of the agent.
    pub protocol: &'static dyn Protocol,
    /// Session and settings of the first process.
    pub opening: RunStart,
    /// Factory for connections.
    pub connector: Arc<dyn Connect>,
    /// Places for running agents.
    pub capacity: RunCapacity,
    /// Outbox and registry.
    pub store: StoreHandle,
    /// Limits and timeouts.
    pub limits: LiveLimits,
    /// Check for a prompt in the agent's own record.
    pub is_delivered: DeliveryCheck,
    /// Check for the earliest time of a resume.
    pub earliest_resume: ResumeTimeCheck,
    /// Tasks of a session that is resumed.
    pub earlier_tasks: EarlierTasks,
    /// Folder of the sessions that salon records itself.
    pub recorded: Option<PathBuf>,
    /// Budgets of the user.
    pub budgets: BudgetOptions,
    /// Epoch of the history; differs from every earlier one of the run.
    pub epoch: u64,
    /// Destination of events.
    pub events: EventSink,
}

/// Starts the task of a run. Its process starts with the first prompt.
pub fn start(parts: RunParts) -> (RunHandle, JoinHandle<()>) {
    let (commands, receiver) = mpsc::unbounded_channel();
    let info = initial_info(parts.id, parts.agent, parts.protocol, &parts.opening);
    let history = RunHistory::new(parts.epoch);
    let now = Instant::now();
    let (sender, snapshot) =
        watch::channel(RunSnapshot { cursor: history.cursor(), info: Arc::new(info.clone()), at: now });
    let viewers: Arc<AtomicUsize> = Arc::default();
    let eviction_wake = parts.events.eviction_wake.clone();
    let handle = RunHandle { commands, snapshot, viewers: viewers.clone(), drafted: Arc::default(), eviction_wake };
    let run = Run {
        agent: parts.agent,
        protocol: parts.protocol,
        opening: parts.opening,
        connector: parts.connector,
        capacity: parts.capacity,
        store: parts.store,
        limits: parts.limits,
        delivery: Delivery::new(parts.is_delivered),
        earliest_resume: parts.earliest_resume,
        earlier_tasks: parts.earlier_tasks,
        events: parts.events,
        viewers,
        info,
        history,
        notices_to_keep: KeptNotices::default(),
        recorder: recorder::of_run(parts.recorded.as_deref(), parts.protocol.has_record()),
        usage: UsageTotals::default(),
        budgets: parts.budgets,
        budget: BudgetState::default(),
        steering: VecDeque::new(),
        snapshot: sender,
        connection: ConnectionState::Down,
        generation: 0,
        turn: TurnState::new(now),
        has_work: true,
        queue_changed: true,
        failures: 0,
        starts: VecDeque::new(),
        retry: None,
        due: None,
        unsaved: Vec::new(),
        unlinked: false,
        store_failing: false,
        notices: 0,
        draining: false,
        fingerprint: None,
        ending: false,
    };
    (handle, tokio::spawn(run.run(receiver)))
}

/// Returns the state of a run before its agent reports anything.
fn initial_info(id: RunId, agent: Agent, protocol: &dyn Protocol, opening: &RunStart) -> RunInfo {
    let mut info = RunInfo::starting(id, agent, opening.cwd.clone());
    info.capabilities = Arc::new(protocol.capabilities());
    info.phase = Phase::Stopped(StopReason::NotStarted);
    info.model = opening.model.as_deref().map(Arc::from);
    info.mode = opening.mode.as_deref().map(Arc::from);
    info.effort = opening.effort.as_deref().map(Arc::from);
    if let Conversation::Resume(id) = &opening.conversation {
        info.session = Some(SessionKey::new(agent, id.clone()));
    }
    info
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts about the queue and the process")]
struct Run {
    agent: Agent,
    protocol: &'static dyn Protocol,
    /// Session and settings of the next process.
    opening: RunStart,
    connector: Arc<dyn Connect>,
    capacity: RunCapacity,
    store: StoreHandle,
    limits: LiveLimits,
    /// Prompt that the agent acknowledged and may not have stored yet.
    delivery: Delivery,
    earliest_resume: ResumeTimeCheck,
    earlier_tasks: EarlierTasks,
    events: EventSink,
    /// Number of attached viewers.
    viewers: Arc<AtomicUsize>,
    info: RunInfo,
    history: RunHistory,
    notices_to_keep: KeptNotices,
    /// Record of the session, if its agent keeps none.
    recorder: Option<SessionRecorder>,
    usage: UsageTotals,
    budgets: BudgetOptions,
    budget: BudgetState,
    /// Prompts of the queue that are to join the open turn.
    steering: VecDeque<PromptId>,
    snapshot: watch::Sender<RunSnapshot>,
    connection: ConnectionState,
    /// Number of processes started so far.
    generation: u64,
    turn: TurnState,
    /// True if the outbox may contain a deliverable prompt.
    has_work: bool,
    /// True if the queue must be read and published again.
    queue_changed: bool,
    /// Consecutive processes that ended before they were ready.
    failures: u32,
    /// Start times of the latest processes.
    starts: VecDeque<Instant>,
    /// Time of the next retry after a failure.
    retry: Option<Instant>,
    /// Time at which a prompt that waits for a time becomes due.
    due: Option<Instant>,
    /// Prompt states that could not be stored yet. Delivery waits for them, because a prompt still counts as sending.
    unsaved: Vec<(PromptId, PromptState, Option<String>)>,
    /// True if the session is not recorded in the registry yet, because that failed.
    unlinked: bool,
    /// True if the latest store operation on the queue failed, so that the failure is reported once.
    store_failing: bool,
    notices: u64,
    /// True if no further prompt is sent.
    draining: bool,
    /// Configuration of the process when it was started; `None` without a process of its own.
    fingerprint: Option<LaunchFingerprint>,
    /// True if the run ends with its process.
    ending: bool,
}

impl Run {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<RunCommand>) {
        self.deliver().await;
        self.refresh_queue().await;
        self.publish();
        while !(self.ending && matches!(self.connection, ConnectionState::Down)) {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                command = commands.recv(), if !self.ending => match command {
                    Some(command) => self.handle_command(command).await,
                    // All handles are dropped: no caller can watch, prompt or stop the run.
                    None => self.end(),
                },
                next = self.connection.next() => self.handle_event(next).await,
                found = self.delivery.checked() => self.record_checked(found).await,
                () = until(deadline) => {}
            }
            self.run_due(Instant::now()).await;
            self.steer_next().await;
            self.deliver().await;
            self.keep_notices().await;
            self.record_session().await;
            self.refresh_queue().await;
            self.publish();
        }
    }

    async fn handle_command(&mut self, command: RunCommand) {
        match command {
            RunCommand::Submitted => self.submitted(),
            RunCommand::Steer(prompt) => self.steering.push_back(prompt),
            RunCommand::Drain(drains) => {
                self.draining = drains;
                self.has_work = true;
            }
            RunCommand::QueueChanged => self.queue_changed().await,
            RunCommand::ContinueAtReset => self.continue_at_reset().await,
            RunCommand::ResumeQueue => self.resume_queue(),
            RunCommand::Since(cursor, sender) => {
                // An error means that the viewer is gone.
                sender.send(self.history.since(cursor)).ok();
            }
            RunCommand::Stop(StopReason::Evicted) if self.has_pending_work() => {}
            RunCommand::Stop(reason) => self.stop(reason),
            RunCommand::End => self.end(),
            RunCommand::Interrupt => self.interrupt().await,
            RunCommand::Answer { id, answer } => self.answer(&id, answer).await,
            RunCommand::StopTask(task) => drop(self.command(ProtocolCommand::StopTask(task)).await),
            RunCommand::Set(setting) => self.set(setting).await,
        }
    }

    /// Returns true if work arrived after the eviction was decided.
    fn has_pending_work(&self) -> bool {
        let will_send = !self.info.paused && (self.has_work || self.info.queued > 0);
        let waits = !(self.info.approvals.is_empty() && self.info.tasks.is_empty());
        self.info.phase != Phase::Idle || will_send || waits
    }

    fn end(&mut self) {
        self.ending = true;
        self.stop(StopReason::OnRequest);
    }

    async fn handle_event(&mut self, next: ConnectionEvent) {
        match next {
            ConnectionEvent::Connected(connected) => self.connected(connected).await,
            ConnectionEvent::Received(event) => self.receive(event).await,
        }
    }

    async fn answer(&mut self, id: &str, answer: ApprovalAnswer) {
        // The approval belongs to an older process or was answered already.
        if !self.info.approvals.iter().any(|approval| &*approval.id == id) {
            return;
        }
        let Some(agent_id) = self.unqualified_id(id) else { return };
        self.command(ProtocolCommand::Answer { id: agent_id, answer }).await;
        self.remove_approval(id);
    }

    async fn set(&mut self, setting: RunSetting) {
        match &setting {
            RunSetting::Model(model) => self.opening.model = Some(model.clone()),
            RunSetting::Mode(mode) => self.opening.mode = Some(mode.clone()),
            RunSetting::Effort(effort) => self.opening.effort = Some(effort.clone()),
        }
        let mut saved = self.store.update_setting(&self.info.id, setting.clone()).await;
        if let RunSetting::Mode(mode) = &setting
            && self.info.continues_at.is_some()
        {
            saved = self.save_continuation(Some(mode.clone())).await;
        }
        if let Err(failure) = saved {
            self.notice(&format!("The setting was not saved: {failure}"), NoticeLevel::Warning);
        }
        self.command(ProtocolCommand::Set(setting)).await;
    }

    /// Adds a notice to the history. Without a viewer it is also sent to the user interface.
    fn notice(&mut self, text: &str, level: NoticeLevel) {
        let now = self.store.now();
        self.notices += 1;
        let key = EntryKey::new(&format!("salon-{}-{}", self.history.cursor().epoch, self.notices), 0);
        let body = EventBody::Notice { level, text: text.to_owned() };
        self.push_event(domain::Event { key, time: Some(now), body });
        if self.viewers.load(Ordering::Relaxed) == 0 {
            let error = matches!(level, NoticeLevel::Error);
            self.events.send(LiveEvent::Notice { run: Some(self.info.id.clone()), text: text.to_owned(), error });
        }
    }

    /// Records a change of the backend's state.
    fn record_change(&mut self) {
        let state = self.info.backend_state();
        if self.info.changes.last().is_none_or(|last| last.state != state) {
            if self.info.changes.len() == MAX_CHANGES {
                self.info.changes.remove(0);
            }
            self.info.changes.push(BackendChange { time: self.store.now(), state });
        }
    }

    /// Publishes the state to viewers and the event loop, if it changed.
    fn publish(&mut self) {
        let cursor = self.history.cursor();
        self.info.pid = self.connection.pid();
        self.info.service = self.connection.service();
        self.record_change();
        let mut changed = None;
        self.snapshot.send_if_modified(|snapshot| {
            let history_changed = snapshot.cursor != cursor;
            snapshot.cursor = cursor;
            if *snapshot.info != self.info {
                self.info.last_event = Some(self.store.now());
                snapshot.info = Arc::new(self.info.clone());
                snapshot.at = Instant::now();
                changed = Some(snapshot.info.clone());
            }
            history_changed || changed.is_some()
        });
        if let Some(info) = changed {
            self.connection.set_busy(matches!(info.phase, Phase::Working { .. } | Phase::Interrupting { .. }));
            self.events.send(LiveEvent::Run(info));
            self.events.eviction_wake.notify_one();
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
