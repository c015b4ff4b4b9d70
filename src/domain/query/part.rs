//! Sorts of text in a session, as search tells them apart: what is worth an index, and what weighs how much.

use crate::domain::{EntryKind, Role};

/// What a text is within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A title, an old one too.
    Title,
    /// A prompt, also one that is still queued.
    Prompt,
    /// A slash command with its arguments.
    Command,
    /// A summary, by which a conversation was compacted or listed.
    Summary,
    /// An answer.
    Answer,
    /// Reasoning.
    Thinking,
    /// A tool's name, or a value of its input.
    Input,
    /// A file that a tool reads or searches.
    File,
    /// A file that a tool changes.
    EditedFile,
    /// What a tool printed.
    Output,
    /// How a tool ended: its exit code, or `failed`. Not searched as text.
    Outcome,
    /// A notice.
    Notice,
    /// An error that is nobody's tool's.
    Error,
    /// A plan.
    Plan,
    /// An image or an attachment, by its label.
    Image,
}

/// Longest value of a tool's input that belongs to the talk; a longer one is a file's content or a patch.
pub const LONGEST_INPUT: usize = 280;

impl Part {
    /// All of them; the index of each is what an index file stores.
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

    /// Talk is worth an index; the rest (tool output, thinking, whole files) is searched where it lies.
    pub fn is_talk(self, text: &str) -> bool {
        match self {
            Self::Thinking | Self::Output => false,
            Self::Input => text.len() <= LONGEST_INPUT,
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

    /// The kind of entry in which it stands.
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

    /// Who says it.
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

    /// How much a hit in it says about the session.
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
