//! Where Codex keeps its files: the walk over a root, and which unit a changed path is.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::agent::folder::{Folder, path_of};
use crate::agent::{Discovery, Root, Stamp, Unit};
use crate::domain::{Agent, Issue};

/// Kind of unit: a rollout.
pub const ROLLOUT: u8 = 0;
/// Kind of unit: a rollout that the user archived.
pub const ARCHIVED: u8 = 1;
/// Kind of unit: the names that threads were given.
pub const NAMES: u8 = 2;

const SESSIONS: &str = "sessions";
const ARCHIVE: &str = "archived_sessions";
const NAMES_FILE: &str = "session_index.jsonl";

/// The root at a Codex home.
pub fn root(home: PathBuf) -> Root {
    let watch = [SESSIONS, ARCHIVE, NAMES_FILE].iter().map(|name| home.join(name)).collect();
    Root { agent: Agent::Codex, path: home, watch }
}

/// Every rollout below a root, and the file of names.
pub fn discover(root: &Root) -> Discovery {
    let mut found = Discovery::default();
    walk(&root.path.join(SESSIONS), ROLLOUT, 4, &mut found);
    walk(&root.path.join(ARCHIVE), ARCHIVED, 4, &mut found);
    let names = root.path.join(NAMES_FILE);
    if let Ok(metadata) = fs::metadata(&names)
        && metadata.is_file()
    {
        found.units.push(unit(names, NAMES, &metadata));
    }
    found
}

fn walk(dir: &Path, kind: u8, depth: u8, found: &mut Discovery) {
    walk_open(Folder::open(dir), dir, kind, depth, found);
}

fn walk_open(opened: io::Result<Option<Folder>>, dir: &Path, kind: u8, depth: u8, found: &mut Discovery) {
    let mut below = Vec::new();
    let listed = opened.and_then(|folder| {
        if let Some(folder) = &folder {
            folder.list(|name, what| match visit(folder, dir, name, what, kind) {
                Ok(Visited::Folder) => below.push(name.to_owned()),
                Ok(Visited::Rollout(unit)) => found.units.push(unit),
                Ok(Visited::Nothing) => {}
                Err(issue) => found.issues.push(issue),
            })?;
        }
        Ok(folder)
    });
    match listed {
        Ok(Some(folder)) if depth > 0 => {
            for name in below {
                walk_open(folder.folder(&name), &path_of(dir, &name), kind, depth - 1, found);
            }
        }
        Ok(_) => {}
        Err(error) => found.issues.push(Issue::new(dir, format!("cannot be listed: {error}"))),
    }
}

enum Visited {
    Folder,
    Rollout(Unit),
    Nothing,
}

fn visit(folder: &Folder, dir: &Path, name: &CStr, what: FileType, kind: u8) -> Result<Visited, Issue> {
    let is_rollout = is_rollout_name(name.to_bytes());
    match what {
        FileType::Directory => return Ok(Visited::Folder),
        FileType::RegularFile if !is_rollout => return Ok(Visited::Nothing),
        _ => {}
    }
    // Follows links: whole folders are moved to other disks that way.
    match folder.look(name) {
        Ok(seen) if seen.kind() == FileType::Directory => Ok(Visited::Folder),
        Ok(seen) if seen.kind() == FileType::RegularFile && is_rollout => {
            let path = path_of(dir, name);
            Ok(Visited::Rollout(Unit { agent: Agent::Codex, path, stamp: seen.stamp(), kind }))
        }
        Ok(_) => Ok(Visited::Nothing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Visited::Nothing),
        Err(error) => Err(Issue::new(path_of(dir, name), format!("cannot be looked at: {error}"))),
    }
}

/// The unit that a changed path is, if it is one.
pub fn affected(root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
    let Ok(below) = path.strip_prefix(&root.path) else { return Vec::new() };
    let kind = match below.components().next().map(|first| first.as_os_str().to_string_lossy()).as_deref() {
        Some(SESSIONS) if is_rollout(path) => ROLLOUT,
        Some(ARCHIVE) if is_rollout(path) => ARCHIVED,
        Some(NAMES_FILE) => NAMES,
        _ => return Vec::new(),
    };
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file);
    vec![(path.to_owned(), metadata.map(|metadata| unit(path.to_owned(), kind, &metadata)))]
}

/// The rollout of another thread of the same root as `beside`: by its name, which ends in the thread's id.
pub fn find(beside: &Path, thread: &str) -> Option<PathBuf> {
    let is_top = |dir: &&Path| dir.file_name().is_some_and(|name| name == SESSIONS || name == ARCHIVE);
    let home = beside.ancestors().find(is_top)?.parent()?;
    let ending = format!("-{thread}.jsonl");
    let mut found = Discovery::default();
    walk(&home.join(SESSIONS), ROLLOUT, 4, &mut found);
    walk(&home.join(ARCHIVE), ARCHIVED, 4, &mut found);
    let paths = found.units.into_iter().map(|unit| unit.path);
    paths.into_iter().find(|path| path.to_string_lossy().ends_with(&ending))
}

/// The thread's id, as the file's name tells it: its last 36 characters before the ending.
pub fn thread_of(path: &Path) -> &str {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.len().checked_sub(36).and_then(|at| stem.get(at..)).unwrap_or(stem)
}

fn is_rollout(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_rollout_name(name.as_encoded_bytes()))
}

fn is_rollout_name(name: &[u8]) -> bool {
    name.starts_with(b"rollout-") && name.ends_with(b".jsonl")
}

fn unit(path: PathBuf, kind: u8, metadata: &fs::Metadata) -> Unit {
    Unit { agent: Agent::Codex, path, stamp: Stamp::of(metadata), kind }
}
