//! Form for writing sessions to files, and what the notices say about the result.

mod keys;

use super::ctx::Ctx;
use super::line_editor::LineEditor;
use super::msg::ExportResult;
use crate::domain::SessionKey;
use crate::domain::document::DocumentFormat;
use crate::domain::secrets::SecretCounts;
use crate::stdx::text::one_line;

/// The form.
#[derive(Clone, Debug)]
pub struct ExportForm {
    /// Sessions that are written.
    pub keys: Vec<SessionKey>,
    /// The focused field.
    pub field: ExportField,
    /// Format of the files.
    pub format: DocumentFormat,
    /// True to write secrets as they are.
    pub with_secrets: bool,
    /// Folder of the files; a relative one is below the current directory.
    pub folder: LineEditor,
}

/// Field of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportField {
    /// The format.
    #[default]
    Format,
    /// Masking of secrets.
    Secrets,
    /// The folder.
    Folder,
}

impl ExportField {
    /// All fields, from top to bottom.
    pub const ALL: [Self; 3] = [Self::Format, Self::Secrets, Self::Folder];

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|field| *field == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

impl ExportForm {
    /// Creates a form with masked secrets and the current directory.
    pub fn new(keys: Vec<SessionKey>) -> Self {
        Self {
            keys,
            field: ExportField::default(),
            format: DocumentFormat::default(),
            with_secrets: false,
            folder: LineEditor::from("."),
        }
    }
}

/// Reports where sessions were written, and what was masked.
pub fn exported(result: &ExportResult, ctx: &mut Ctx) {
    let masked = result.secrets.describe().map(|masked| format!(" · {masked}")).unwrap_or_default();
    match result.written.as_slice() {
        [] => {}
        [path] => ctx.notices.info(format!("Exported to {}{masked}", one_line(&path.to_string_lossy()))),
        [first, ..] => {
            let folder = first.parent().map(|folder| folder.to_string_lossy()).unwrap_or_default();
            let count = result.written.len();
            ctx.notices.info(format!("Exported {count} sessions to {}{masked}", one_line(&folder)));
        }
    }
    for (name, reason) in &result.refused {
        ctx.notices.error(format!("Not exported: {}: {reason}", one_line(name)));
    }
}

/// Describes masked secrets after what was copied: `, 1 secret masked: GitHub token`.
pub fn masked_note(secrets: &SecretCounts) -> String {
    secrets.describe().map(|masked| format!(", {masked}")).unwrap_or_default()
}
