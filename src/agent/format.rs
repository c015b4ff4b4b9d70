//! The reader interface of every agent's session format: discover, peek, summarise, open.
//!
//! Four depths, from cheap to complete. **Discover** lists sources (files, databases) with one `stat` each.
//! **Peek** reads a little of a source's head and tail, enough for a row in a list. **Summarise** reads all of it
//! once, and from then on only what was appended. **Open** returns a [`TranscriptReader`], which reads any range of
//! entries and does not keep the rest in memory.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry_table::EntryTableBuilder;
use super::file_checkpoint::FileCheckpoint;
use super::folder_stamps::FolderStamps;
use super::session_files::AtRiskFiles;
use super::source::{Discovery, FileStamp, Source, SourceRoot};
use super::texts::{RecordVisitor, TextSink};
use super::{Environment, Texts};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::run::SessionTask;
use crate::domain::{Agent, Entry, EntryKey, Issue, Session, Time, TitleSource, Tokens};

/// Position up to which a source was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryCursor {
    /// State of the file when it was read.
    pub stamp: FileStamp,
    /// Offset after the last complete line that was read; 0 for databases and documents.
    pub offset: u64,
}

/// Everything needed to continue a summary where the last one ended. Stored in the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryProgress {
    /// Position up to which the source was read.
    pub cursor: SummaryCursor,
    /// Opaque state of the agent's reader. A state that the reader cannot parse (an older version's) means: read the
    /// source from the start.
    pub state: Vec<u8>,
}

/// Sessions of a source, as a summary found them.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceSessions {
    /// All sessions of the source; others that it contained before are gone.
    All(Vec<Session>),
    /// Only the sessions that changed since the given progress, and the ids of removed ones.
    Changed {
        /// New or changed sessions.
        sessions: Vec<Session>,
        /// Ids of removed sessions.
        removed: Vec<Arc<str>>,
    },
}

/// A fact in one source about a session of another source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SummaryNote {
    /// A session's title, by the session's id.
    Title {
        /// Id of the session.
        id: Arc<str>,
        /// Its title.
        title: String,
        /// Origin of the title.
        source: TitleSource,
    },
    /// Title of the session whose newest record is `tip`.
    TitleOfTip {
        /// Id of a record.
        tip: Arc<str>,
        /// The title.
        title: String,
    },
    /// Usage of a sub-agent, to be added to its parent's.
    Usage {
        /// Id of the parent session.
        id: Arc<str>,
        /// The sub-agent's own usage.
        tokens: Tokens,
    },
    /// Size of a text of a session in a file of its own.
    Bytes {
        /// Id of the session.
        id: Arc<str>,
        /// Size of the file in bytes.
        bytes: u64,
    },
}

/// Result of summarising a source.
#[derive(Debug)]
pub struct SourceSummary {
    /// The sessions. `workspace` and `state` are left to the index.
    pub sessions: SourceSessions,
    /// All facts about sessions of other sources, complete each time.
    pub notes: Vec<SummaryNote>,
    /// Position from which to continue next time. A default stamp and an issue mean a temporary error (a lock):
    /// the source must be read again.
    pub progress: SummaryProgress,
    /// Bytes read from disk.
    pub bytes_read: u64,
    /// Records and files that could not be read.
    pub issues: Vec<Issue>,
}

impl SourceSummary {
    /// Creates the summary of a source without sessions, such as a removed one.
    pub fn none() -> Self {
        let (sessions, progress) = (SourceSessions::All(Vec::new()), SummaryProgress::default());
        Self { sessions, notes: Vec::new(), progress, bytes_read: 0, issues: Vec::new() }
    }
}

/// Maximum bytes of one text of an entry (its text, its tool output), because one output may be megabytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit(pub usize);

impl TextLimit {
    /// No limit.
    pub const NONE: Self = Self(usize::MAX);
    /// Enough to read on a screen.
    pub const SCREEN: Self = Self(256 << 10);
}

/// Result of refreshing an open transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// No change.
    Same,
    /// Entries from this index on are new or changed (a tool's result changes an earlier entry).
    Grown {
        /// Index of the first entry that is new or changed.
        from: usize,
    },
    /// Another branch, or another file: all entries must be read again.
    Reset,
    /// The transcript no longer exists on disk.
    Gone,
}

/// An opened transcript: maps each entry of the shown branch to its place on disk, and reads any range of entries.
///
/// Its memory is bounded by the number of entries, not by their size.
pub trait TranscriptReader: Send {
    /// Number of entries on the shown branch; equal to the session's `messages`.
    fn len(&self) -> usize;

    /// True if there are no entries.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the entries of a range (clamped to the length), including tool results stored elsewhere in the source.
    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry>;

    /// Returns the tasks that calls of the shown branch created and changed by their ids.
    fn tasks(&mut self) -> Vec<SessionTask> {
        Vec::new()
    }

    /// Returns the stored records of entry `index`, for `show --raw` and for an editor.
    fn raw(&mut self, index: usize) -> Vec<u8>;

    /// Number of branches; 1 if the conversation was never forked within its source.
    fn branches(&self) -> usize;

    /// Number of the shown branch, from 0; see [`branch_list`](Self::branch_list).
    fn shown_branch(&self) -> usize {
        0
    }

    /// Describes all branches, in the order in which they began. A number stays valid while the file only grows.
    fn branch_list(&mut self) -> Vec<TranscriptBranch> {
        vec![TranscriptBranch { entries: self.len(), last: None, head: String::new() }]
    }

    /// Shows another branch, by its number. Returns false if there is none with the number. All entries must be read again.
    fn show_branch(&mut self, branch: usize) -> bool {
        branch == 0
    }

    /// Returns the entries of the shown branch after which other branches go on differently, ascending.
    fn forks(&mut self) -> Vec<Fork> {
        Vec::new()
    }

    /// Returns the agent's id of the record of an entry on the shown branch, if it is known.
    fn record_id(&mut self, _index: usize) -> Option<String> {
        None
    }

    /// Finds entries on any branch, see [`positions`](Self::positions); on the shown one if it contains them.
    fn locate(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<BranchPosition>> {
        let branch = self.shown_branch();
        let positions = self.positions(wanted).into_iter();
        positions.map(|found| found.map(|index| BranchPosition { branch, index })).collect()
    }

    /// Returns the entries of a branch that have a key, or whose tool call has an id, if there are several: records with one
    /// id may have different contents, and calls of different turns may have one id.
    fn namesakes(&mut self, _wanted: (EntryKey, &str), _branch: usize) -> Vec<usize> {
        Vec::new()
    }

    /// Returns the indices of all entries of one kind, ascending.
    fn marks(&mut self, which: MarkKind) -> Vec<usize>;

    /// Returns the index of each wanted entry: the first that has the key, or whose tool call has the id (if the id is
    /// not empty). `None` means that it is not on the shown branch. Readers that index their entries need not read them.
    fn positions(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<usize>> {
        const PAGE: usize = 256;
        let mut positions = vec![None; wanted.len()];
        // Calls of different turns may have the same id, so an entry with the key comes first.
        let mut called: Vec<Option<usize>> = vec![None; wanted.len()];
        let mut from = 0;
        while from < self.len() && positions.contains(&None) {
            let entries = self.read(from..self.len().min(from + PAGE), TextLimit(0));
            if entries.is_empty() {
                break;
            }
            for (((key, call), position), called) in wanted.iter().zip(&mut positions).zip(&mut called) {
                let first = |matches: &dyn Fn(&Entry) -> bool| entries.iter().position(matches).map(|at| from + at);
                *position = position.or_else(|| first(&|entry| entry.key == *key));
                *called = called.or_else(|| first(&|entry| entry.matches(*key, call)));
            }
            from += entries.len();
        }
        positions.into_iter().zip(called).map(|(position, called)| position.or(called)).collect()
    }

    /// Encodes the [table](super::entry_table) of the shown branch. `None` if entries come from other sessions' files,
    /// whose changes no one notices.
    fn entry_table(&mut self) -> Option<Vec<u8>> {
        const PAGE: usize = 256;
        let mut table = EntryTableBuilder::default();
        let mut from = 0;
        while from < self.len() {
            let entries = self.read(from..self.len().min(from + PAGE), TextLimit(0));
            if entries.is_empty() {
                break;
            }
            entries.iter().for_each(|entry| table.push_entry(entry));
            from += entries.len();
        }
        Some(table.finish(self.branches() > 1))
    }

    /// Reads records that were appended since the last call.
    fn refresh(&mut self) -> RefreshOutcome;

    /// Records that could not be read.
    fn issues(&self) -> &[Issue];

    /// Bytes read from disk so far.
    fn bytes_read(&self) -> u64;
}

/// A branch of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptBranch {
    /// Number of its entries.
    pub entries: usize,
    /// Time of its newest record.
    pub last: Option<Time>,
    /// First line of the first entry that it does not share with an earlier branch.
    pub head: String,
}

/// An entry after which branches part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Index of the last entry that the branches share; `None` if they share none.
    pub entry: Option<usize>,
    /// Numbers of the other branches that part here, ascending.
    pub branches: Vec<usize>,
    /// For each of them, the first line of its first own entry; empty if it is unknown.
    pub heads: Vec<String>,
}

/// Requests to an agent's program over JSON-RPC, one message per line of its stdin. Those with an id have a response.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcExchange {
    /// The program.
    pub launch: Launch,
    /// Requests and notifications, in order.
    pub messages: Vec<Value>,
}

/// Backup of a file, made by an agent before it changed the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileBackup {
    /// Entry before which the file had the content.
    pub before: EntryKey,
    /// File with the content; `None` if the file did not exist.
    pub content: Option<PathBuf>,
}

/// Record that an agent is given to fork a session before one of its prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkCut {
    /// The last reply that the fork keeps.
    AfterReply,
    /// The prompt, which the fork no longer contains.
    BeforePrompt,
    /// The turn of the prompt before, which is the last one that the fork keeps.
    AfterTurn,
}

/// Position of an entry on a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchPosition {
    /// Number of the branch.
    pub branch: usize,
    /// Index of the entry on it.
    pub index: usize,
}

/// Kinds of entries that a reader jumps between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// Prompts.
    Prompts,
    /// Failed tools and error notices.
    Errors,
}

/// One agent's session format. Stateless: state between calls is passed in [`SummaryProgress`].
pub trait Format: Send + Sync {
    /// True if this is the format of an agent.
    fn reads(&self, agent: Agent) -> bool;

    /// Directories and databases where the agent keeps sessions, existing or not.
    fn roots(&self, environment: &Environment) -> Vec<SourceRoot>;

    /// Walks a root: every source with one `stat`. A root that does not exist yields no sources and no issue.
    fn discover(&self, root: &SourceRoot) -> Discovery;

    /// Returns the sources that a change of `path` affects, with their present stamps; `None` for a removed source.
    /// A sidecar file affects the source that it belongs to.
    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)>;

    /// Returns the folder, or the database, whose sessions may show the text of a tool in a changed file beside them.
    fn shows_text(&self, _root: &SourceRoot, _path: &Path) -> Option<PathBuf> {
        None
    }

    /// Returns the stamp of the files with texts that [`shows_text`](Self::shows_text) is about: those of a source's session,
    /// or of its sessions. A filter of a search is valid for both stamps.
    fn side_stamp(&self, _source: &Source, _session: Option<&str>, _folders: &mut FolderStamps) -> FileStamp {
        FileStamp::default()
    }

    /// Returns list rows from a little of the source's head and tail. Counts may be wrong, identities are not.
    /// Empty if only a summary can produce rows (a database is summarised at once).
    fn peek(&self, source: &Source) -> Vec<Session>;

    /// True if the source may contain sessions; others only add to sessions of other sources.
    fn has_sessions(&self, _source: &Source) -> bool {
        true
    }

    /// True if records may have times in whole seconds.
    fn has_whole_seconds(&self) -> bool {
        false
    }

    /// True for a text beside the transcripts that no record names, so that it is shown nowhere. Reads transcripts.
    fn is_unclaimed(&self, _source: &Source) -> bool {
        false
    }

    /// Returns the texts of tools beside the records of a root that are no sources, and that no record names. Reads all
    /// records, if there are such texts.
    fn unclaimed_texts(&self, _root: &SourceRoot, _sources: &[Source]) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Reads all of the source, or what was appended since `progress`.
    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary;

    /// Reads all of a source like [`summarise`](Self::summarise), and in the same pass the texts of
    /// [`TextScope::Indexed`](super::texts::TextScope::Indexed), record by record. `None`, without any text, for a source
    /// whose texts are not its lines.
    fn summarise_with_texts(&self, _source: &Source, _sink: &mut TextSink<'_>) -> Option<SourceSummary> {
        None
    }

    /// Reads all of a source [of many small files](Texts::has_many_small_files) like [`summarise`](Self::summarise), and
    /// visits its records in the same pass. The second result is that of [`Texts::records_with_table`]. `None`, without any
    /// visit, for any other source.
    fn summarise_with_records(
        &self,
        _source: &Source,
        _visit: &mut RecordVisitor<'_>,
    ) -> Option<(SourceSummary, Option<Vec<u8>>)> {
        None
    }

    /// Finds the sources that are copies of another one in the list. Returns their indices, with summaries that exclude
    /// the copied records. Called for sessions that have the same [`first`](Session::first) record and no recorded
    /// fork origin.
    fn find_copies(&self, _sources: &[Source]) -> Vec<(usize, SourceSummary)> {
        Vec::new()
    }

    /// Opens a session's transcript.
    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>>;

    /// Opens the transcripts of a source's sessions one after the other, and passes each to `visit`. A format parses what they
    /// have in common once.
    fn open_each(&self, sessions: &[&Session], visit: &mut dyn FnMut(&Session, io::Result<Box<dyn TranscriptReader>>)) {
        sessions.iter().for_each(|session| visit(session, self.open(session)));
    }

    /// Reads the newest entries, at least `count` if there are as many, without reading the whole file.
    /// Fills the first screen while [`open`](Self::open) is still running; keys are the same as in the reader.
    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>>;

    /// Sessions of this root that are open in a running process, as far as the agent records that on disk.
    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus>;

    /// Command line with which the agent's own program resumes a session; `extra` arguments are appended verbatim.
    fn resume(&self, session: &Session, extra: &[String]) -> Launch;

    /// Command line that attaches the terminal to a session that runs in the background; `None` for any other session.
    fn attach(&self, _session: &Session, _environment: &Environment) -> Option<Launch> {
        None
    }

    /// Reason why the agent's program cannot resume a session, if the files on disk show one, and the alternative.
    fn resume_refusal(&self, _session: &Session) -> Option<String> {
        None
    }

    /// Reason why the agent's own program cannot open a session that salon can continue.
    fn open_refusal(&self, _session: &Session) -> Option<String> {
        None
    }

    /// Files that the agent's program may destroy when it starts, to be copied before a resume, with the reason.
    fn at_risk_files(&self, _session: &Session) -> Option<AtRiskFiles> {
        None
    }

    /// Files that belong to a session alone, with what lies beside them under its name; `None` if its records are stored
    /// with those of other sessions. There is no default, because these files are moved and deleted with the session.
    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>>;

    /// True if the agent only appends to the files of its sessions, so that a hard link is a copy that grows with them.
    fn only_appends(&self, _session: &Session) -> bool {
        false
    }

    /// True if the process that has a session open is a server of the user, through which other programs control the
    /// session too.
    fn is_shared(&self, _environment: &Environment, _status: &LiveStatus) -> bool {
        false
    }

    /// True if [`write_title`](Self::write_title) or [`rename_exchange`](Self::rename_exchange) can rename sessions.
    fn can_rename(&self) -> bool {
        false
    }

    /// Renames a session in the agent's own files, in its own way. `None` if there is no way.
    fn write_title(&self, _session: &Session, _title: &str) -> Option<io::Result<()>> {
        None
    }

    /// Requests by which the agent's program renames a session itself. `None` if there is no such way.
    fn rename_exchange(&self, _session: &Session, _title: &str) -> Option<RpcExchange> {
        None
    }

    /// Command line with which the agent's program deletes a session from its database. `None` if there is none, or if the
    /// session has files of its own.
    fn delete_command(&self, _session: &Session) -> Option<Launch> {
        None
    }

    /// Returns the agent's own backups of a file that a session changed, in the order in which they were made. The path
    /// is absolute. Unreadable ones are left out.
    fn file_backups(&self, _session: &Session, _path: &Path) -> Vec<FileBackup> {
        Vec::new()
    }

    /// Returns the commits that the agent made of the project's files before calls of a session that change a file, in the
    /// order in which they were made. The path is absolute.
    fn file_checkpoints(&self, _session: &Session, _path: &Path) -> Vec<FileCheckpoint> {
        Vec::new()
    }

    /// Record by which the agent forks a session before a prompt; `None` if it forks only whole sessions.
    fn fork_cut(&self) -> Option<ForkCut> {
        None
    }

    /// True if the agent's program finds a session only in the directory where it began.
    fn is_bound_to_directory(&self) -> bool {
        false
    }

    /// Days after the last change of a session's file at which the agent deletes it; `None` for never.
    fn retention_days(&self, _root: &SourceRoot) -> Option<u32> {
        None
    }

    /// Files that a session shares with others, and without which it cannot be read completely.
    fn shared_files(&self, _session: &Session) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Earliest time at which the agent can open a session again without damage to its record; `None` for any time.
    fn earliest_resume(&self, _environment: &Environment, _id: &str) -> Option<Time> {
        None
    }

    /// Text extractor for search; without one, search reads entries through [`open`](Self::open).
    fn texts(&self) -> Option<&dyn Texts> {
        None
    }

    /// Arguments that make the program print its version.
    fn version_args(&self) -> &'static [&'static str] {
        &["--version"]
    }
}
