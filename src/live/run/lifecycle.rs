//! Connection of a run: start, events, exit, retries.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Run;
use crate::agent::protocol::{Codec, CodecStep, Conversation, ProtocolCommand, RunStart, Transport};
use crate::domain::event::NoticeLevel;
use crate::domain::run::{Phase, RunFailure, SessionTask, StopReason, TurnOutcome};
use crate::domain::{SessionKey, Time};
use crate::live::capacity::RunPlace;
use crate::live::policy::{self, StartFailureAction};
use crate::live::process::{GracePeriods, MAX_LINE_BYTES, ProcessExit};
use crate::live::transport::{self, Connection, Sent, TransportEvent};

/// Maximum events handled before publishing, because a flood must not delay viewers.
const MAX_BATCH: usize = 256;

/// State of a run's connection to its agent.
pub(super) enum ConnectionState {
    /// No process.
    Down,
    /// The connection is being opened.
    Connecting(JoinHandle<Result<PlacedConnection, RunFailure>>),
    /// The connection is open, or its end has not been reported yet.
    Up(Box<OpenConnection>),
}

/// A connection with its place among the running agents.
pub(super) type PlacedConnection = (Box<dyn Connection>, RunPlace);

/// An open connection with its codec.
pub(super) struct OpenConnection {
    connection: Box<dyn Connection>,
    _place: RunPlace,
    codec: Box<dyn Codec>,
    /// Time at which the agent closed stdout.
    stdout_closed: Option<Instant>,
}

/// An event of a run's connection.
pub(super) enum ConnectionEvent {
    /// The connection was opened, or could not be.
    Connected(Result<PlacedConnection, RunFailure>),
    /// The agent sent something, or exited.
    Received(TransportEvent),
}

impl OpenConnection {
    /// Tells the agent that the conversation is closed. Nothing waits for its answer.
    fn close(&mut self, now: Time) {
        for outgoing in self.codec.command(ProtocolCommand::Close, now).outgoing {
            // An agent that no longer accepts input has ended.
            self.connection.send(outgoing);
        }
    }
}

impl ConnectionState {
    /// Waits for the next event; pending for ever without a connection.
    pub(super) async fn next(&mut self) -> ConnectionEvent {
        match self {
            Self::Down => std::future::pending().await,
            Self::Connecting(task) => ConnectionEvent::Connected(match task.await {
                Ok(connected) => connected,
                Err(error) => Err(RunFailure::Other(error.to_string())),
            }),
            Self::Up(up) => ConnectionEvent::Received(up.connection.next_event().await),
        }
    }

    /// Returns the pid of the run's own process, if any.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Up(up) => up.connection.pid(),
            Self::Down | Self::Connecting(_) => None,
        }
    }

    /// Returns the pid of the registered server of the user that has the session, if one has it.
    pub(super) fn service(&self) -> Option<u32> {
        match self {
            Self::Up(up) => up.connection.service(),
            Self::Down | Self::Connecting(_) => None,
        }
    }

    /// Records whether a turn is open.
    pub(super) fn set_busy(&self, busy: bool) {
        if let Self::Up(up) = self {
            up.connection.set_busy(busy);
        }
    }

    /// Returns true if at least one byte of a sent item was written.
    pub(super) fn wrote(&self, sent: Sent) -> bool {
        match self {
            Self::Up(up) => up.connection.wrote(sent),
            Self::Down | Self::Connecting(_) => false,
        }
    }
}

impl Run {
    /// Starts a process, unless one exists or the start limit is reached.
    pub(super) fn start(&mut self) {
        if !matches!(self.connection, ConnectionState::Down) || self.ending {
            return;
        }
        self.retry = None;
        let now = Instant::now();
        let ages: Vec<_> = self.starts.iter().map(|start| now.duration_since(*start)).collect();
        if !policy::may_start(&ages) {
            self.report_start_limit();
            return;
        }
        self.starts.push_back(now);
        while self.starts.len() > policy::MAX_STARTS {
            self.starts.pop_front();
        }
        self.generation += 1;
        self.info.generation = self.generation;
        self.usage.process_started(&self.info);
        self.turn.touch(now);
        self.info.phase = Phase::Starting;
        self.info.stopping = None;
        let (connector, agent, protocol) = (self.connector.clone(), self.agent, self.protocol);
        let opening = self.opening.clone();
        if self.generation == 1
            && let Some(project) = connector.untrusted_project(protocol, &opening)
        {
            let settings: Vec<_> = project.settings.iter().map(|path| path.to_string_lossy()).collect();
            let text = format!(
                "This folder is not trusted in {}: its settings are not loaded ({}). {}",
                agent.label(),
                settings.join(", "),
                project.advice
            );
            self.notice(&text, NoticeLevel::Warning);
        }
        let wait = self.resume_wait();
        let capacity = self.capacity.clone();
        if let Some(reason) = capacity.reason_to_wait() {
            self.notice(&reason, NoticeLevel::Info);
        }
        let connect = async move {
            wait.wait().await;
            let place = capacity.take().await;
            connector.connect(agent, protocol, &opening).await.map(|connection| (connection, place))
        };
        self.connection = ConnectionState::Connecting(tokio::spawn(connect));
    }

    fn report_start_limit(&mut self) {
        self.info.paused = true;
        let failure = self.info.failure.clone().unwrap_or(RunFailure::Crashed { code: None, stderr: String::new() });
        self.info.failure = Some(failure.clone());
        self.info.phase = Phase::Stopped(StopReason::Failed(failure));
        let label = self.agent.label();
        self.notice(
            &format!("{label} keeps crashing: it was started {} times within a minute.", policy::MAX_STARTS),
            NoticeLevel::Error,
        );
    }

    pub(super) async fn connected(&mut self, connected: Result<PlacedConnection, RunFailure>) {
        match connected {
            Err(failure) => {
                self.connection = ConnectionState::Down;
                self.closed(failure).await;
            }
            Ok((connection, place)) => {
                self.info.started = Some(self.store.now());
                // Opening may have waited for other reasons than the agent.
                self.turn.touch(Instant::now());
                self.connection = ConnectionState::Up(Box::new(OpenConnection {
                    connection,
                    _place: place,
                    codec: self.protocol.codec(),
                    stdout_closed: None,
                }));
                self.fingerprint = self.connector.fingerprint(self.protocol, &self.opening).await;
                self.look_for_history().await;
                let tasks = self.known_tasks().await.into();
                let opening = RunStart { tasks, ..self.opening.clone() };
                self.command(ProtocolCommand::Open(opening)).await;
            }
        }
    }

    /// Returns the tasks that earlier processes of the session left, if the agent changes them by their ids.
    async fn known_tasks(&mut self) -> Vec<SessionTask> {
        let Conversation::Resume(id) = &self.opening.conversation else { return Vec::new() };
        if !self.protocol.changes_tasks_by_id() {
            return Vec::new();
        }
        let (read, key) = (self.earlier_tasks.clone(), SessionKey::new(self.agent, id.clone()));
        tokio::task::spawn_blocking(move || read(&key)).await.unwrap_or_default()
    }

    /// Handles an event, and those that are already available behind it.
    pub(super) async fn receive(&mut self, first: TransportEvent) {
        let mut next = Some(first);
        for _ in 0..MAX_BATCH {
            let Some(event) = next.take() else { return };
            self.handle_transport(event).await;
            if let ConnectionState::Up(up) = &mut self.connection {
                next = transport::try_next_event(&mut *up.connection).await;
            }
        }
        if let Some(event) = next {
            self.handle_transport(event).await;
        }
    }

    async fn handle_transport(&mut self, event: TransportEvent) {
        let now = self.store.now();
        let ConnectionState::Up(up) = &mut self.connection else { return };
        match &event {
            TransportEvent::Exited(exit) => {
                let exit = exit.clone();
                self.exited(exit).await;
            }
            TransportEvent::LineTooLong => {
                self.record_activity();
                let (label, limit) = (self.agent.label(), MAX_LINE_BYTES >> 20);
                let text = format!("A message of {label} with more than {limit} MB was skipped; the turn continues.");
                self.notice(&text, NoticeLevel::Warning);
            }
            TransportEvent::Closed => {
                // The agent can report nothing more: without a stop its turn would stay open for ever.
                up.stdout_closed = Some(Instant::now());
                up.connection.stop(GracePeriods::default());
            }
            TransportEvent::Line(_)
            | TransportEvent::Response { .. }
            | TransportEvent::ServerEvent(_)
            | TransportEvent::File { .. }
            | TransportEvent::Terminal { .. }
            | TransportEvent::Resumed => {
                if let Some(incoming) = event.incoming() {
                    let step = up.codec.decode(incoming, now);
                    // A server also sends events of other sessions, and some that only keep the connection open.
                    let is_ours = matches!(event, TransportEvent::Line(_) | TransportEvent::Response { .. });
                    if is_ours || !step.signals.is_empty() {
                        self.record_activity();
                    }
                    self.apply_step(step).await;
                }
            }
        }
    }

    /// Records that the agent is active.
    fn record_activity(&mut self) {
        self.turn.touch(Instant::now());
        self.info.silent_since = None;
    }

    /// Sends a command to the agent, if it is connected. Returns the receipt of the last item.
    pub(super) async fn command(&mut self, command: ProtocolCommand) -> Option<Sent> {
        self.command_at(command, self.store.now()).await
    }

    /// Sends a command as of a given time.
    pub(super) async fn command_at(&mut self, command: ProtocolCommand, at: Time) -> Option<Sent> {
        let ConnectionState::Up(up) = &mut self.connection else { return None };
        let step = up.codec.command(command, at);
        self.apply_step(step).await
    }

    /// Sends the outgoing items of a step and applies its signals. Returns the receipt of the last item.
    pub(super) async fn apply_step(&mut self, step: CodecStep) -> Option<Sent> {
        let mut last = None;
        for outgoing in step.outgoing {
            let ConnectionState::Up(up) = &mut self.connection else { break };
            let sent = up.connection.send(outgoing);
            if sent.is_none() {
                // The exit event follows and contains the cause.
                tracing::debug!(run = %self.info.id, "the agent no longer accepts input");
            }
            last = sent.or(last);
        }
        for signal in step.signals {
            self.apply_signal(signal).await;
        }
        last
    }

    /// Stops a process whose configuration has changed, if a prompt waits for it. The next process resumes the session.
    pub(super) async fn replace_outdated(&mut self) -> bool {
        // A process whose session cannot be resumed is kept.
        if !self.protocol.has_record() && !self.info.capabilities.resumes {
            return false;
        }
        let Some(before) = self.fingerprint.clone() else { return false };
        let now = self.connector.fingerprint(self.protocol, &self.opening).await;
        let Some(change) = now.and_then(|now| before.change(&now)) else { return false };
        // A process with background tasks is still in use.
        let is_needed = !self.info.tasks.is_empty() || !self.store.is_next(&self.info.id).await.unwrap_or(false);
        if is_needed {
            return false;
        }
        self.fingerprint = None;
        self.notice(&format!("{} is started again, because {change}.", self.agent.label()), NoticeLevel::Info);
        self.stop(StopReason::Evicted);
        true
    }

    /// Stops the process gracefully.
    pub(super) fn stop(&mut self, reason: StopReason) {
        // Pause the queue, because a queued prompt would restart the process at once.
        self.info.paused |= reason == StopReason::OnRequest && (self.has_work || self.info.queued > 0);
        match &mut self.connection {
            ConnectionState::Down => {
                self.retry = None;
                self.info.phase = Phase::Stopped(reason);
            }
            ConnectionState::Connecting(task) => {
                // A process that is already spawned is killed when the task is dropped.
                task.abort();
                self.connection = ConnectionState::Down;
                self.info.phase = Phase::Stopped(reason);
            }
            ConnectionState::Up(up) => {
                self.info.stopping = Some(reason);
                up.close(self.store.now());
                up.connection.stop(GracePeriods::default());
            }
        }
    }

    /// Stops the process without the stdin grace period. Called again, kills it.
    pub(super) fn force(&mut self) {
        let ConnectionState::Up(up) = &mut self.connection else { return };
        if self.info.stopping.is_some() {
            up.connection.kill();
            return;
        }
        self.info.stopping = Some(StopReason::OnRequest);
        up.connection.stop(GracePeriods { close: Duration::ZERO, ..GracePeriods::default() });
    }

    async fn exited(&mut self, exit: ProcessExit) {
        self.resolve_unsent().await;
        let ConnectionState::Up(up) = std::mem::replace(&mut self.connection, ConnectionState::Down) else {
            return;
        };
        if let Some(child) = up.connection.recorded_child()
            && let Err(failure) = self.store.remove_child(child).await
        {
            tracing::warn!("the record of a child was not removed: {failure}");
        }
        if exit.unresponsive {
            self.interrupted_by_restart();
        }
        // An agent that exits by itself closes stdout just before; one that had to be stopped took longer.
        let kept_running = up.stdout_closed.is_some_and(|closed| closed.elapsed() >= GracePeriods::default().close);
        if exit.code.is_none() && kept_running && self.info.stopping.is_none() {
            self.closed(RunFailure::Other("the agent closed its output and kept running; it was stopped".into())).await;
        } else {
            self.closed(self.protocol.ended(exit.code, &exit.stderr)).await;
        }
    }

    /// Records that salon ends a server that did not respond: an open turn is interrupted, and its prompt is not sent
    /// again.
    fn interrupted_by_restart(&mut self) {
        self.info.stopping = Some(StopReason::Evicted);
        if matches!(self.info.phase, Phase::Working { .. } | Phase::Interrupting { .. }) {
            let label = self.agent.label();
            let text = format!("Interrupted, because {label} did not respond and is started again.");
            self.notice(&text, NoticeLevel::Error);
        }
    }

    /// Handles the end of the connection. `failure` is the cause, unless a stop was requested.
    async fn closed(&mut self, failure: RunFailure) {
        let was_starting = self.info.phase == Phase::Starting;
        let was_interrupted = matches!(self.info.phase, Phase::Working { .. } | Phase::Interrupting { .. });
        // An idle session loses nothing with the server that it shares; the next prompt starts another one.
        let unharmed = self.info.phase == Phase::Idle && self.protocol.transport() == Transport::Server;
        let unrequested = if unharmed { StopReason::Evicted } else { StopReason::Failed(failure) };
        let stopped = self.info.stopping.take().unwrap_or(unrequested);
        let outcome = match &stopped {
            StopReason::Failed(failure) => TurnOutcome::Failed(failure.clone()),
            StopReason::NotStarted | StopReason::OnRequest | StopReason::Evicted => TurnOutcome::Interrupted,
        };
        self.close_turn(outcome).await;
        self.drop_approvals();
        self.info.tasks.clear();
        self.info.phase = Phase::Stopped(stopped.clone());
        self.info.silent_since = None;
        // A process that was replaced leaves its history to the next one.
        let keeps_history = unharmed || was_interrupted || self.has_work;
        match stopped {
            StopReason::Failed(failure) if was_starting && self.falls_back(&failure) => {}
            StopReason::Failed(failure) => {
                self.info.failure = Some(failure.clone());
                self.notice(&format!("{}: {}", self.agent.label(), failure.message(self.agent)), NoticeLevel::Error);
                if was_starting {
                    self.not_ready(&failure).await;
                }
            }
            // The transcript contains the conversation, so an evicted run frees its history.
            StopReason::Evicted if !keeps_history => self.history.clear(),
            StopReason::Evicted | StopReason::NotStarted | StopReason::OnRequest => {}
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.complete_all();
        }
        if matches!(self.info.phase, Phase::Stopped(StopReason::Evicted)) {
            // Starts after an eviction are no sign of an agent that crashes at once.
            self.starts.clear();
        }
        self.resume_next_time();
    }

    /// Changes to another protocol of the agent, if one drives the version that is installed.
    fn falls_back(&mut self, failure: &RunFailure) -> bool {
        let Some(other) = self.connector.fall_back(self.agent, self.protocol, failure) else { return false };
        if let Some(interface) = other.reduced_interface() {
            let label = self.agent.label();
            self.notice(&format!("{label}: {}; it is driven over {interface}.", failure.detail()), NoticeLevel::Info);
        }
        self.protocol = other;
        self.info.phase = Phase::Stopped(StopReason::NotStarted);
        true
    }

    /// Handles a process that ended before it was ready.
    async fn not_ready(&mut self, failure: &RunFailure) {
        self.failures += 1;
        if !self.has_work || !self.store.is_next(&self.info.id).await.unwrap_or(false) {
            return;
        }
        match policy::start_failure_action(failure, self.failures, self.limits) {
            StartFailureAction::Retry(wait) => self.retry = Some(Instant::now() + wait),
            StartFailureAction::Pause => self.info.paused = true,
            StartFailureAction::Fail => {
                self.info.paused = true;
                let reason = format!("{} exited {} times before it was ready", self.agent.label(), self.failures);
                if let Err(failure) = self.store.fail_next(&self.info.id, reason).await {
                    tracing::error!("a failed prompt was not marked: {failure}");
                }
                self.queue_changed = true;
            }
        }
    }

    /// Makes the next process resume the session, if there is one.
    fn resume_next_time(&mut self) {
        if let Some(session) = &self.info.session {
            self.opening.conversation = Conversation::Resume(session.id.clone());
        }
    }
}
