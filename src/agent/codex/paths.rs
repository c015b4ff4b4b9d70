//! Paths of Codex's files: walks a root, and maps changed paths to sources.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::text;
use crate::agent::jsonl::walk::Walk;
use crate::agent::{Discovery, Source};
use crate::domain::Agent;

/// Source kind of a rollout.
pub(super) const ROLLOUT: u8 = 0;
/// Source kind of an archived rollout.
pub(super) const ARCHIVED: u8 = 1;
/// Source kind of the file with thread names.
pub(super) const NAMES: u8 = 2;

const SESSIONS: &str = "sessions";
const ARCHIVE: &str = "archived_sessions";
const NAMES_FILE: &str = "session_index.jsonl";

/// Names below a Codex home to watch.
pub(super) const WATCHED: [&str; 3] = [SESSIONS, ARCHIVE, NAMES_FILE];

/// Maximum depth of rollouts below a folder of sessions: year, month, day, and one more.
const DEPTH: usize = 4;

/// Finds every rollout below a Codex home, and the file of names.
pub(super) fn discover(home: &Path, discovery: &mut Discovery) {
    rollouts(home, discovery);
    discovery.sources.extend(walk(|_| Some(NAMES)).source(&home.join(NAMES_FILE)));
}

fn rollouts(home: &Path, discovery: &mut Discovery) {
    walk(|name| is_rollout(name).then_some(ROLLOUT)).files(&home.join(SESSIONS), DEPTH, discovery);
    walk(|name| is_rollout(name).then_some(ARCHIVED)).files(&home.join(ARCHIVE), DEPTH, discovery);
    let compressed = |source: &&Source| plain_form(&source.path).is_some();
    if discovery.sources.iter().any(|source| compressed(&source)) {
        let all: HashSet<PathBuf> = discovery.sources.iter().map(|source| source.path.clone()).collect();
        discovery.sources.retain(|source| plain_form(&source.path).is_none_or(|plain| !all.contains(&plain)));
    }
}

/// Path of the plain rollout beside a compressed one: where both exist, Codex is about to remove one of them, and the
/// plain one is the session.
pub(super) fn plain_form(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(text::COMPRESSED)?;
    Some(path.with_file_name(name))
}

/// Creates a walk that enters linked folders, because users move whole folders to other disks that way.
fn walk(kind: fn(&[u8]) -> Option<u8>) -> Walk {
    Walk { agent: Agent::Codex, kind, links: true }
}

/// Source at a changed path, if any.
pub(super) fn affected(home: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let Ok(relative) = path.strip_prefix(home) else { return Vec::new() };
    let walk = match relative.components().next().map(|first| first.as_os_str().to_string_lossy()).as_deref() {
        Some(SESSIONS) if is_rollout_path(path) => walk(|_| Some(ROLLOUT)),
        Some(ARCHIVE) if is_rollout_path(path) => walk(|_| Some(ARCHIVED)),
        Some(NAMES_FILE) => walk(|_| Some(NAMES)),
        _ => return Vec::new(),
    };
    let plain = plain_form(path).unwrap_or_else(|| path.to_owned());
    let source = walk.source(&plain);
    let mut compressed = plain.clone().into_os_string();
    compressed.push(text::COMPRESSED);
    let compressed = PathBuf::from(compressed);
    let mut changed = Vec::new();
    if compressed == path || compressed.exists() {
        let other = walk.source(&compressed).filter(|_| source.is_none());
        changed.push((compressed, other));
    }
    if plain == path || source.is_some() {
        changed.push((plain, source));
    }
    changed
}

/// Finds the rollout of another thread in the same root as `beside`, by the thread id at the end of its name.
pub(super) fn find_rollout(beside: &Path, thread: &str) -> Option<PathBuf> {
    let is_top = |dir: &&Path| dir.file_name().is_some_and(|name| name == SESSIONS || name == ARCHIVE);
    let home = beside.ancestors().find(is_top)?.parent()?;
    let mut discovery = Discovery::default();
    rollouts(home, &mut discovery);
    let paths = discovery.sources.into_iter().map(|source| source.path);
    paths.into_iter().find(|path| thread_of(path) == thread)
}

/// Thread id in a file's name: its last 36 characters before the ending.
pub(super) fn thread_of(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = text::ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    stem.len().checked_sub(36).and_then(|at| stem.get(at..)).unwrap_or(stem)
}

fn is_rollout_path(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_rollout(name.as_encoded_bytes()))
}

fn is_rollout(name: &[u8]) -> bool {
    name.starts_with(b"rollout-") && text::ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}
