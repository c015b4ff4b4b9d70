//! Kinds of text in a session, for indexing and ranking.

use serde::{Deserialize, Serialize};

use crate::domain::{EntryKind, Role};

/// Kind of a text within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// Title, current or earlier.
    Title,
    /// Prompt, including queued ones.
    Prompt,
    /// Slash command with its arguments.
    Command,
    /// Summary of a conversation, from compaction or for a list.
    Summary,
    /// Answer.
    Answer,
    /// Reasoning.
    Thinking,
    /// Name of a tool, or a value of its input.
    Input,
    /// File that a tool reads or searches.
    File,
    /// File that a tool changes.
    EditedFile,
    /// Output of a tool.
    Output,
    /// Result of a tool: exit code, or `failed`. Not searched as text.
    Outcome,
    /// A notice.
    Notice,
    /// Error outside of a tool.
    Error,
    /// A plan.
    Plan,
    /// Image or attachment, by its label.
    Image,
}

/// Maximum bytes of a tool input in the text index, because longer values are file contents or patches.
pub const MAX_INDEXED_INPUT: usize = 280;

impl TextKind {
    /// Every kind. The position of a kind is its number in index files.
    pub const ALL: [Self; 15] = [
        Self::Title,
        Self::Prompt,
        Self::Command,
        Self::Summary,
        Self::Answer,
        Self::Thinking,
        Self::Input,
        Self::File,
        Self::EditedFile,
        Self::Output,
        Self::Outcome,
        Self::Notice,
        Self::Error,
        Self::Plan,
        Self::Image,
    ];

    /// Returns true for texts in the text index. Tool output, thinking and whole files are scanned in their source
    /// files.
    pub fn is_indexed(self, text: &str) -> bool {
        match self {
            Self::Thinking | Self::Output => false,
            Self::Input => text.len() <= MAX_INDEXED_INPUT,
            Self::Title
            | Self::Prompt
            | Self::Command
            | Self::Summary
            | Self::Answer
            | Self::File
            | Self::EditedFile
            | Self::Outcome
            | Self::Notice
            | Self::Error
            | Self::Plan
            | Self::Image => true,
        }
    }

    /// Kind of the entry that contains the text.
    pub fn kind(self) -> EntryKind {
        match self {
            Self::Prompt | Self::Command => EntryKind::Prompt,
            Self::Answer => EntryKind::Text,
            Self::Thinking => EntryKind::Thinking,
            Self::Input | Self::File | Self::EditedFile | Self::Output | Self::Outcome => EntryKind::Tool,
            Self::Summary | Self::Notice | Self::Error | Self::Title => EntryKind::Notice,
            Self::Plan => EntryKind::Plan,
            Self::Image => EntryKind::Image,
        }
    }

    /// Author of the text.
    pub fn role(self) -> Role {
        match self {
            Self::Prompt | Self::Command | Self::Image => Role::User,
            Self::Answer
            | Self::Thinking
            | Self::Input
            | Self::File
            | Self::EditedFile
            | Self::Output
            | Self::Outcome
            | Self::Plan => Role::Assistant,
            Self::Title | Self::Summary | Self::Notice | Self::Error => Role::System,
        }
    }

    /// Weight of a match in the score of a session.
    pub fn weight(self) -> f32 {
        match self {
            Self::Title => 8.0,
            Self::Prompt | Self::Command => 4.0,
            Self::Summary | Self::Plan => 2.5,
            Self::Answer => 2.0,
            Self::Input | Self::File | Self::EditedFile => 1.5,
            Self::Thinking | Self::Output | Self::Outcome | Self::Notice | Self::Error | Self::Image => 1.0,
        }
    }
}
