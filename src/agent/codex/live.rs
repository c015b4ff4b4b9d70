//! Detects threads that a running Codex process has open: it holds a lock file for each.
//!
//! Reads the system's table of locks and never tries a lock, because that could make a Codex fail that starts at that
//! moment.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::line::{LineKind, RolloutLine};
use super::{paths, text};
use crate::agent::Discovery;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, SessionKey, SessionState, Time};
use crate::stdx::process;

/// Bytes at a rollout's end that are searched for the newest turn's state.
const TAIL: u64 = 256 << 10;

/// Live status of each thread whose lock is held.
pub(super) fn live_statuses(root: &Path) -> Vec<LiveStatus> {
    let held_locks = held_locks(&root.join("thread-writer-locks"));
    if held_locks.is_empty() {
        return Vec::new();
    }
    let mut discovery = Discovery::default();
    paths::discover(root, &mut discovery);
    let units = discovery.sources;
    let rollouts: HashMap<&str, &PathBuf> =
        units.iter().map(|source| (paths::thread_of(&source.path), &source.path)).collect();
    let status = |(thread, pid): (String, u32)| {
        let (state, since) = rollouts.get(&*thread).map_or((SessionState::Idle, None), |path| turn_state(path));
        LiveStatus {
            key: SessionKey::new(Agent::Codex, thread),
            pid: Some(pid),
            state,
            waiting_for: None,
            since,
            activity: None,
        }
    };
    held_locks.into_iter().map(status).collect()
}

/// Threads whose lock is held, with the process id. A folder that cannot be listed yields none.
fn held_locks(locks: &Path) -> Vec<(String, u32)> {
    let Ok(entries) = std::fs::read_dir(locks) else { return Vec::new() };
    let lock = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let thread = path.file_name()?.to_str()?.strip_suffix(".lock")?.to_owned();
        Some((thread, process::lock_holder(&path)?))
    };
    entries.flatten().filter_map(lock).collect()
}

/// State of the newest turn, and the time of its last change.
fn turn_state(rollout: &Path) -> (SessionState, Option<Time>) {
    let tail = tail(rollout).unwrap_or_default();
    let last = memchr::memrchr_iter(b'\n', &tail)
        .zip(memchr::memrchr_iter(b'\n', &tail).skip(1))
        .filter_map(|(end, start)| RolloutLine::parse(&tail[start + 1..end]))
        .find(|line| matches!(line.kind, LineKind::Started | LineKind::Complete | LineKind::Aborted));
    match last {
        Some(line) if line.kind == LineKind::Started => (SessionState::Working, Time::parse(line.time)),
        Some(line) => (SessionState::Idle, Time::parse(line.time)),
        // The turn is so long that its start is outside the tail. A short file without such a line has no turn yet.
        None if tail.len() as u64 >= TAIL => (SessionState::Working, None),
        None => (SessionState::Idle, None),
    }
}

fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let text = text::open(path, None)?;
    let (size, file) = (text.len()?, text.file);
    let mut bytes = vec![0; usize::try_from(size.min(TAIL)).unwrap_or(0)];
    let count = file.read_at(&mut bytes, size.saturating_sub(TAIL))?;
    bytes.truncate(count);
    Ok(bytes)
}
