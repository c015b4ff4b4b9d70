//! Paths of Codex's files: walks a root, and maps changed paths to sources.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::agent::folder::{Folder, path_of};
use crate::agent::{Discovery, FileStamp, Source, SourceRoot};
use crate::domain::{Agent, Issue};

/// Source kind of a rollout.
pub const ROLLOUT: u8 = 0;
/// Source kind of an archived rollout.
pub const ARCHIVED: u8 = 1;
/// Source kind of the file with thread names.
pub const NAMES: u8 = 2;

const SESSIONS: &str = "sessions";
const ARCHIVE: &str = "archived_sessions";
const NAMES_FILE: &str = "session_index.jsonl";

/// Root at a Codex home.
pub fn root(home: PathBuf) -> SourceRoot {
    let watch = [SESSIONS, ARCHIVE, NAMES_FILE].iter().map(|name| home.join(name)).collect();
    SourceRoot { agent: Agent::Codex, path: home, watch }
}

/// Finds every rollout below a root, and the file of names.
pub fn discover(root: &SourceRoot) -> Discovery {
    let mut discovery = Discovery::default();
    walk(&root.path.join(SESSIONS), ROLLOUT, 4, &mut discovery);
    walk(&root.path.join(ARCHIVE), ARCHIVED, 4, &mut discovery);
    let names = root.path.join(NAMES_FILE);
    if let Ok(metadata) = fs::metadata(&names)
        && metadata.is_file()
    {
        discovery.sources.push(source(names, NAMES, &metadata));
    }
    discovery
}

fn walk(dir: &Path, kind: u8, depth: u8, discovery: &mut Discovery) {
    walk_folder(Folder::open(dir), dir, kind, depth, discovery);
}

fn walk_folder(folder: io::Result<Option<Folder>>, dir: &Path, kind: u8, depth: u8, discovery: &mut Discovery) {
    let mut subfolders = Vec::new();
    let result = folder.and_then(|folder| {
        if let Some(folder) = &folder {
            folder.list(|name, file_type| match classify(folder, dir, name, file_type, kind) {
                Ok(Visited::Folder) => subfolders.push(name.to_owned()),
                Ok(Visited::Rollout(source)) => discovery.sources.push(source),
                Ok(Visited::Nothing) => {}
                Err(issue) => discovery.issues.push(issue),
            })?;
        }
        Ok(folder)
    });
    match result {
        Ok(Some(folder)) if depth > 0 => {
            for name in subfolders {
                walk_folder(folder.folder(&name), &path_of(dir, &name), kind, depth - 1, discovery);
            }
        }
        Ok(_) => {}
        Err(error) => discovery.issues.push(Issue::new(dir, format!("cannot be listed: {error}"))),
    }
}

enum Visited {
    Folder,
    Rollout(Source),
    Nothing,
}

fn classify(folder: &Folder, dir: &Path, name: &CStr, file_type: FileType, kind: u8) -> Result<Visited, Issue> {
    let is_rollout = is_rollout_name(name.to_bytes());
    match file_type {
        FileType::Directory => return Ok(Visited::Folder),
        FileType::RegularFile if !is_rollout => return Ok(Visited::Nothing),
        _ => {}
    }
    // Follows links, because users move whole folders to other disks that way.
    match folder.stat(name) {
        Ok(stat) if stat.kind() == FileType::Directory => Ok(Visited::Folder),
        Ok(stat) if stat.kind() == FileType::RegularFile && is_rollout => {
            let path = path_of(dir, name);
            Ok(Visited::Rollout(Source { agent: Agent::Codex, path, stamp: stat.stamp(), kind }))
        }
        Ok(_) => Ok(Visited::Nothing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Visited::Nothing),
        Err(error) => Err(Issue::new(path_of(dir, name), format!("cannot be examined: {error}"))),
    }
}

/// Source at a changed path, if any.
pub fn affected(root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let Ok(relative) = path.strip_prefix(&root.path) else { return Vec::new() };
    let kind = match relative.components().next().map(|first| first.as_os_str().to_string_lossy()).as_deref() {
        Some(SESSIONS) if is_rollout(path) => ROLLOUT,
        Some(ARCHIVE) if is_rollout(path) => ARCHIVED,
        Some(NAMES_FILE) => NAMES,
        _ => return Vec::new(),
    };
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file);
    vec![(path.to_owned(), metadata.map(|metadata| source(path.to_owned(), kind, &metadata)))]
}

/// Finds the rollout of another thread in the same root as `beside`, by the thread id at the end of its name.
pub fn find_rollout(beside: &Path, thread: &str) -> Option<PathBuf> {
    let is_top = |dir: &&Path| dir.file_name().is_some_and(|name| name == SESSIONS || name == ARCHIVE);
    let home = beside.ancestors().find(is_top)?.parent()?;
    let ending = format!("-{thread}.jsonl");
    let mut discovery = Discovery::default();
    walk(&home.join(SESSIONS), ROLLOUT, 4, &mut discovery);
    walk(&home.join(ARCHIVE), ARCHIVED, 4, &mut discovery);
    let paths = discovery.sources.into_iter().map(|source| source.path);
    paths.into_iter().find(|path| path.to_string_lossy().ends_with(&ending))
}

/// Thread id in a file's name: its last 36 characters before the extension.
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

fn source(path: PathBuf, kind: u8, metadata: &fs::Metadata) -> Source {
    Source { agent: Agent::Codex, path, stamp: FileStamp::of(metadata), kind }
}
