//! Documents made from transcripts: Markdown, HTML, JSON and plain text, with secrets masked.
//!
//! A document is written entry by entry, so that memory does not depend on the size of the session. Must not choose
//! sessions, print, or change a file that it did not create.

mod brief;
mod changes;
mod document;
mod file;
mod html;
pub mod images;
pub mod json;
mod json_document;
pub mod json_text;
pub mod markdown;
mod text;

pub use brief::brief;
pub use changes::changed_lines;
pub use document::{Subagents, write};
pub use file::{create_file, file_name, is_stream};
pub use json_document::JsonDocument;
