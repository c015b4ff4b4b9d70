//! Directory walks for transcripts: survive loops of links, and report what cannot be read.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::agent::folder::{self, Folder};
use crate::agent::{Discovery, FileStamp, Source};
use crate::domain::{Agent, Issue};
use crate::stdx::files::{self, SizeLimit};

/// Kind of a session's own transcript.
pub(crate) const SESSION: u8 = 0;
/// Kind of a sub-agent's transcript.
pub(crate) const SUBAGENT: u8 = 1;

const NOT_A_FILE: &str = "named like a transcript, but not a file";

/// A walk over folders of transcripts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    /// The agent that wrote them.
    pub agent: Agent,
    /// Kind of the source with a file name; `None` for other files.
    pub kind: fn(&[u8]) -> Option<u8>,
    /// True to enter folders through links.
    pub links: bool,
}

impl Walk {
    /// Creates a walk for `*.jsonl`, which does not enter linked folders.
    pub(crate) fn of(agent: Agent) -> Self {
        Self { agent, kind: transcript_kind, links: false }
    }

    /// Finds the transcripts in a folder and at most `depth` levels below it.
    pub(crate) fn files(&self, folder: &Path, depth: usize, discovery: &mut Discovery) {
        if let Some(open) = open(folder, &mut discovery.issues) {
            self.within(&open, folder, depth, discovery);
        }
    }

    /// True if only names with certain endings are files of the walk.
    fn needs_ending(&self) -> bool {
        (self.kind)(b"a").is_none()
    }

    fn within(&self, open: &Folder, path: &Path, depth: usize, discovery: &mut Discovery) {
        for name in self.list(open, path, self.links, discovery) {
            if depth == 0 {
                return;
            }
            let path = folder::path_of(path, &name);
            if let Some(open) = opened(open.folder(&name), &path, &mut discovery.issues) {
                self.within(&open, &path, depth - 1, discovery);
            }
        }
    }

    /// Finds the transcripts in a folder, and what belongs to them: each of `inside` is the name of a folder inside a
    /// folder of the session's name, the walk over it, and its depth.
    pub(crate) fn project(&self, folder: &Path, inside: &[(&str, Self, usize)], discovery: &mut Discovery) {
        let Some(open) = open(folder, &mut discovery.issues) else { return };
        for session in self.list(&open, folder, true, discovery) {
            for (name, walk, depth) in inside {
                let name = [session.to_bytes(), b"/", name.as_bytes()].concat();
                let Ok(name) = CString::new(name) else { continue };
                let path = folder::path_of(folder, &name);
                if let Some(open) = opened(open.folder(&name), &path, &mut discovery.issues) {
                    walk.within(&open, &path, *depth, discovery);
                }
            }
        }
    }

    /// Adds the transcripts in a folder, and returns the names of its subfolders.
    fn list(&self, open: &Folder, path: &Path, links: bool, discovery: &mut Discovery) -> Vec<CString> {
        let Discovery { sources, issues } = discovery;
        let mut candidates = Candidates::default();
        list(open, path, issues, |name, kind, issues| match (self.kind)(name.to_bytes()) {
            // Where files need no ending, a folder is none of them.
            Some(_) if kind == FileType::Directory && !self.needs_ending() => candidates.add(name, kind),
            Some(of_source) => match source_in(self.agent, open, path, name, of_source) {
                Ok(source) => sources.push(source),
                Err(issue) => issues.push(issue),
            },
            None if name.to_bytes().ends_with(b".meta.json") => {
                let refusal = open.refusal(name, SizeLimit::SIDECAR);
                issues.extend(refusal.map(|error| Issue::new(folder::path_of(path, name), error)));
            }
            None => candidates.add(name, kind),
        });
        if links { candidates.unique(open) } else { candidates.names }
    }

    /// Stats a transcript; `None` for a file that does not exist or is none.
    pub(crate) fn source(&self, path: &Path) -> Option<Source> {
        let kind = (self.kind)(path.file_name()?.as_encoded_bytes())?;
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(Source { agent: self.agent, path: path.to_owned(), stamp: FileStamp::of(&metadata), kind })
    }

    /// Returns the sources that a change of `path` affects: the given transcript, or those that `in_folder` finds in a
    /// changed folder.
    pub(crate) fn affected(
        &self,
        path: &Path,
        transcript: Option<PathBuf>,
        in_folder: impl FnOnce(&mut Discovery),
    ) -> Vec<(PathBuf, Option<Source>)> {
        if let Some(transcript) = transcript {
            let source = self.source(&transcript);
            return vec![(transcript, source)];
        }
        if path.is_dir() {
            let mut discovery = Discovery::default();
            in_folder(&mut discovery);
            return discovery.sources.into_iter().map(|source| (source.path.clone(), Some(source))).collect();
        }
        // The transcripts of a removed folder are unknown, so the folder itself is reported as removed.
        if path.extension().is_none() && !path.exists() { vec![(path.to_owned(), None)] } else { Vec::new() }
    }
}

/// Kind of a file `*.jsonl`: [`SUBAGENT`] if its name begins with `agent-`.
pub(crate) fn transcript_kind(name: &[u8]) -> Option<u8> {
    let stem = name.strip_suffix(b".jsonl").filter(|stem| !stem.is_empty())?;
    Some(if stem.starts_with(b"agent-") { SUBAGENT } else { SESSION })
}

/// Lists a directory; no entries, and no issue, if the directory does not exist.
pub(crate) fn entries(folder: &Path, issues: &mut Vec<Issue>) -> impl Iterator<Item = DirEntry> + use<> {
    let listed = match std::fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
                issues.push(Issue::new(folder, error));
            }
            None
        }
    };
    listed.into_iter().flatten().filter_map(Result::ok)
}

/// Lists the subdirectories, each once: a link to one of them is dropped in favour of its own name.
pub(crate) fn subdirectories(folder: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    let Some(open) = open(folder, issues) else { return Vec::new() };
    let mut candidates = Candidates::default();
    list(&open, folder, issues, |name, kind, _| candidates.add(name, kind));
    candidates.unique(&open).iter().map(|name| folder::path_of(folder, name)).collect()
}

/// Reports the process records of a registry that cannot be read. The poll for open sessions reads them, and reports
/// nothing.
pub(crate) fn check_registry(folder: &Path, issues: &mut Vec<Issue>) {
    let records: Vec<PathBuf> = entries(folder, issues).map(|entry| entry.path()).collect();
    for path in records.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        check(path, SizeLimit::SIDECAR, issues);
    }
}

/// Reports a file that exists but would not be read.
pub(crate) fn check(path: PathBuf, limit: SizeLimit, issues: &mut Vec<Issue>) {
    issues.extend(files::refusal(&path, limit).map(|error| Issue::new(path, error)));
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
        if error.kind() != ErrorKind::NotADirectory {
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

/// Stats a transcript relative to an open directory, which avoids resolving the whole path.
fn source_in(agent: Agent, folder: &Folder, path: &Path, name: &CStr, kind: u8) -> Result<Source, Issue> {
    let path = folder::path_of(path, name);
    match folder.stat(name) {
        Ok(seen) if seen.kind() == FileType::RegularFile => Ok(Source { agent, stamp: seen.stamp(), path, kind }),
        Ok(_) => Err(Issue::new(path, NOT_A_FILE)),
        Err(error) => Err(Issue::new(path, error)),
    }
}

/// True for a transcript's file name.
pub(crate) fn is_transcript(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}

/// File name without its extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
