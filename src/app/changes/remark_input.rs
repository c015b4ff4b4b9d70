//! Remark that is being written, and the preview of the prompt that contains the remarks.

use crate::app::line_editor::LineEditor;
use crate::app::scroll::Scroll;
use crate::domain::remark::Remark;

/// Remark that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemarkInput {
    pub(super) target: RemarkTarget,
    /// The text.
    pub input: LineEditor,
}

/// Remark to which a text belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RemarkTarget {
    /// A new one.
    New(Box<Remark>),
    /// One that is saved, by its identifier.
    Known(i64),
}

/// Preview of the prompt that contains the remarks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewPreview {
    /// The prompt.
    pub text: String,
    /// Scroll position.
    pub scroll: Scroll,
    pub(super) remarks: Vec<i64>,
}

impl RemarkInput {
    /// Returns the label of the input.
    pub fn label(&self) -> &'static str {
        match &self.target {
            RemarkTarget::Known(_) => "remark (empty removes it):",
            RemarkTarget::New(remark) if remark.snippet.lines.is_empty() => "remark on the file:",
            RemarkTarget::New(_) => "remark:",
        }
    }
}
