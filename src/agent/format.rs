//! What every agent's reader can do: find, glance, summarise, read.
//!
//! Three depths, from cheap to complete. **Discover** lists units (files, databases) with one `stat` each.
//! **Glance** reads a little of a unit's head and tail, enough for a row in a list. **Summarise** reads all of it
//! once, and from then on only what was appended. **Open** gives a [`Reading`] that can yield any range of entries
//! without holding the rest.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Environment, Texts};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Issue, Key, Session, TitleSource, Tokens};

/// A place where an agent keeps sessions. It need not exist (yet).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// Whose.
    pub agent: Agent,
    /// The directory, or the database file.
    pub path: PathBuf,
    /// What to watch for changes, below or beside `path`: directories (recursively), or files with all whose names begin
    /// with theirs, as those of a database's log do.
    pub watch: Vec<PathBuf>,
}

/// State of a file when it was read, to tell whether it changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Inode; another one means the file was replaced.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change, in ns since 1970.
    pub mtime_ns: i64,
}

impl Stamp {
    /// From a file's metadata.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            inode: metadata.ino(),
            size: metadata.len(),
            mtime_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }

    /// The change time in ms since 1970.
    pub fn mtime_millis(self) -> i64 {
        self.mtime_ns / 1_000_000
    }

    /// The change time as the system tells it; the epoch where it lies before.
    pub fn modified(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(u64::try_from(self.mtime_ns).unwrap_or(0))
    }
}

/// What is read as a whole: a session's file, or a database with many sessions, or a file of titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Whose.
    pub agent: Agent,
    /// The file. Unique over all units.
    pub path: PathBuf,
    /// Its state. For a database, of the database and its write-ahead log together.
    pub stamp: Stamp,
    /// What kind of unit it is; known to its agent only.
    pub kind: u8,
}

/// What a walk over a root found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The units, in no order.
    pub units: Vec<Unit>,
    /// Directories and files that could not be looked at.
    pub issues: Vec<Issue>,
}

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The file's state when it was read.
    pub stamp: Stamp,
    /// Offset after the last complete line that was read; 0 for databases and documents.
    pub offset: u64,
}

/// Everything needed to go on reading a unit where the last reading ended. Kept in the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How far.
    pub cursor: Cursor,
    /// What the agent's reader must remember; opaque to all others. Unreadable (an older version's): start again.
    pub state: Vec<u8>,
}

/// The sessions of a unit, as a summary found them.
#[derive(Clone, Debug, PartialEq)]
pub enum Sessions {
    /// All that the unit holds; others that it held are gone.
    All(Vec<Session>),
    /// Only those that changed since the progress that was given, and the ids of those that are gone.
    Changed {
        /// New or changed.
        sessions: Vec<Session>,
        /// Gone.
        removed: Vec<Arc<str>>,
    },
}

/// Something that one unit tells about a session that lies in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// A session's title, by its id.
    Title {
        /// The session.
        id: Arc<str>,
        /// Its title.
        title: String,
        /// Who chose it.
        source: TitleSource,
    },
    /// The title of the session whose newest record is `tip`.
    TitleOfTip {
        /// Id of a record.
        tip: Arc<str>,
        /// The title.
        title: String,
    },
    /// Usage of a sub-agent, to be added to its parent's.
    Usage {
        /// The parent session.
        id: Arc<str>,
        /// The sub-agent's own usage.
        tokens: Tokens,
    },
}

/// What a summary found.
#[derive(Debug)]
pub struct Summarised {
    /// The sessions. `workspace` and `state` are left to the index.
    pub sessions: Sessions,
    /// What the unit tells about other sessions; all of it, each time.
    pub notes: Vec<Note>,
    /// Where to go on next time. Without a stamp and with an issue: the unit could not be read for a reason that
    /// passes (a lock), and is to be tried again.
    pub progress: Progress,
    /// Bytes taken from disk.
    pub bytes_read: u64,
    /// What could not be read.
    pub issues: Vec<Issue>,
}

/// Longest text of one entry's part (its text, its tool output) in a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit(pub usize);

impl TextLimit {
    /// Nothing is cut.
    pub const NONE: Self = Self(usize::MAX);
    /// Enough to read on a screen.
    pub const SCREEN: Self = Self(256 << 10);
}

/// What became of an open transcript when it was looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// Nothing.
    Same,
    /// Entries from this index on are new or changed (a tool's result changes an earlier entry).
    Grown {
        /// Index of the first entry that is not as it was.
        from: usize,
    },
    /// Another branch, or another file: read everything again.
    Reset,
    /// The transcript is gone from disk.
    Gone,
}

/// An opened transcript: knows where each entry of the shown branch lies, and reads any range of them.
///
/// What it holds is bounded by the number of entries, not by their size.
pub trait Reading: Send {
    /// Entries on the shown branch; equal to the session's `messages`.
    fn len(&self) -> usize;

    /// No entries at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries of a range (clamped to what there is), with their tools' results wherever those lie.
    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry>;

    /// The records that entry `index` was made of, as they are stored, for `show --raw` and for an editor.
    fn raw(&mut self, index: usize) -> Vec<u8>;

    /// Number of branches; 1 where the conversation never forked in place.
    fn branches(&self) -> usize;

    /// Indices of the entries of one kind, ascending: [`Marks::Prompts`] or [`Marks::Errors`] to jump to.
    fn marks(&mut self, which: Marks) -> Vec<usize>;

    /// For each wanted entry its index: the first one that has the key, or whose tool call has the id, where that is not
    /// empty. `None` where it is not on the shown branch. Readers that know where entries lie need not read them.
    fn positions(&mut self, wanted: &[(Key, &str)]) -> Vec<Option<usize>> {
        const PAGE: usize = 256;
        let mut found = vec![None; wanted.len()];
        let mut from = 0;
        while from < self.len() && found.contains(&None) {
            let entries = self.read(from..self.len().min(from + PAGE), TextLimit(0));
            if entries.is_empty() {
                break;
            }
            for ((key, call), found) in wanted.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                *found = entries.iter().position(|entry| entry.is(*key, call)).map(|at| from + at);
            }
            from += entries.len();
        }
        found
    }

    /// Reads what was appended since.
    fn refresh(&mut self) -> Refreshed;

    /// What could not be read.
    fn issues(&self) -> &[Issue];

    /// Bytes taken from disk so far.
    fn bytes_read(&self) -> u64;
}

/// What to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marks {
    /// Prompts.
    Prompts,
    /// Failed tools and error notices.
    Errors,
}

/// One agent's reader. Stateless: what must be remembered travels in [`Progress`].
pub trait Format: Send + Sync {
    /// Whose format it is.
    fn agent(&self) -> Agent;

    /// Where it keeps sessions, existing or not.
    fn roots(&self, environment: &Environment) -> Vec<Root>;

    /// Walks a root: every unit with one `stat`. A root that does not exist gives nothing, and no issue.
    fn discover(&self, root: &Root) -> Discovery;

    /// The units that a change of `path` concerns, with their present stamps; a unit that is gone has none.
    /// Also for sidecar files, which concern the unit they stand beside.
    fn affected(&self, root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)>;

    /// Rows for a list from a little of the unit's head and tail. May be wrong in counts, not in identity.
    /// Empty where only a summary can tell (a database is summarised at once).
    fn glance(&self, unit: &Unit) -> Vec<Session>;

    /// Reads all of the unit, or what came since `progress`.
    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised;

    /// Which of these units are copies of another one of them, with their summaries without what was copied. Asked for
    /// where sessions have the same [`first`](Session::first) record and do not say what they were forked from.
    fn untangle(&self, _units: &[Unit]) -> Vec<(usize, Summarised)> {
        Vec::new()
    }

    /// Opens a session's transcript.
    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>>;

    /// The newest entries, at least `count` of them where there are as many, without reading the whole file:
    /// for the first screen while [`open`](Self::open) is still at work. Same keys as in the reading.
    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>>;

    /// Sessions of this root that are open in a living process, as far as the agent leaves signs on disk.
    fn live(&self, root: &Root) -> Vec<LiveSign>;

    /// How the agent's own program resumes a session; `extra` arguments go behind, verbatim.
    fn resume(&self, session: &Session, extra: &[String]) -> Launch;

    /// Why its program cannot resume a session, if that can be told from disk, and what can be done instead.
    fn refuses(&self, _session: &Session) -> Option<String> {
        None
    }

    /// Files that the agent's program may destroy when it starts, to be copied before a resume, with the reason.
    fn endangered(&self, _session: &Session) -> Option<Endangered> {
        None
    }

    /// What search reads of its sessions; where there is nothing, search reads entries through [`open`](Self::open).
    fn search(&self) -> Option<&dyn Texts> {
        None
    }

    /// Arguments that make the program print its version.
    fn version_args(&self) -> &'static [&'static str] {
        &["--version"]
    }
}

/// Files that an agent may destroy, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endangered {
    /// The files.
    pub files: Vec<PathBuf>,
    /// What happens, in words for a person.
    pub reason: String,
}
