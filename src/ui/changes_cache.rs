//! Layout of the diff on the screen of changes, kept between frames.

use ratatui::text::Line;

use super::style::style;
use super::widgets::diff;
use super::widgets::highlight::Highlighter;
use crate::app::msg::RequestTicket;
use crate::app::secret_display::SecretDisplay;
use crate::config::theme::Theme;
use crate::domain::changes::{Changes, ChangesSource, DiffHunk, HunkAuthor};
use crate::domain::tool::ChangeKind;
use crate::stdx::text;

/// Maximum lines of a file's diff, because more are never read.
const MAX_LINES: usize = 50_000;

/// Layout of a file's diff, until another one is shown.
#[derive(Debug, Default)]
pub(super) struct ChangesCache {
    shape: Option<DiffShape>,
    theme: Theme,
    /// Lines of the selected file.
    pub lines: Vec<Line<'static>>,
    /// First lines of its hunks.
    pub hunk_rows: Vec<usize>,
    pending: bool,
}

/// Everything on which the layout of a diff depends, besides the theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiffShape {
    /// Request that was answered.
    pub ticket: RequestTicket,
    /// Number of the response.
    pub revision: u64,
    /// Index of the file.
    pub file: usize,
    /// Width in columns.
    pub width: usize,
    /// True to put old and new lines beside each other.
    pub side_by_side: bool,
    /// Generation of the highlighter.
    pub generation: u64,
    /// Display of secrets.
    pub secrets: SecretDisplay,
}

impl ChangesCache {
    /// Lays out the selected file, unless that is the current layout.
    pub(super) fn fit(&mut self, shape: DiffShape, changes: &Changes, theme: &Theme, highlighter: &mut Highlighter) {
        let is_same = self.shape.is_some_and(|before| {
            // Newer colours matter only if some are missing.
            let generation = if self.pending { shape.generation } else { before.generation };
            before == DiffShape { generation, ..shape }
        });
        if is_same && self.theme == *theme {
            return;
        }
        (self.shape, self.theme, self.pending) = (Some(shape), theme.clone(), false);
        (self.lines, self.hunk_rows) = (Vec::new(), Vec::new());
        let Some(file) = changes.files.get(shape.file) else { return };
        if file.is_binary {
            self.lines.push(Line::styled(" Not text", style(theme.muted)));
        }
        for hunk in &file.hunks {
            if self.lines.len() > MAX_LINES {
                break;
            }
            self.hunk_rows.push(self.lines.len());
            self.lines.push(heading(hunk, changes.source, theme));
            let options = diff::DiffOptions {
                theme,
                width: shape.width,
                max_lines: MAX_LINES,
                path: &file.path,
                changes_only: false,
                side_by_side: shape.side_by_side,
                sanitise: text::sanitise,
            };
            let laid = diff::lay(&patch(hunk, shape.secrets), options, Some(&mut *highlighter));
            self.pending |= laid.pending;
            self.lines.extend(laid.lines);
        }
    }
}

/// Returns a hunk as a patch, as it is shown. Without numbers of lines, it is one that begins at an unknown line.
fn patch(hunk: &DiffHunk, secrets: SecretDisplay) -> ChangeKind {
    let header = hunk.old_start.and(hunk.new_start).map(|_| hunk.header());
    let lines = header.iter().map(String::as_str).chain(hunk.lines.iter().map(String::as_str));
    let patch: String = lines.flat_map(|line| [line, "\n"]).collect();
    ChangeKind::Patch(secrets.text(&patch).into_owned())
}

/// Names the edits from which a hunk comes.
fn heading(hunk: &DiffHunk, source: ChangesSource, theme: &Theme) -> Line<'static> {
    let name = |author: &HunkAuthor| {
        let id = text::first_chars(&author.session.id, 8).to_owned();
        format!("{} {id} turn {}", author.session.agent.label(), author.turn)
    };
    let mut names: Vec<String> = hunk.authors.iter().map(name).collect();
    if source == ChangesSource::Files && (hunk.unknown > 0 || names.is_empty()) {
        names.push("by hand or unknown".to_owned());
    }
    Line::styled(format!(" ── {}", text::one_line(&names.join(", "))), style(theme.faint))
}
