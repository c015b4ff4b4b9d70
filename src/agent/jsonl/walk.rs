//! Directories of transcripts: links followed, loops survived, what cannot be looked at named.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::agent::folder::{self, Folder};
use crate::agent::{Discovery, Stamp, Unit};
use crate::domain::{Agent, Issue};

/// The entries of a directory; none, and no issue, where there is no directory.
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

/// The directories in a directory, each once: where a link leads to one that is there anyway, its own name counts.
pub fn folders(folder: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    let Some(open) = open(folder, issues) else { return Vec::new() };
    let mut below = Below::default();
    list(&open, folder, issues, |name, kind, _| below.add(name, kind));
    below.once(&open).iter().map(|name| folder::path_of(folder, name)).collect()
}

/// The transcripts in a directory, and those of the sub-agents of its sessions: they lie in `subagents`, in a directory
/// of the session's name, at most `depth` levels deep.
pub fn project(agent: Agent, folder: &Path, depth: usize, found: &mut Discovery) {
    let Some(open) = open(folder, &mut found.issues) else { return };
    let Discovery { units, issues } = found;
    let mut below = Below::default();
    list(&open, folder, issues, |name, kind, issues| {
        if is_name(name) {
            issues.extend(unit_in(agent, &open, folder, name).map(|unit| units.push(unit)).err());
        } else {
            below.add(name, kind);
        }
    });
    for session in below.once(&open) {
        let mut name = session.into_bytes();
        name.extend_from_slice(b"/subagents");
        let Ok(name) = CString::new(name) else { continue };
        let path = folder::path_of(folder, &name);
        if let Some(open) = opened(open.folder(&name), &path, &mut found.issues) {
            within(agent, &open, &path, depth, found);
        }
    }
}

/// The transcripts in a directory and at most `depth` levels below it. Links to directories are not followed here.
pub fn transcripts(agent: Agent, folder: &Path, depth: usize, found: &mut Discovery) {
    if let Some(open) = open(folder, &mut found.issues) {
        within(agent, &open, folder, depth, found);
    }
}

fn within(agent: Agent, open: &Folder, path: &Path, depth: usize, found: &mut Discovery) {
    let Discovery { units, issues } = found;
    let mut below = Vec::new();
    list(open, path, issues, |name, kind, issues| {
        if is_name(name) {
            issues.extend(unit_in(agent, open, path, name).map(|unit| units.push(unit)).err());
        } else if depth > 0 && kind == FileType::Directory {
            below.push(name.to_owned());
        }
    });
    for name in below {
        let path = folder::path_of(path, &name);
        if let Some(open) = opened(open.folder(&name), &path, &mut found.issues) {
            within(agent, &open, &path, depth - 1, found);
        }
    }
}

/// Names in a directory that may be directories.
#[derive(Default)]
struct Below {
    names: Vec<CString>,
    /// Something else than plain directories is among them.
    links: Vec<CString>,
}

impl Below {
    fn add(&mut self, name: &CStr, kind: FileType) {
        match kind {
            // What is plainly a file need not be looked at: most are.
            FileType::RegularFile => {}
            FileType::Directory => self.names.push(name.to_owned()),
            _ => self.links.push(name.to_owned()),
        }
    }

    /// The directories among them, each by one name.
    fn once(mut self, folder: &Folder) -> Vec<CString> {
        if self.links.is_empty() {
            return self.names;
        }
        self.links.sort_unstable();
        let mut seen = HashSet::new();
        self.names.append(&mut self.links);
        self.names.retain(|name| {
            let directory = folder.look(name).ok().filter(|seen| seen.kind() == FileType::Directory);
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

/// Visits what stands in a directory, and tells where that ends too early.
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

/// Whether a name is a transcript's.
pub fn is_transcript(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}

fn is_name(name: &CStr) -> bool {
    name.to_bytes().strip_suffix(b".jsonl").is_some_and(|stem| !stem.is_empty())
}

/// A transcript with its present stamp, of kind [`SUBAGENT`] if its name says so, or why it is none.
pub fn unit(agent: Agent, path: PathBuf) -> Result<Unit, Issue> {
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {
            let kind = kind(path.file_name().unwrap_or_default().as_encoded_bytes());
            Ok(Unit { agent, stamp: Stamp::of(&metadata), path, kind })
        }
        Ok(_) => Err(Issue::new(path, NO_FILE)),
        Err(error) => Err(Issue::new(path, error)),
    }
}

/// The same in a directory that is open: it need not be looked up along its whole path.
fn unit_in(agent: Agent, folder: &Folder, path: &Path, name: &CStr) -> Result<Unit, Issue> {
    let path = folder::path_of(path, name);
    match folder.look(name) {
        Ok(seen) if seen.kind() == FileType::RegularFile => {
            Ok(Unit { agent, stamp: seen.stamp(), path, kind: kind(name.to_bytes()) })
        }
        Ok(_) => Err(Issue::new(path, NO_FILE)),
        Err(error) => Err(Issue::new(path, error)),
    }
}

const NO_FILE: &str = "a transcript's name, but not a file";

fn kind(name: &[u8]) -> u8 {
    if name.starts_with(b"agent-") { SUBAGENT } else { SESSION }
}

/// The name of a file without its ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A session.
pub const SESSION: u8 = 0;
/// A sub-agent's transcript.
pub const SUBAGENT: u8 = 1;
