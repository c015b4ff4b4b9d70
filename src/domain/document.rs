//! Documents made from transcripts: their options, and what was written.

use super::secrets::SecretCounts;
use super::transcript::EntryKind;

/// Format of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocumentFormat {
    /// Markdown.
    #[default]
    Markdown,
    /// One HTML file with everything in it.
    Html,
    /// JSON with the shapes of `show --json`.
    Json,
    /// Plain text.
    Text,
}

impl DocumentFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Markdown, Self::Html, Self::Json, Self::Text];

    /// Returns the identifier, which is also the ending of a file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Json => "json",
            Self::Text => "txt",
        }
    }

    /// Returns the name for the user.
    pub fn label(self) -> &'static str {
        match self {
            Self::Markdown => "Markdown",
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Text => "text",
        }
    }
}

/// Options of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Format.
    pub format: DocumentFormat,
    /// True to write secrets as they are.
    pub with_secrets: bool,
    /// Kinds of entries to write; all if there is none.
    pub kinds: Vec<EntryKind>,
}

impl ExportOptions {
    /// Returns true if entries of a kind are written.
    pub fn includes(&self, kind: EntryKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Content of a written document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentSummary {
    /// Number of entries.
    pub entries: usize,
    /// Masked secrets.
    pub secrets: SecretCounts,
}
