//! Paths of Codex's files: walks a root, and maps changed paths to sources.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::text;
use crate::agent::jsonl::parts;
use crate::agent::jsonl::walk::Walk;
use crate::agent::{Discovery, Source};
use crate::domain::Agent;

/// Source kind of a rollout.
pub(super) const ROLLOUT: u8 = 0;
/// Source kind of an archived rollout.
pub(super) const ARCHIVED: u8 = 1;
/// Source kind of the file with thread names.
pub(super) const NAMES: u8 = 2;
/// Source kind of one of several rollouts of a thread.
const PART: u8 = 3;
/// Source kind of an archived one of several rollouts of a thread.
const ARCHIVED_PART: u8 = 4;

/// Source kind of the file with the prompts of all threads.
pub(super) const HISTORY: u8 = 5;

const SESSIONS: &str = "sessions";
const ARCHIVE: &str = "archived_sessions";
const NAMES_FILE: &str = "session_index.jsonl";
const HISTORY_FILE: &str = "history.jsonl";

/// Names below a Codex home to watch.
pub(super) const WATCHED: [&str; 3] = [SESSIONS, ARCHIVE, NAMES_FILE];

/// Maximum depth of rollouts below a folder of sessions: year, month, day, and one more.
const DEPTH: usize = 4;

/// Rollouts by thread.
type Threads = HashMap<String, Vec<PathBuf>>;

/// Rollouts of each home by thread, as they were found last. A thread's other rollouts may be in any folder, and a search
/// for them in all folders takes too long for each change of a file.
static KNOWN: Mutex<Option<HashMap<PathBuf, Threads>>> = Mutex::new(None);

/// True for one of several rollouts of a thread.
pub(super) fn is_part(kind: u8) -> bool {
    matches!(kind, PART | ARCHIVED_PART)
}

/// True for an archived rollout.
pub(super) fn is_archived(kind: u8) -> bool {
    matches!(kind, ARCHIVED | ARCHIVED_PART)
}

/// Finds every rollout below a Codex home, and the file of names.
pub(super) fn discover(home: &Path, discovery: &mut Discovery) {
    let before = discovery.sources.len();
    rollouts(home, discovery);
    mark(&mut discovery.sources[before..]);
    discovery.sources.extend(walk(|_| Some(NAMES)).source(&home.join(NAMES_FILE)));
    discovery.sources.extend(walk(|_| Some(HISTORY)).source(&home.join(HISTORY_FILE)));
}

fn rollouts(home: &Path, discovery: &mut Discovery) {
    walk(|name| is_rollout(name).then_some(ROLLOUT)).files(&home.join(SESSIONS), DEPTH, discovery);
    walk(|name| is_rollout(name).then_some(ARCHIVED)).files(&home.join(ARCHIVE), DEPTH, discovery);
    let mut threads = Threads::new();
    for source in discovery.sources.iter().filter(|source| source.path.starts_with(home)) {
        threads.entry(thread_of(&source.path).to_owned()).or_default().push(source.path.clone());
    }
    known(|known| _ = known.insert(home.to_owned(), threads));
}

fn known<T>(use_known: impl FnOnce(&mut HashMap<PathBuf, Threads>) -> T) -> T {
    use_known(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Marks the rollouts whose thread has others, with the stamp of all of them.
fn mark(sources: &mut [Source]) {
    let part_kind = |kind| match kind {
        ROLLOUT => Some(PART),
        ARCHIVED => Some(ARCHIVED_PART),
        _ => None,
    };
    parts::mark(sources, |path| Some(OsStr::new(thread_of(path))), part_kind);
}

/// Rollouts of the thread whose rollout is at `path`, in the order of their names, which begin with their times.
pub(super) fn files_of(path: &Path) -> Vec<PathBuf> {
    let Some(home) = home_of(path) else { return vec![path.to_owned()] };
    let is_known = known(|known| known.contains_key(home));
    if !is_known {
        rollouts(home, &mut Discovery::default());
    }
    let thread = thread_of(path);
    let mut files = known(|known| known.get(home)?.get(thread).cloned()).unwrap_or_default();
    if !files.iter().any(|file| file == path) {
        files.push(path.to_owned());
    }
    if files.len() == 1 {
        return files;
    }
    files.retain(|file| file.is_file());
    // One that is moved to the archive keeps its name. Codex goes on in the plain form of a compressed one, and is about to
    // remove one of them; either may have more, as after a crash or in a copy of the home.
    let plain_name = |file: &PathBuf| plain_form(file).map_or_else(|| (file.clone(), true), |plain| (plain, false));
    files.sort_by_cached_key(|file| {
        let (plain, is_plain) = plain_name(file);
        (plain.file_name().map(OsStr::to_owned), Reverse(plain), is_plain)
    });
    files
}

/// Home to which a rollout belongs.
fn home_of(rollout: &Path) -> Option<&Path> {
    let is_top = |dir: &&Path| dir.file_name().is_some_and(|name| name == SESSIONS || name == ARCHIVE);
    rollout.ancestors().find(is_top)?.parent()
}

/// Path of the plain rollout beside a compressed one.
fn plain_form(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(text::COMPRESSED)?;
    Some(path.with_file_name(name))
}

/// Path of the other form of a rollout, the plain or the compressed one.
fn other_form(path: &Path) -> Option<PathBuf> {
    let compressed = || {
        let mut name = path.file_name()?.to_owned();
        name.push(text::COMPRESSED);
        Some(path.with_file_name(name))
    };
    plain_form(path).or_else(compressed)
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
    let other = other_form(path).and_then(|other| walk.source(&other)).map(|other| (other.path.clone(), Some(other)));
    let changed = std::iter::once((path.to_owned(), walk.source(path))).chain(other);
    with_parts(home, path, changed.collect())
}

/// Adds the other rollouts of a changed one's thread, whose stamps change with it.
fn with_parts(home: &Path, path: &Path, mut changed: Vec<(PathBuf, Option<Source>)>) -> Vec<(PathBuf, Option<Source>)> {
    if !is_rollout_path(path) {
        return changed;
    }
    known(|known| {
        if let Some(threads) = known.get_mut(home) {
            let files = threads.entry(thread_of(path).to_owned()).or_default();
            let new: Vec<_> =
                changed.iter().filter(|(_, source)| source.is_some()).map(|(path, _)| path.clone()).collect();
            files.extend(new.into_iter().filter(|path| !files.contains(path)).collect::<Vec<_>>());
        }
    });
    let others = files_of(path);
    // After the end of one of two, the other is a whole thread again.
    if others.iter().all(|other| other == path) {
        return changed;
    }
    for other in others {
        if changed.iter().all(|(path, _)| *path != other) {
            let kind = if other.starts_with(home.join(ARCHIVE)) { ARCHIVED } else { ROLLOUT };
            let source = walk(transcript_kind).source(&other);
            changed.push((other, source.map(|source| Source { kind, ..source })));
        }
    }
    let mut sources: Vec<Source> = changed.iter().filter_map(|(_, source)| source.clone()).collect();
    mark(&mut sources);
    for (path, source) in &mut changed {
        if let Some(marked) = sources.iter().find(|marked| marked.path == *path) {
            *source = Some(marked.clone());
        }
    }
    changed
}

fn transcript_kind(name: &[u8]) -> Option<u8> {
    is_rollout(name).then_some(ROLLOUT)
}

/// Finds the rollout of another thread in the same root as `beside`, by the thread id at the end of its name.
pub(super) fn find_rollout(beside: &Path, thread: &str) -> Option<PathBuf> {
    let home = home_of(beside)?;
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
