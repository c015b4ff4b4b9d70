//! Sources: the files and databases of an agent's sessions, and the directories that contain them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Environment;
use crate::domain::{Agent, Issue};

/// Maximum bytes of an archive's name, because file systems allow 255.
const MAX_NAME: usize = 200;

/// A directory or database where an agent keeps sessions. It need not exist (yet).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceRoot {
    /// The agent that keeps sessions here.
    pub agent: Agent,
    /// The directory, or the database file.
    pub path: PathBuf,
    /// Paths to watch for changes, below or beside `path`. A directory is watched recursively. A file is watched
    /// together with all files whose names begin with its name, such as a database's log.
    pub watch: Vec<PathBuf>,
    /// Original directory, if this one is the [archive](super::archive) of it.
    pub origin: Option<PathBuf>,
}

impl SourceRoot {
    /// Creates the roots of an agent: its own directory and the configured ones, each once. `watched` lists the names
    /// below a root to watch; an empty name is the root itself.
    pub fn all(environment: &Environment, agent: Agent, own: PathBuf, watched: &[&str]) -> Vec<Self> {
        Self::several(environment, agent, vec![own], watched)
    }

    /// Creates the roots of an agent that may keep sessions in several directories of its own.
    pub fn several(environment: &Environment, agent: Agent, own: Vec<PathBuf>, watched: &[&str]) -> Vec<Self> {
        let mut roots: Vec<Self> = Vec::new();
        for path in own.into_iter().chain(environment.extra_roots(agent)) {
            if !roots.iter().any(|root| root.path == path) {
                let below = |name: &&str| if name.is_empty() { path.clone() } else { path.join(name) };
                let watch = watched.iter().map(below).collect();
                roots.push(Self { agent, path, watch, origin: None });
            }
        }
        add_archives(environment.archive.as_deref(), &mut roots);
        roots
    }
}

/// Returns the directory in salon's archive for a root of an agent.
pub fn archive_directory(archive: &Path, agent: Agent, root: &Path) -> PathBuf {
    let mut name = String::new();
    for byte in root.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' => name.push('-'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' => name.push(char::from(*byte)),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    // The end of a path distinguishes roots better than its beginning.
    let start = name.len().saturating_sub(MAX_NAME);
    archive.join(agent.name()).join(name.get(start..).unwrap_or("long"))
}

/// Adds the archives of roots, if they exist.
fn add_archives(archive: Option<&Path>, roots: &mut Vec<SourceRoot>) {
    let Some(archive) = archive else { return };
    let kept = |root: &SourceRoot| {
        let path = archive_directory(archive, root.agent, &root.path);
        let moved = |watched: &PathBuf| {
            watched.strip_prefix(&root.path).map_or_else(|_| path.clone(), |below| path.join(below))
        };
        let watch = root.watch.iter().map(moved).collect();
        path.is_dir().then(|| SourceRoot { agent: root.agent, watch, origin: Some(root.path.clone()), path })
    };
    let found: Vec<_> = roots.iter().filter_map(kept).collect();
    roots.extend(found);
}

/// State of a file when it was read; a different stamp means that the file has changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Inode; another one means the file was replaced.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Modification time in ns since 1970.
    pub mtime_ns: i64,
}

impl FileStamp {
    /// Takes the stamp from a file's metadata.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            inode: metadata.ino(),
            size: metadata.len(),
            mtime_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }

    /// Combines the stamps of several files whose contents are read together; a change of any of them changes it.
    pub fn combined(stamps: &[Self]) -> Self {
        Self {
            inode: stamps.iter().fold(0, |inodes, stamp| inodes ^ stamp.inode),
            size: stamps.iter().map(|stamp| stamp.size).sum(),
            mtime_ns: stamps.iter().map(|stamp| stamp.mtime_ns).max().unwrap_or_default(),
        }
    }

    /// Modification time in ms since 1970.
    pub fn mtime_millis(self) -> i64 {
        self.mtime_ns / 1_000_000
    }

    /// Modification time as a [`SystemTime`]; times before 1970 become 1970.
    pub fn modified(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(u64::try_from(self.mtime_ns).unwrap_or(0))
    }
}

/// A file or database that is scanned as one: a session's file, a database with many sessions, a file of titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The agent that wrote it.
    pub agent: Agent,
    /// Path of the file. Unique over all sources.
    pub path: PathBuf,
    /// State of the file; for a database, of the database and its write-ahead log together.
    pub stamp: FileStamp,
    /// Kind of source; only its agent's reader interprets the number.
    pub kind: u8,
}

/// Result of walking a root.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The sources, in no order.
    pub sources: Vec<Source>,
    /// Directories and files that could not be read.
    pub issues: Vec<Issue>,
}
