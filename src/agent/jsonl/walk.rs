//! Directories of transcripts: links followed, loops survived, what cannot be looked at named.

use std::collections::HashSet;
use std::fs::{DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
    let mut found: Vec<(bool, PathBuf)> = entries(folder, issues)
        .filter_map(|entry| {
            // What is plainly a file need not be looked at: most are.
            let kind = entry.file_type().ok().filter(|kind| !kind.is_file())?;
            Some((kind.is_symlink(), entry.path()))
        })
        .collect();
    found.sort();
    let mut seen = HashSet::new();
    let once = |(_, path): (bool, PathBuf)| {
        let metadata = std::fs::metadata(&path).ok().filter(Metadata::is_dir)?;
        seen.insert((metadata.dev(), metadata.ino())).then_some(path)
    };
    found.into_iter().filter_map(once).collect()
}

/// The transcripts in a directory and at most `depth` levels below it. Links to directories are not followed here.
pub fn transcripts(agent: Agent, folder: &Path, depth: usize, found: &mut Discovery) {
    for entry in entries(folder, &mut found.issues) {
        let path = entry.path();
        if is_transcript(&path) {
            // Asked of the directory that is open, a file need not be looked up along its whole path.
            let metadata = match entry.file_type() {
                Ok(kind) if kind.is_file() => entry.metadata(),
                _ => std::fs::metadata(&path),
            };
            found.issues.extend(unit_of(agent, path, metadata).map(|unit| found.units.push(unit)).err());
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            transcripts(agent, &path, depth - 1, found);
        }
    }
}

/// Whether a name is a transcript's.
pub fn is_transcript(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}

/// A transcript with its present stamp, of kind [`SUBAGENT`] if its name says so, or why it is none.
pub fn unit(agent: Agent, path: PathBuf) -> Result<Unit, Issue> {
    let metadata = std::fs::metadata(&path);
    unit_of(agent, path, metadata)
}

fn unit_of(agent: Agent, path: PathBuf, metadata: std::io::Result<Metadata>) -> Result<Unit, Issue> {
    match metadata {
        Ok(metadata) if metadata.is_file() => {
            let kind = if stem(&path).starts_with("agent-") { SUBAGENT } else { SESSION };
            Ok(Unit { agent, stamp: Stamp::of(&metadata), path, kind })
        }
        Ok(_) => Err(Issue::new(path, "a transcript's name, but not a file")),
        Err(error) => Err(Issue::new(path, error)),
    }
}

/// The name of a file without its ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A session.
pub const SESSION: u8 = 0;
/// A sub-agent's transcript.
pub const SUBAGENT: u8 = 1;
