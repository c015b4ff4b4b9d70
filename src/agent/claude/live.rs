//! Claude Code's registry of living processes: `sessions/<pid>.json`. A file proves nothing: it stays after a kill.

use std::path::Path;

use serde::Deserialize;

use crate::domain::live::LiveSign;
use crate::domain::{Agent, SessionKey, State, Time};
use crate::stdx::process;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    pid: u32,
    session_id: String,
    proc_start: Option<String>,
    status: Option<String>,
    waiting_for: Option<String>,
    status_updated_at: Option<i64>,
}

/// The sessions that are open in a process that lives and is the one that wrote the file.
pub fn signs(root: &Path) -> Vec<LiveSign> {
    let Ok(entries) = std::fs::read_dir(root.join("sessions")) else { return Vec::new() };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter_map(|path| sign(&path))
        .collect()
}

fn sign(path: &Path) -> Option<LiveSign> {
    // A file that is being rewritten is read at the next look.
    let told: Registered = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let lives = match &told.proc_start {
        Some(start) => process::is_same(told.pid, start),
        None => process::is_alive(told.pid),
    };
    let state = match told.status.as_deref() {
        Some("busy") => State::Working,
        Some("waiting") => State::NeedsYou,
        _ => State::Idle,
    };
    lives.then(|| LiveSign {
        key: SessionKey::new(Agent::Claude, told.session_id),
        pid: Some(told.pid),
        state,
        waiting_for: told.waiting_for.filter(|_| state == State::NeedsYou),
        since: told.status_updated_at.map(Time::from_millis),
    })
}
