//! The interface of an agent's JSON-lines dialect: line metadata and entry decoding.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::TextFile;
use crate::agent::json::{JsonStr, MalformedJson};
use crate::agent::texts::{SearchText, StoredRecord};
use crate::agent::usual_form::UsualForm;
use crate::agent::{FileStamp, Source};
use crate::domain::run::SessionTask;
use crate::domain::{Entry, EntryKey, EntryKind, Event, Session, SessionKey, Time, Tokens};

/// Parser of one agent's lines. May contain parameters of one file (sub-agent or not, version of the dialect).
///
/// Only [`scan_line`](Self::scan_line) decides how many entries a line yields; [`decode`](Self::decode) fills them in.
/// So the counts of a summary and of a reader cannot differ.
pub trait Dialect: Send + Sync {
    /// Extracts a line's metadata without decoding texts. Called for every line of a file, so it must be fast.
    /// `offset` is the line's position in its file, and the identity of records without an id.
    fn scan_line<'a>(&self, line: &'a [u8], offset: u64) -> Result<LineMetadata<'a>, MalformedJson>;

    /// Decodes some of the entries that `scan_line` found in this line into events. An event carries the key of its mark;
    /// the caller drops events that match none of the marks.
    fn decode(&self, line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event));

    /// Decodes entries like [`decode`](Self::decode), for the text index: may leave out texts that are not indexed.
    fn decode_indexed(&self, line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
        self.decode(line, marks, sink);
    }

    /// Converts a record to the usual form; `None` if it has that. Called only for records that `scan_line` finds unusual, or
    /// cannot read.
    fn usual_form(&self, _record: &[u8]) -> Option<UsualForm> {
        None
    }

    /// True if the call with this id has a record of its own, besides the one of its result.
    fn has_own_record(&self, _call: &str) -> bool {
        true
    }

    /// True for a line with the result of a call that has no record of its own, so that its texts are only here.
    fn has_unrecorded_call(&self, _line: &[u8]) -> bool {
        false
    }

    /// True for a line with the result of a call that also says what the call was, which may be the only record of it.
    fn restates_call(&self, _line: &[u8]) -> bool {
        false
    }

    /// Decodes the updates of tool calls (and usage, by key) in this line; the caller drops updates of unwanted calls. A
    /// line that also describes the call may yield it first.
    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event));

    /// Extracts the texts of a record that are in none of its entries.
    fn other_texts(&self, _record: &StoredRecord<'_>, _sink: &mut dyn FnMut(&SearchText<'_>)) {}

    /// Opens a file of such lines: all of it, or at least its `first` bytes.
    fn open_text(&self, path: &Path, first: Option<u64>) -> io::Result<TextFile> {
        let _ = first;
        TextFile::open(path)
    }

    /// Takes the stamp of a file, and of what else its text consists of.
    fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        Ok(FileStamp::of(&std::fs::metadata(path)?))
    }

    /// True if all records of the conversation are in its file, so that a parent that is not there is lost. The beginning
    /// of a sub-agent may be in the file of its parent.
    fn has_whole_conversation(&self) -> bool {
        false
    }

    /// Completes a folded entry with facts that only call and result together show.
    fn finish(&self, _entry: &mut Entry) {}

    /// Folds calls that change a task list, in order. Returns the index of the call that shows the list, with its tasks.
    fn task_list(&self, _calls: &[Entry]) -> Option<(usize, Vec<SessionTask>)> {
        None
    }

    /// File with the whole text of an entry whose record contains only a preview.
    fn side_text(&self, _entry: &Entry) -> Option<PathBuf> {
        None
    }

    /// Session that leads a team to which the session of the file at `path` belongs.
    fn team_lead(&self, _path: &Path, _team: &str) -> Option<Arc<str>> {
        None
    }

    /// Session of a sub-agent whose record, in the file of its parent, is at an offset; called only where
    /// [`RareMetadata::side`] was set.
    fn side_session(&self, _offset: u64) -> Option<Arc<str>> {
        None
    }

    /// Sessions of sub-agents in the file of `session`; called only if [`RareMetadata::side`] was set.
    fn side_sessions(&self, _unit: &Source, _session: &Session) -> Vec<Session> {
        Vec::new()
    }
}

/// Metadata of a line. All of it is optional: a dialect fills in what its lines contain.
#[derive(Debug, Default)]
pub struct LineMetadata<'a> {
    /// Relation of the line to the conversation.
    pub link: RecordLink,
    /// The record's id, for [`Session::tip`](crate::domain::Session::tip).
    pub id: Option<JsonStr<'a>>,
    /// Hash of the content, if records with one id may be fragments of one message; 0: a second record is a copy.
    pub content: u64,
    /// True for a record that may not be in the usual form, see [`Dialect::usual_form`].
    pub is_unusual: bool,
    /// True for a record of the conversation without its content, of which something must be lost.
    pub lacks_content: bool,
    /// True for a record after which the conversation goes on from an earlier one.
    pub begins_branch: bool,
    /// The entries that it yields, in order.
    pub marks: Vec<EntryMark>,
    /// Results of tool calls, by [`JsonStr::hash`] of the calls' ids.
    pub results: Vec<ResultMark>,
    /// Real prompts in it: 0 or 1.
    pub turns: u32,
    /// Text of the prompt, a candidate for the title. Only its beginning is decoded.
    pub prompt: Option<JsonStr<'a>>,
    /// Time of the record.
    pub time: Option<Time>,
    /// The working directory.
    pub cwd: Option<JsonStr<'a>>,
    /// The git branch.
    pub branch: Option<JsonStr<'a>>,
    /// The model that answered.
    pub model: Option<JsonStr<'a>>,
    /// Usage of the reply that the line belongs to.
    pub usage: Option<ReplyUsage>,
    /// Metadata that few lines contain.
    pub rare: Option<Box<RareMetadata<'a>>>,
}

impl<'a> LineMetadata<'a> {
    /// Returns the rare metadata, created on first use.
    pub fn rare(&mut self) -> &mut RareMetadata<'a> {
        self.rare.get_or_insert_default()
    }
}

/// Metadata that few lines contain, boxed to keep [`LineMetadata`] small.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a line")]
pub struct RareMetadata<'a> {
    /// A title that the user set.
    pub user_title: Option<JsonStr<'a>>,
    /// A title that the agent generated.
    pub agent_title: Option<JsonStr<'a>>,
    /// A record's id and a title for the session, here or in another file, that contains the record.
    pub title_of: Option<(JsonStr<'a>, JsonStr<'a>)>,
    /// [`JsonStr::hash`] of the newest leaf's id, as the agent recorded it.
    pub leaf: Option<u64>,
    /// The session that this record was copied from; its usage was counted there.
    pub forked_from: Option<JsonStr<'a>>,
    /// True for a record that was copied from another session, which it does not name.
    pub is_copy: bool,
    /// Start time of the process that writes this file; records before it were copied.
    pub born: Option<Time>,
    /// The parent session of a sub-agent.
    pub parent: Option<JsonStr<'a>>,
    /// The team of sessions that this one belongs to.
    pub team: Option<JsonStr<'a>>,
    /// Total cost so far in US dollars.
    pub cost_usd: Option<f64>,
    /// Total usage so far, of an agent that does not record the usage of each reply.
    pub total: Option<UsageTotal>,
    /// Origin of a prompt: `true` for a program, `false` for a person. One prompt of a person makes the session a person's.
    pub headless: Option<bool>,
    /// True for a prompt that was written in a desktop application or in an editor.
    pub app: bool,
    /// Decoded text of the prompt, if it differs from the encoded one: a candidate for the title.
    pub prompt: Option<String>,
    /// Command of the user that begins no turn: the title of a session without a prompt.
    pub command: Option<String>,
    /// Directory that the session moved to.
    pub relocated: Option<JsonStr<'a>>,
    /// The session id in the record.
    pub session: Option<JsonStr<'a>>,
    /// True for a line with a call that changes a task list.
    pub changes_tasks: bool,
    /// Change of the queue of prompts.
    pub queue: Option<QueueStep>,
    /// Number of turns before it that the user took back.
    pub undone_turns: Option<u32>,
    /// True for a line of a sub-agent whose conversation is in this file too.
    pub side: bool,
}

/// Change of the queue of prompts in a line, see [`prompt_queue`](super::prompt_queue).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueStep {
    /// A prompt is added.
    Added {
        /// Hash of its text.
        text: u64,
        /// Entries that the line yields if no other record has the text; none for a message that is no prompt.
        marks: Vec<EntryMark>,
        /// True for a command to the program, whose own record has another form.
        is_command: bool,
    },
    /// The text with this hash is in the line, so that its removal yields nothing.
    Stated(u64),
    /// The first prompt leaves the queue for a record of its own.
    Delivered,
    /// The first prompt leaves the queue within a turn.
    Inserted,
    /// A prompt is sent within the turn: the one with this hash, or the first. Its text is in another record, before or
    /// after this one, or nowhere else.
    Absorbed {
        /// Hash of the text, if the line has it.
        text: Option<u64>,
        /// Entries that the line yields if no other record has the text.
        marks: Vec<EntryMark>,
    },
    /// A prompt leaves the queue, and its text is elsewhere or was not sent: the one with this hash, or the first.
    Removed(Option<u64>),
    /// The first prompt leaves the queue, and its text may be nowhere else.
    Dropped,
    /// All prompts are taken back.
    Cleared,
}

/// Relation of a line to the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordLink {
    /// None: the line contains metadata only.
    #[default]
    Aside,
    /// In file order: formats without a tree.
    Linear,
    /// A node of the conversation tree.
    Node {
        /// [`JsonStr::hash`] of its id.
        id: u64,
        /// Its parent.
        parent: RecordParent,
        /// Group number shared by the records of one reply, which stay on one branch; 0: none.
        group: u64,
        /// True if it contains only tool results, which belong to the reply that they follow.
        result: bool,
    },
}

/// Parent of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordParent {
    /// None: the node is a root.
    Root,
    /// The record with this id; if there is none, the previous one in the file.
    Id(u64),
    /// The previous record in the file.
    Previous,
}

/// Position of an entry within a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryMark {
    /// Its identity.
    pub key: EntryKey,
    /// Its kind.
    pub kind: EntryKind,
    /// Index of the content block in the record.
    pub block: u32,
    /// [`JsonStr::hash`] of the tool call's id; 0 if the entry is no tool call.
    pub tool: u64,
    /// True for an error notice.
    pub error: bool,
}

/// A tool result in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultMark {
    /// [`JsonStr::hash`] of the call's id.
    pub tool: u64,
    /// True if the call failed.
    pub error: bool,
}

/// Usage of a reply. If several lines have the same key, the largest value counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyUsage {
    /// Identity of the reply.
    pub key: u64,
    /// Tokens of the reply.
    pub tokens: Tokens,
}

/// Total usage of one count; a session may have several, which begin at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageTotal {
    /// Usage so far.
    pub total: Tokens,
    /// Usage of the last reply, if it is recorded.
    pub reply: Option<Tokens>,
    /// Number of the count: that of a file, for a session in several files.
    pub count: u32,
    /// True if it includes all usage of the count. Others are ignored beside such totals.
    pub is_complete: bool,
}

/// Identity of a file's session, from its path rather than its lines.
#[derive(Clone, Debug)]
pub(crate) struct SourceIdentity {
    /// The session.
    pub key: SessionKey,
    /// True for a sub-agent's session.
    pub subagent: bool,
    /// Its parent, if the file's path names it.
    pub parent: Option<Arc<str>>,
    /// A title from another file: takes precedence over the first prompt, but not over a title in the file.
    pub title: Option<String>,
}
