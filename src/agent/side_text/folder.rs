//! Outputs in files of their own: the record of a tool has the file's path, and only a part of the output.
//!
//! Read-only, bounded, and only from a folder with the agent's name for such folders: a transcript cannot name any other
//! file.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use super::read::{self, complete_len};
use crate::agent::TextLimit;
use crate::agent::jsonl::walk;

/// Bytes of an output in one search record.
const CHUNK: usize = 256 << 10;

/// Maximum folders between the folder of outputs and a file.
const MAX_DEPTH: usize = 4;

/// Folder of an agent's outputs. The default one contains none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputFolder {
    path: PathBuf,
    /// Folder of all projects, each of which may have such a folder.
    projects: Option<PathBuf>,
    /// Folders of the other projects, once an output was not in its own.
    others: OnceLock<Vec<PathBuf>>,
}

impl OutputFolder {
    /// Creates the folder from its path.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }

    /// Creates the folder of a project, whose outputs may also be in those of other projects: a project can move.
    pub(crate) fn of_project(path: PathBuf) -> Self {
        let projects = path.ancestors().nth(2).map(Path::to_owned);
        Self { projects, ..Self::new(path) }
    }

    fn others(&self) -> &[PathBuf] {
        self.others.get_or_init(|| {
            let Some((projects, name)) = self.projects.as_ref().zip(self.path.file_name()) else { return Vec::new() };
            let projects = walk::subdirectories(projects, &mut Vec::new()).into_iter();
            projects.map(|project| project.join(name)).filter(|path| *path != self.path && path.is_dir()).collect()
        })
    }

    /// Path of the output that a record names. The agent may have run in another home, so its own folder is tried first.
    pub(crate) fn path(&self, recorded: &str) -> Option<PathBuf> {
        // An agent on Windows may have written the record.
        let slashed = recorded.replace('\\', "/");
        let recorded = Path::new(if recorded.contains('/') { recorded } else { &slashed });
        let folder = self.path.file_name()?;
        let steps: Vec<_> = recorded.components().collect();
        let Some(at) = steps.iter().rposition(|step| step.as_os_str() == folder) else {
            return self.beside(recorded);
        };
        let below = &steps[at + 1..];
        let is_plain = below.iter().all(|step| matches!(step, Component::Normal(_)));
        if below.is_empty() || below.len() > MAX_DEPTH || !is_plain {
            return None;
        }
        let below: PathBuf = below.iter().collect();
        let elsewhere = recorded.is_absolute().then(|| recorded.to_owned());
        let is_file = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
        let found = [Some(self.path.join(&below)), elsewhere].into_iter().flatten().find(is_file);
        found.or_else(|| self.others().iter().map(|folder| folder.join(&below)).find(is_file))
    }

    /// Path of an output that an early version wrote into the folder of its project: a file of its own ending.
    fn beside(&self, recorded: &Path) -> Option<PathBuf> {
        const ENDING: &str = "output";
        let projects = self.projects.as_ref()?;
        let name = recorded.file_name().filter(|_| recorded.extension().is_some_and(|ending| ending == ENDING))?;
        let is_file = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
        let others = || walk::subdirectories(projects, &mut Vec::new()).into_iter().map(|project| project.join(name));
        Some(self.path.with_file_name(name)).filter(is_file).or_else(|| others().find(is_file))
    }

    /// Size of an output in bytes; 0 if it is missing.
    pub(crate) fn size(&self, recorded: &str) -> u64 {
        self.path(recorded).and_then(|path| path.metadata().ok()).map_or(0, |metadata| metadata.len())
    }

    /// Reads the beginning of an output; true if there is more.
    pub(crate) fn read(&self, recorded: &str, limit: TextLimit) -> Option<(String, bool)> {
        read::beginning(&self.path(recorded)?, limit).ok()
    }

    /// Visits an output in parts that end with a line, where its lines are not too long, until `visit` returns false.
    pub(crate) fn chunks(&self, recorded: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
        let Some(path) = self.path(recorded) else { return Ok(()) };
        let mut file = read::open(&path)?;
        let (mut buffer, mut len) = (vec![0; CHUNK], 0);
        loop {
            let count = file.read(&mut buffer[len..])?;
            len += count;
            if count > 0 && len < buffer.len() {
                continue;
            }
            let end = match memchr::memrchr(b'\n', &buffer[..len]) {
                Some(newline) if count > 0 => newline + 1,
                _ if count > 0 => complete_len(&buffer[..len]),
                _ => len,
            };
            if end > 0 && !visit(&buffer[..end]) {
                return Ok(());
            }
            buffer.copy_within(end..len, 0);
            len -= end;
            if count == 0 {
                return Ok(());
            }
        }
    }
}
