//! Which threads a living Codex has open: it holds a lock file for each.
//!
//! The lock is only looked up in the system's table of locks, never tried: trying it could make a Codex that starts
//! at that moment fail.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::files;
use super::line::{Kind, Line};
use crate::agent::Root;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, SessionKey, State, Time};
use crate::stdx::process;

/// Bytes at a rollout's end that tell whether a turn is open.
const TAIL: u64 = 256 << 10;

/// A sign for each lock that is held.
pub fn signs(root: &Root) -> Vec<LiveSign> {
    let held = held(&root.path.join("thread-writer-locks"));
    if held.is_empty() {
        return Vec::new();
    }
    let units = files::discover(root).units;
    let rollouts: HashMap<&str, &PathBuf> =
        units.iter().map(|unit| (files::thread_of(&unit.path), &unit.path)).collect();
    let sign = |(thread, pid): (String, u32)| {
        let (state, since) = rollouts.get(&*thread).map_or((State::Idle, None), |path| state(path));
        LiveSign { key: SessionKey::new(Agent::Codex, thread), pid: Some(pid), state, waiting_for: None, since }
    };
    held.into_iter().map(sign).collect()
}

/// Threads whose lock is held, and by whom. A folder that cannot be listed gives no signs.
fn held(locks: &Path) -> Vec<(String, u32)> {
    let Ok(entries) = std::fs::read_dir(locks) else { return Vec::new() };
    let lock = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let thread = path.file_name()?.to_str()?.strip_suffix(".lock")?.to_owned();
        Some((thread, process::lock_holder(&path)?))
    };
    entries.flatten().filter_map(lock).collect()
}

/// Whether the newest turn is still open, and since when it is as it is.
fn state(rollout: &Path) -> (State, Option<Time>) {
    let tail = tail(rollout).unwrap_or_default();
    let last = memchr::memrchr_iter(b'\n', &tail)
        .zip(memchr::memrchr_iter(b'\n', &tail).skip(1))
        .filter_map(|(end, start)| Line::parse(&tail[start + 1..end]))
        .find(|line| matches!(line.kind, Kind::Started | Kind::Complete | Kind::Aborted));
    match last {
        Some(line) if line.kind == Kind::Started => (State::Working, Time::parse(line.time)),
        Some(line) => (State::Idle, Time::parse(line.time)),
        // A turn so long that its beginning is out of sight; without any line there was no turn yet.
        None if tail.len() as u64 >= TAIL => (State::Working, None),
        None => (State::Idle, None),
    }
}

fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = vec![0; usize::try_from(size.min(TAIL)).unwrap_or(0)];
    let count = file.read_at(&mut bytes, size.saturating_sub(TAIL))?;
    bytes.truncate(count);
    Ok(bytes)
}
