//! Transcripts in files of JSON lines: the parts that Claude Code, Qwen Code, Codex and others have in common.
//!
//! An agent defines the meaning of a line ([`Dialect`]); this module does the rest:
//!
//! - [`format`]: the session format, over an agent's folders and dialect;
//! - [`summary`]: summarises a file, or the lines appended to it, in one fast pass;
//! - [`transcript_index`]: indexes the entries of an open file, and decodes them on request;
//! - [`tail`]: reads the newest entries, and a preliminary list row, from the ends of a file;
//! - [`copies`]: finds which of several files with the same records are copies.
//!
//! All of them scan lines and choose the shown branch by the same code ([`branch`]), so their counts agree.

pub mod branch;
mod call_results;
pub mod concatenated;
pub mod copies;
pub mod dialect;
pub mod format;
mod inherited;
pub mod patch;
pub mod repaired;
pub mod scan;
pub mod summary;
pub mod summary_state;
pub mod tail;
pub mod text_file;
pub mod transcript_index;
mod undone;
pub mod walk;

pub use crate::agent::json::{JsonCursor, JsonStr, MalformedJson};
pub use dialect::{
    Dialect, EntryMark, LineMetadata, RareMetadata, RecordLink, RecordParent, ReplyUsage, ResultMark, SourceIdentity,
};
pub use format::{FileHead, JsonlAgent, JsonlFormat};
pub use text_file::TextFile;
