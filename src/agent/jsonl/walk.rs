//! Directory walks for transcripts: follows links, survives loops, reports what cannot be read.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::agent::folder::{self, Folder};
use crate::agent::{Discovery, FileStamp, Source};
use crate::domain::{Agent, Issue};

/// Lists a directory; no entries, and no issue, if the directory does not exist.
pub fn entries(folder: &Path, issues: &mut Vec<Issue>) -> impl Iterator<Item = DirEntry> + use<> {
    let listed = match std::fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) => {
            use std::io::ErrorKind::{NotADirectory, NotFound};
            if !matches!(error.kind(), NotFound | NotADirectory) {
                issues.push(Issue::new(folder, error));
            }
            None
        }
    };
    listed.into_iter().flatten().filter_map(Result::ok)
}

/// Lists the subdirectories, each once: a link to one of them is dropped in favour of its own name.
pub fn subdirectories(folder: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    let Some(open) = open(folder, issues) else { return Vec::new() };
    let mut candidates = Candidates::default();
    list(&open, folder, issues, |name, kind, _| candidates.add(name, kind));
    candidates.unique(&open).iter().map(|name| folder::path_of(folder, name)).collect()
}

/// Finds the transcripts in a directory, and those of its sessions' sub-agents. The latter are in `subagents`, in a
/// directory of the session's name, at most `depth` levels deep.
pub fn project(agent: Agent, folder: &Path, depth: usize, discovery: &mut Discovery) {
    let Some(open) = open(folder, &mut discovery.issues) else { return };
    let Discovery { sources, issues } = discovery;
    let mut candidates = Candidates::default();
    list(&open, folder, issues, |name, kind, issues| {
        if has_transcript_name(name) {
            issues.extend(source_in(agent, &open, folder, name).map(|source| sources.push(source)).err());
        } else {
            candidates.add(name, kind);
        }
    });
    for session in candidates.unique(&open) {
        let mut name = session.into_bytes();
        name.extend_from_slice(b"/subagents");
        let Ok(name) = CString::new(name) else { continue };
        let path = folder::path_of(folder, &name);
        if let Some(open) = opened(open.folder(&name), &path, &mut discovery.issues) {
            within(agent, &open, &path, depth, discovery);
        }
    }
}

/// Finds the transcripts in a directory and at most `depth` levels below it. Does not follow links to directories.
pub fn transcripts(agent: Agent, folder: &Path, depth: usize, discovery: &mut Discovery) {
    if let Some(open) = open(folder, &mut discovery.issues) {
        within(agent, &open, folder, depth, discovery);
    }
}

fn within(agent: Agent, open: &Folder, path: &Path, depth: usize, discovery: &mut Discovery) {
    let Discovery { sources, issues } = discovery;
    let mut candidates = Vec::new();
    list(open, path, issues, |name, kind, issues| {
        if has_transcript_name(name) {
            issues.extend(source_in(agent, open, path, name).map(|source| sources.push(source)).err());
        } else if depth > 0 && kind == FileType::Directory {
            candidates.push(name.to_owned());
        }
    });
    for name in candidates {
        let path = folder::path_of(path, &name);
        if let Some(open) = opened(open.folder(&name), &path, &mut discovery.issues) {
            within(agent, &open, &path, depth - 1, discovery);
        }
    }
}

/// Names in a directory that may be subdirectories.
#[derive(Default)]
struct Candidates {
    names: Vec<CString>,
    /// Names that need a `stat`: links, and entries of unknown type.
    links: Vec<CString>,
}

impl Candidates {
    fn add(&mut self, name: &CStr, kind: FileType) {
        match kind {
            // Most entries are regular files, which need no `stat`.
            FileType::RegularFile => {}
            FileType::Directory => self.names.push(name.to_owned()),
            _ => self.links.push(name.to_owned()),
        }
    }

    /// Returns the directories among them, each by one name.
    fn unique(mut self, folder: &Folder) -> Vec<CString> {
        if self.links.is_empty() {
            return self.names;
        }
        self.links.sort_unstable();
        let mut seen = HashSet::new();
        self.names.append(&mut self.links);
        self.names.retain(|name| {
            let directory = folder.stat(name).ok().filter(|seen| seen.kind() == FileType::Directory);
            directory.is_some_and(|directory| seen.insert(directory.identity()))
        });
        self.names
    }
}

fn open(path: &Path, issues: &mut Vec<Issue>) -> Option<Folder> {
    opened(Folder::open(path), path, issues)
}

fn opened(folder: std::io::Result<Option<Folder>>, path: &Path, issues: &mut Vec<Issue>) -> Option<Folder> {
    folder.unwrap_or_else(|error| {
        if error.kind() != std::io::ErrorKind::NotADirectory {
            issues.push(Issue::new(path, error));
        }
        None
    })
}

/// Visits the entries of a directory, and reports an error that ends the listing early.
fn list(
    folder: &Folder,
    path: &Path,
    issues: &mut Vec<Issue>,
    mut visit: impl FnMut(&CStr, FileType, &mut Vec<Issue>),
) {
    if let Err(error) = folder.list(|name, kind| visit(name, kind, issues)) {
        issues.push(Issue::new(path, error));
    }
}

/// True for a transcript's file name.
pub fn is_transcript(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}

fn has_transcript_name(name: &CStr) -> bool {
    name.to_bytes().strip_suffix(b".jsonl").is_some_and(|stem| !stem.is_empty())
}

/// Stats a transcript; its kind is [`SUBAGENT`] if its name begins with `agent-`. Returns an issue for anything but a file.
pub fn source(agent: Agent, path: PathBuf) -> Result<Source, Issue> {
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {
            let kind = kind(path.file_name().unwrap_or_default().as_encoded_bytes());
            Ok(Source { agent, stamp: FileStamp::of(&metadata), path, kind })
        }
        Ok(_) => Err(Issue::new(path, NOT_A_FILE)),
        Err(error) => Err(Issue::new(path, error)),
    }
}

/// Stats a transcript relative to an open directory, which avoids resolving the whole path.
fn source_in(agent: Agent, folder: &Folder, path: &Path, name: &CStr) -> Result<Source, Issue> {
    let path = folder::path_of(path, name);
    match folder.stat(name) {
        Ok(seen) if seen.kind() == FileType::RegularFile => {
            Ok(Source { agent, stamp: seen.stamp(), path, kind: kind(name.to_bytes()) })
        }
        Ok(_) => Err(Issue::new(path, NOT_A_FILE)),
        Err(error) => Err(Issue::new(path, error)),
    }
}

const NOT_A_FILE: &str = "named like a transcript, but not a file";

fn kind(name: &[u8]) -> u8 {
    if name.starts_with(b"agent-") { SUBAGENT } else { SESSION }
}

/// File name without its extension.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Kind of a session's own transcript.
pub const SESSION: u8 = 0;
/// Kind of a sub-agent's transcript.
pub const SUBAGENT: u8 = 1;
