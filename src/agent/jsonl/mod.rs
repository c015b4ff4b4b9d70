//! Transcripts that are files of JSON lines: what Claude, Qwen, Codex and others have in common.
//!
//! An agent says what a line means ([`Dialect`]); this module does the rest:
//!
//! - [`summary`]: a file, or what was appended to it, summed up in one fast pass;
//! - [`outline`]: a file opened for reading: it remembers where each entry lies, and decodes only what is asked for;
//! - [`tail`]: the newest entries, and a first glance, from the ends of a file;
//! - [`copies`]: which of two files with the same records is the copy.
//!
//! All of them skim lines with the same code and choose the shown branch with the same [`chain`], so their counts agree.

pub mod chain;
pub mod copies;
pub mod dialect;
pub mod facts;
pub mod outline;
pub mod patch;
pub mod pull;
pub mod scan;
pub mod summary;
pub mod tail;
pub mod walk;

pub use dialect::{Dialect, Identity, Link, Mark, Parent, Rare, ResultMark, Skim, Usage};
pub use pull::{Malformed, Pull, Text};
