//! Claude Code's registry of running processes: `sessions/<pid>.json`. A file alone proves nothing: it stays after a kill.

use std::path::Path;

use serde::Deserialize;

use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, SessionKey, SessionState, Time};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::process;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    pid: u32,
    session_id: String,
    kind: Option<String>,
    proc_start: Option<String>,
    status: Option<String>,
    waiting_for: Option<String>,
    status_updated_at: Option<i64>,
}

/// Lists the sessions whose registered process is running, and is the one that wrote the file.
pub(super) fn open_sessions(root: &Path) -> Vec<LiveStatus> {
    let Ok(entries) = std::fs::read_dir(root.join("sessions")) else { return Vec::new() };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter_map(|path| read(&path))
        .collect()
}

/// Returns true if a session runs in the background, without a terminal of its own.
pub(super) fn is_in_background(root: &Path, session: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(root.join("sessions")) else { return false };
    let mut registered = entries.filter_map(|entry| registered(&entry.ok()?.path()));
    registered.any(|registered| registered.session_id == session && registered.kind.as_deref() == Some("bg"))
}

fn read(path: &Path) -> Option<LiveStatus> {
    let registered = registered(path)?;
    let state = match registered.status.as_deref() {
        Some("busy") => SessionState::Working,
        Some("waiting") => SessionState::NeedsYou,
        _ => SessionState::Idle,
    };
    Some(LiveStatus {
        key: SessionKey::new(Agent::Claude, registered.session_id),
        pid: Some(registered.pid),
        state,
        waiting_for: registered.waiting_for.filter(|_| state == SessionState::NeedsYou),
        since: registered.status_updated_at.map(Time::from_millis),
        activity: None,
    })
}

/// Reads the record of a process that is running, and is the one that wrote it.
fn registered(path: &Path) -> Option<Registered> {
    // A file that is being rewritten does not parse; the next poll reads it.
    let registered: Registered = serde_json::from_slice(&files::read(path, SizeLimit::SIDECAR).ok()?).ok()?;
    let is_running = match &registered.proc_start {
        Some(start) => process::is_same_process(registered.pid, start),
        None => process::is_alive(registered.pid),
    };
    is_running.then_some(registered)
}
