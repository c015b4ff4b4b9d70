//! Transcripts in files of JSON lines: the parts that Claude Code, Qwen Code, Codex and others have in common.
//!
//! An agent defines the meaning of a line ([`Dialect`]); this module does the rest:
//!
//! - [`agent`]: the interface of an agent: where its files are;
//! - [`mod@format`]: the session format, over an agent's folders and dialect;
//! - [`summary`]: summarises a file, or the lines appended to it, in one fast pass;
//! - [`transcript_index`]: indexes the entries of an open file, and decodes them on request;
//! - [`tail`]: reads the newest entries, and a preliminary list row, from the ends of a file;
//! - [`prompt_queue`]: finds the prompts that were sent within a turn;
//! - [`copies`]: finds which of several files with the same records are copies.
//!
//! All of them scan lines and choose the shown branch by the same code ([`branch`]), so their counts agree.

pub(super) mod agent;
pub(super) mod branch;
mod call_results;
pub(super) mod concatenated;
pub(super) mod copies;
pub(super) mod dialect;
pub(super) mod format;
mod inherited;
pub(super) mod parts;
pub(super) mod patch;
mod prompt_queue;
pub(super) mod repaired;
pub(super) mod scan;
pub(super) mod summary;
pub(super) mod summary_state;
pub(super) mod tail;
pub(super) mod text_file;
pub(super) mod transcript_index;
mod undone;
mod usage_counts;
pub(super) mod walk;

pub(super) use crate::agent::json::{JsonCursor, JsonStr, MalformedJson};
pub(super) use agent::{FileHead, JsonlAgent};
pub(super) use call_results::lost_call_key;
pub(super) use dialect::{
    Dialect, EntryMark, LineMetadata, QueueStep, RareMetadata, RecordLink, RecordParent, ReplyUsage, ResultMark,
    SourceIdentity, UsageTotal,
};
pub(super) use format::JsonlFormat;
pub(super) use text_file::TextFile;
