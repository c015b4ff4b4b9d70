//! Backends of all salon processes in the report of `salon doctor`.

use std::io::{self, Write};

use serde::Serialize;

use super::output::OutputStyle;
use crate::domain::backend::{Backend, BackendChange, BackendState};
use crate::domain::{Time, units};
use crate::runtime::saved_backends;
use crate::stdx::process;
use crate::stdx::text::one_line;

/// A backend in JSON.
#[derive(Debug, Serialize)]
pub(super) struct BackendJson {
    agent: &'static str,
    kind: &'static str,
    state: BackendState,
    reason: Option<String>,
    session: Option<String>,
    sessions: usize,
    pid: Option<u32>,
    salon_pid: u32,
    memory: Option<u64>,
    age_ms: Option<i64>,
    idle_ms: Option<i64>,
    queued: usize,
    generation: u64,
    restarts: u64,
    port: Option<u16>,
    changes: Vec<ChangeJson>,
}

#[derive(Debug, Serialize)]
struct ChangeJson {
    time: String,
    state: BackendState,
}

/// Returns the backends that running salon processes have saved.
pub(super) fn of_choices(choices: &[(String, String)], now: Time) -> Vec<BackendJson> {
    saved_backends::of_choices(choices).into_iter().map(|(salon, backend)| row(salon, backend, now)).collect()
}

fn row(salon_pid: u32, backend: Backend, now: Time) -> BackendJson {
    let kind = match (backend.is_server, backend.is_external) {
        (false, _) => "process",
        (true, false) => "server",
        (true, true) => "external_server",
    };
    let is_idle = backend.state == BackendState::Idle;
    let changes = backend.changes.iter();
    BackendJson {
        agent: backend.agent.name(),
        kind,
        state: backend.state,
        memory: backend.pid.and_then(process::group_memory),
        age_ms: backend.started.map(|started| now.since(started)),
        idle_ms: backend.last_event.filter(|_| is_idle).map(|last| now.since(last)),
        restarts: backend.generation.saturating_sub(1),
        changes: changes
            .map(|BackendChange { time, state }| ChangeJson { time: time.rfc3339(), state: *state })
            .collect(),
        reason: backend.reason,
        session: backend.session,
        sessions: backend.sessions,
        pid: backend.pid,
        salon_pid,
        queued: backend.queued,
        generation: backend.generation,
        port: backend.port,
    }
}

/// Prints the backends, if there are any.
pub(super) fn print(out: &mut impl Write, style: OutputStyle, backends: &[BackendJson]) -> io::Result<()> {
    if backends.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("Running agents"))?;
    for backend in backends {
        let mut facts = vec![format!("{:<9} {}", backend.agent, backend.state.label())];
        facts.extend(backend.port.map(|port| format!("port {port}")));
        facts.extend(backend.pid.map(|pid| format!("pid {pid}")));
        facts.extend(backend.memory.map(units::bytes));
        facts.extend(backend.reason.as_deref().map(one_line));
        writeln!(out, "  {}", facts.join("  "))?;
    }
    Ok(())
}
