//! Life cycle of a server: start or attach, connect, stop, exit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::event_stream::{self, StreamEvent};
use super::http::{self, Endpoint, HttpRequest, HttpResponse};
use super::task::{RunningServer, ServerTask};
use super::{ServerPhase, ServerProcessEvent, ServerSource};
use crate::agent::protocol::{REJECTED_PASSWORD, RegisteredServer, ServerSpec, UNKNOWN_INTERFACE};
use crate::domain::run::RunFailure;
use crate::live::fingerprint::LaunchFingerprint;
use crate::live::policy;
use crate::live::process::{GracePeriods, Process, ProcessEvent, ProcessExit};
use crate::live::transport_event::TransportEvent;

/// Time after TERM that a server which does not respond gets to end.
const UNRESPONSIVE_GRACE: Duration = Duration::from_millis(2500);

impl ServerTask {
    pub(super) async fn start(&mut self) -> Result<(), RunFailure> {
        let service = self.registered_server().await;
        self.start_with(service).await
    }

    /// Connects to a registered server, or starts that of the configuration if there is none.
    pub(super) async fn start_with(
        &mut self,
        service: Result<Option<RegisteredServer>, RunFailure>,
    ) -> Result<(), RunFailure> {
        self.check_start_limit()?;
        self.generation += 1;
        self.running = RunningServer {
            fingerprint: self.fingerprint().await,
            ready_deadline: Some(Instant::now() + self.config.ready_timeout),
            ..RunningServer::default()
        };
        let started = match service {
            Ok(Some(service)) => self.use_registered(service),
            Ok(None) => self.start_configured(),
            Err(failure) => Err(failure),
        };
        match &started {
            Ok(()) => self.become_phase(ServerPhase::Starting),
            Err(failure) => {
                self.running = RunningServer::default();
                self.become_phase(ServerPhase::Failed(failure.to_string()));
            }
        }
        started
    }

    /// Starts the server of the configuration, or connects to it.
    fn start_configured(&mut self) -> Result<(), RunFailure> {
        match self.config.source.clone() {
            ServerSource::Own { launch, mut environment } => {
                let password = http::password().map_err(RunFailure::Other)?;
                environment.vars.retain(|(name, _)| name != self.config.spec.password);
                environment.vars.push((self.config.spec.password.into(), password.clone()));
                let (process, outputs) = Process::spawn(&launch, &environment)?;
                self.report_process(ServerProcessEvent::Started { pid: process.pid(), program: launch.program });
                self.running.process = Some((process, outputs));
                self.running.password = password;
                Ok(())
            }
            ServerSource::Attached { address, password } => {
                self.running.password = password;
                self.connect(address).map_err(RunFailure::Other)
            }
        }
    }

    /// Stops a server whose program was updated, if no session uses it. It is started again at once, and its sessions go
    /// on with the new process.
    pub(super) async fn replace_outdated(&mut self) {
        let is_used = Arc::strong_count(&self.in_flight) > 1 || self.sessions.values().any(|mailbox| mailbox.is_busy);
        if self.phase != ServerPhase::Ready || is_used {
            return;
        }
        let (before, now) = (&self.running.fingerprint, self.fingerprint());
        let Some((before, now)) = before.clone().zip(now.await) else { return };
        if let Some(change) = before.change(&now) {
            tracing::info!("{} is started again, because {change}", self.name());
            self.stop(None);
        }
    }

    /// Program of a server that this process starts.
    fn fingerprint(&self) -> impl Future<Output = Option<LaunchFingerprint>> + Send + use<> {
        let program = match &self.config.source {
            ServerSource::Own { launch, environment } => {
                let path = environment.vars.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
                Some((launch.program.clone(), path))
            }
            ServerSource::Attached { .. } => None,
        };
        async move {
            let (program, path) = program?;
            LaunchFingerprint::read(program, path, Vec::new()).await
        }
    }

    /// Returns an error if the server was started too often, and records the start.
    fn check_start_limit(&mut self) -> Result<(), RunFailure> {
        let now = Instant::now();
        let ages: Vec<_> = self.starts.iter().map(|start| now.duration_since(*start)).collect();
        if !policy::may_start(&ages) {
            let limit = policy::MAX_STARTS;
            let text = format!("{} was started {limit} times within a minute; try again in a minute", self.name());
            self.become_phase(ServerPhase::Failed(text.clone()));
            return Err(RunFailure::Other(text));
        }
        self.starts.push_back(now);
        while self.starts.len() > policy::MAX_STARTS {
            self.starts.pop_front();
        }
        Ok(())
    }

    /// Connects to a known address: waits until the server is healthy, then reads its event stream.
    pub(super) fn connect(&mut self, address: std::net::SocketAddr) -> Result<(), String> {
        let spec = self.config.spec;
        let endpoint = Endpoint::new(address, spec.user, &self.running.password)?;
        let (events, stream) = mpsc::channel(256);
        let listening = endpoint.clone();
        // The health of a server that salon started decides when it is lost.
        let reconnects = match (&self.running.process, self.running.service) {
            (Some(_), _) => u32::MAX,
            (None, Some(_)) => event_stream::MAX_SERVICE_RECONNECTS,
            (None, None) => event_stream::MAX_RECONNECTS,
        };
        let task = tokio::spawn(async move {
            match wait_healthy(&listening, spec).await {
                Ok(()) => event_stream::listen(listening, spec.events, reconnects, events).await,
                // An error means that the server task has ended.
                Err(event) => drop(events.send(event).await),
            }
        });
        self.running.endpoint = Some(endpoint);
        self.running.stream = Some((task, stream));
        Ok(())
    }

    pub(super) async fn handle_process(&mut self, event: Option<ProcessEvent>) {
        match event {
            Some(ProcessEvent::Line(line)) => {
                let line = String::from_utf8_lossy(&line);
                if self.running.endpoint.is_none()
                    && let Some(address) = http::printed_address(&line)
                    && let Err(reason) = self.connect(address)
                {
                    self.stop(Some(reason));
                }
            }
            // The server keeps running; only its log output has ended.
            Some(ProcessEvent::Closed | ProcessEvent::LineTooLong) => {}
            Some(ProcessEvent::Exited(exit)) => self.exited(exit).await,
            None => self.exited(ProcessExit::new(None, String::new())).await,
        }
    }

    pub(super) async fn exited(&mut self, mut exit: ProcessExit) {
        if let Some((mut process, _)) = self.running.process.take() {
            process.reaped();
            self.report_process(ServerProcessEvent::Reaped { pid: process.pid() });
        }
        let failure = self.running.failure.take();
        exit.unresponsive = self.running.unresponsive;
        let requested = self.phase == ServerPhase::Stopping && failure.is_none();
        if let Some(failure) = &failure {
            // The last line is what users see first, so the reason goes to the end.
            if !exit.stderr.is_empty() {
                exit.stderr.push('\n');
            }
            exit.stderr.push_str(failure);
        }
        let reason = failure.unwrap_or_else(|| match exit.code {
            Some(code) => format!("{} ended with code {code}", self.name()),
            None => format!("{} was ended by a signal", self.name()),
        });
        self.reset();
        self.become_phase(if requested { ServerPhase::Stopped } else { ServerPhase::Failed(reason.clone()) });
        // Sessions opened while the server was stopping need a new one.
        if requested && !self.closed && !(self.sessions.is_empty() && self.pending.is_empty()) {
            if let Err(failure) = self.start().await {
                self.close_sessions(&ProcessExit::new(None, failure.to_string()));
            }
        } else {
            self.close_sessions(&exit);
        }
        if self.closed {
            self.notify_shutdown();
        }
    }

    /// Closes all sessions and fails all pending requests.
    pub(super) fn close_sessions(&mut self, exit: &ProcessExit) {
        for (_, mailbox) in self.sessions.drain() {
            mailbox.respond(TransportEvent::Exited(exit.clone()));
        }
        self.pending.clear();
        let error = if exit.stderr.is_empty() { "the server ended" } else { &exit.stderr };
        for (requesters, shared) in self.cache.fail_all(error) {
            for requester in requesters {
                self.respond(requester, &shared);
            }
        }
    }

    /// Drops the state of a server that has ended.
    pub(super) fn reset(&mut self) {
        if let Some((task, _)) = self.running.stream.take() {
            task.abort();
        }
        self.running = RunningServer::default();
    }

    /// Uses the next interface of the agent, with the same server. Sessions that use the former one are closed.
    pub(super) fn change_interface(&mut self, reason: &str) {
        let address = self.running.endpoint.as_ref().map(|endpoint| endpoint.address);
        let (Some(next), Some(address)) = (self.config.spec.next, address) else { return self.stream_lost(reason) };
        tracing::info!("{}: {reason}", self.name());
        self.config.spec = *next;
        self.close_sessions(&ProcessExit::new(None, reason.to_owned()));
        if let Some((task, _)) = self.running.stream.take() {
            task.abort();
        }
        if let Err(reason) = self.connect(address) {
            self.stream_lost(&reason);
        }
    }

    /// Handles a lost server. Stops one that this process started; only detaches from an attached one.
    pub(super) fn stream_lost(&mut self, reason: &str) {
        if let Some((task, _)) = self.running.stream.take() {
            task.abort();
        }
        if self.running.process.is_some() {
            self.stop(Some(format!("{}: {reason}", self.name())));
            return;
        }
        let reason = format!("{}: {reason}", self.name());
        self.reset();
        self.become_phase(ServerPhase::Failed(reason.clone()));
        self.close_sessions(&ProcessExit::new(None, reason));
    }

    /// Stops the server, if this process started it. `failure` is the reason, unless it is idle or requested.
    pub(super) fn stop(&mut self, failure: Option<String>) {
        self.idle_deadline = None;
        self.running.ready_deadline = None;
        if self.running.process.is_none() {
            return self.detach(failure);
        }
        if self.phase.may_become(&ServerPhase::Stopping) {
            self.become_phase(ServerPhase::Stopping);
        }
        self.running.failure = failure.or(self.running.failure.take());
        if let Some((process, _)) = &mut self.running.process {
            let default = GracePeriods::default();
            let term = if self.running.unresponsive { UNRESPONSIVE_GRACE } else { default.term };
            // The server does not react to closed stdin.
            process.stop(GracePeriods { close: Duration::ZERO, term, ..default });
        }
    }

    /// Detaches from a server that this process did not start.
    pub(super) fn detach(&mut self, failure: Option<String>) {
        let exit = ProcessExit::new(None, failure.clone().unwrap_or_default());
        if self.phase.may_become(&ServerPhase::Stopping) {
            self.become_phase(ServerPhase::Stopping);
            self.become_phase(failure.map_or(ServerPhase::Stopped, ServerPhase::Failed));
        }
        self.reset();
        self.close_sessions(&exit);
    }

    pub(super) fn report_process(&self, event: ServerProcessEvent) {
        if let Some(sender) = &self.config.process_events {
            // An error means that salon is shutting down.
            sender.send(event).ok();
        }
    }
}

/// Waits until the server is healthy. Returns an error if it rejects the password, or has another interface.
async fn wait_healthy(endpoint: &Endpoint, spec: ServerSpec) -> Result<(), StreamEvent> {
    loop {
        match endpoint.exchange(HttpRequest::get(spec.health)).await {
            Ok(response) if response.is_healthy() => return Ok(()),
            // Where the path is unknown, some versions serve their web page.
            Ok(response) if response.status == 200 && response.json().is_none() => {
                return Err(StreamEvent::OtherInterface(other_version(endpoint, spec).await));
            }
            Ok(HttpResponse { status: 401 | 403, .. }) => {
                return Err(StreamEvent::Lost(format!("it {REJECTED_PASSWORD}")));
            }
            Ok(HttpResponse { status: 404, .. }) => {
                return Err(StreamEvent::OtherInterface(other_version(endpoint, spec).await));
            }
            // The server task has a timeout for this loop.
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Describes a server that lacks the path of the health, with its version.
async fn other_version(endpoint: &Endpoint, spec: ServerSpec) -> String {
    let answer = endpoint.exchange(HttpRequest::get(spec.info)).await;
    let info = answer.ok().and_then(|answer| answer.json());
    let version = info.as_ref().and_then(|info| info["version"].as_str()).unwrap_or("of an unknown number");
    format!("version {version} {UNKNOWN_INTERFACE}")
}
