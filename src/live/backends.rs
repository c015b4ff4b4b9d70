//! List of all backends of this process: the processes of runs, and the shared servers.

use super::server::{ServerPhase, ServerStatus};
use super::supervisor::Live;
use crate::domain::backend::{Backend, BackendChange, BackendState};
use crate::domain::run::{RunFailure, RunInfo};
use crate::domain::secrets::{self, SecretCounts};
use crate::domain::{Agent, Time};

impl Live {
    /// Returns all backends, servers first. Their memory is not read.
    pub fn backends(&self) -> Vec<Backend> {
        let now = self.inner.store.now();
        let servers = self.inner.connector.servers();
        let servers = servers.iter().map(|(agent, is_external, status)| of_server(*agent, *is_external, status, now));
        let runs = self.runs();
        servers.chain(runs.iter().map(|info| of_run(info))).collect()
    }
}

fn of_run(info: &RunInfo) -> Backend {
    let state = info.backend_state();
    let reason = info.failure.as_ref().map(|failure| without_secrets(&reason_of(failure)));
    Backend {
        agent: info.agent,
        session: info.session.as_ref().map(|session| session.id.to_string()),
        is_server: false,
        is_external: false,
        state,
        reason: reason.filter(|reason| !reason.is_empty()),
        pid: info.pid,
        memory: None,
        started: info.started.filter(|_| info.pid.is_some()),
        last_event: info.last_event,
        queued: info.queued + info.held,
        generation: info.generation,
        sessions: 0,
        port: None,
        changes: info.changes.clone(),
    }
}

fn reason_of(failure: &RunFailure) -> String {
    match failure {
        RunFailure::Crashed { .. } | RunFailure::RateLimited { .. } => failure.to_string(),
        other => other.detail().to_owned(),
    }
}

fn of_server(agent: Agent, is_external: bool, status: &ServerStatus, now: Time) -> Backend {
    let (state, reason) = state_of(&status.phase);
    let at = |second: u64| {
        let ago = status.uptime_secs().saturating_sub(second);
        let millis = i64::try_from(ago).unwrap_or(i64::MAX).saturating_mul(1000);
        Time::from_millis(now.millis().saturating_sub(millis))
    };
    let changes: Vec<BackendChange> = status
        .log
        .iter()
        .map(|(second, phase)| BackendChange { time: at(*second), state: state_of(phase).0 })
        .collect();
    let started = changes.iter().rev().find(|change| change.state == BackendState::Starting).map(|change| change.time);
    let skipped = changes.len().saturating_sub(crate::domain::backend::MAX_CHANGES);
    Backend {
        agent,
        session: None,
        is_server: true,
        is_external,
        state,
        reason: reason.map(without_secrets),
        pid: status.pid.or(status.service),
        memory: None,
        started: started.filter(|_| status.pid.is_some()),
        last_event: changes.last().map(|change| change.time),
        queued: 0,
        generation: status.generation,
        sessions: status.sessions,
        port: status.address.map(|address| address.port()),
        changes: changes.into_iter().skip(skipped).collect(),
    }
}

fn state_of(phase: &ServerPhase) -> (BackendState, Option<&str>) {
    match phase {
        ServerPhase::NotStarted => (BackendState::NotStarted, None),
        ServerPhase::Starting => (BackendState::Starting, None),
        ServerPhase::Ready => (BackendState::Idle, None),
        ServerPhase::Degraded => (BackendState::Degraded, None),
        ServerPhase::Stopping | ServerPhase::Stopped => (BackendState::Stopped, None),
        ServerPhase::Failed(reason) => (BackendState::Failed, Some(reason)),
    }
}

fn without_secrets(text: &str) -> String {
    secrets::mask(text, &mut SecretCounts::default()).into_owned()
}
