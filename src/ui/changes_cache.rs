//! Layout of the diff on the screen of changes, kept between frames.

use std::sync::Arc;

use ratatui::text::{Line, Span};

use super::style::style;
use super::widgets::diff;
use super::widgets::highlight::Highlighter;
use super::widgets::styled_line::StyledLine;
use crate::app::msg::{DiffRows, RequestTicket};
use crate::app::secret_display::SecretDisplay;
use crate::config::theme::Theme;
use crate::domain::changes::{Changes, ChangesSource, DiffHunk, FileDiff, HunkAuthor};
use crate::domain::remark::{PlacedRemark, RemarkState};
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
    /// Their hunks, lines and remarks.
    pub rows: Arc<DiffRows>,
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
    /// Lays out the file of a shape with the remarks on it, unless that is the current layout.
    pub(super) fn fit(
        &mut self,
        shape: DiffShape,
        (changes, remarks): (&Changes, &[&PlacedRemark]),
        theme: &Theme,
        highlighter: &mut Highlighter,
    ) {
        let is_same = self.shape.is_some_and(|before| {
            // Newer colours matter only if some are missing.
            let generation = if self.pending { shape.generation } else { before.generation };
            before == DiffShape { generation, ..shape }
        });
        if is_same && self.theme == *theme {
            return;
        }
        (self.shape, self.theme, self.pending) = (Some(shape), theme.clone(), false);
        self.lines = Vec::new();
        let mut rows = DiffRows::default();
        if let Some(file) = changes.files.get(shape.file) {
            self.lay_file(shape, (file, changes.source, remarks), highlighter, &mut rows);
        }
        rows.lines.resize(self.lines.len(), [None; 2]);
        self.rows = Arc::new(rows);
    }

    fn lay_file(
        &mut self,
        shape: DiffShape,
        (file, source, remarks): (&FileDiff, ChangesSource, &[&PlacedRemark]),
        highlighter: &mut Highlighter,
        rows: &mut DiffRows,
    ) {
        let theme = self.theme.clone();
        let hunks: Vec<_> = file.hunks.iter().map(DiffHunk::numbered).collect();
        let placed: Vec<_> = remarks.iter().map(|remark| (*remark, remark.place_in(&hunks))).collect();
        for (remark, _) in placed.iter().filter(|(_, place)| place.is_none()) {
            self.lay_remark(remark, shape, rows);
        }
        if file.is_binary {
            let reason = if file.is_large { " Too large for snapshots: not compared" } else { " Not text" };
            self.lines.push(Line::styled(reason, style(theme.muted)));
        }
        for (nth, hunk) in file.hunks.iter().enumerate() {
            if self.lines.len() > MAX_LINES {
                break;
            }
            rows.lines.resize(self.lines.len(), [None; 2]);
            rows.hunks.push(self.lines.len());
            self.lines.push(heading(hunk, source, &theme));
            rows.lines.push([None; 2]);
            let options = diff::DiffOptions {
                theme: &theme,
                width: shape.width,
                max_lines: MAX_LINES,
                path: &file.path,
                changes_only: false,
                side_by_side: shape.side_by_side,
                sanitise: text::sanitise,
            };
            let (patch, first) = patch(hunk, shape.secrets);
            let laid = diff::lay(&patch, options, Some(&mut *highlighter));
            self.pending |= laid.pending;
            let sources = sources(&laid.sources, first, hunk.lines.len());
            let mut after: Vec<_> = placed.iter().filter(|(_, place)| place.is_some_and(|(at, _)| at == nth)).collect();
            for (line, (row, source)) in laid.lines.into_iter().zip(&sources).enumerate() {
                self.lines.push(row);
                rows.lines.push(*source);
                // A line that is wrapped has several rows.
                let is_last = sources.get(line + 1) != Some(source);
                let is_here = |placed: &mut &(&PlacedRemark, Option<(usize, usize)>)| {
                    is_last && placed.1.is_some_and(|(_, at)| source.contains(&Some(at)))
                };
                for (remark, _) in after.extract_if(.., is_here) {
                    self.lay_remark(remark, shape, rows);
                }
            }
            // The line may be beyond those that are laid out.
            for (remark, _) in after {
                self.lay_remark(remark, shape, rows);
            }
        }
    }

    fn lay_remark(&mut self, placed: &PlacedRemark, shape: DiffShape, rows: &mut DiffRows) {
        rows.remarks.push((self.lines.len(), placed.remark.id));
        let look = match placed.state() {
            RemarkState::Draft | RemarkState::Open => style(self.theme.accent),
            RemarkState::Handled => style(self.theme.muted),
        };
        let note = match placed.state() {
            RemarkState::Draft if placed.is_changed => "draft, its lines changed".to_owned(),
            state => state.name().to_owned(),
        };
        let label = [Span::styled(format!(" » {note}: "), look)];
        let shown = shape.secrets.text(&placed.remark.text);
        let wrapped = StyledLine::plain(&text::one_line(&shown), style(self.theme.text));
        wrapped.wrap_into(shape.width, &label, &[Span::raw("   ")], &mut self.lines);
        rows.lines.resize(self.lines.len(), [None; 2]);
    }
}

/// Converts the lines of a patch to those of its hunk. A masked text with another number of lines has none.
fn sources(of_patch: &[[Option<usize>; 2]], first: Option<usize>, count: usize) -> Vec<[Option<usize>; 2]> {
    let line = |source: Option<usize>| source?.checked_sub(first?).filter(|line| *line < count);
    of_patch.iter().map(|[old, new]| [line(*old), line(*new)]).collect()
}

/// Returns a hunk as a patch, as it is shown, and the index of its first line in it. Without numbers of lines, it is one
/// that begins at an unknown line.
fn patch(hunk: &DiffHunk, secrets: SecretDisplay) -> (ChangeKind, Option<usize>) {
    let header = hunk.old_start.and(hunk.new_start).map(|_| hunk.header());
    let lines = header.iter().map(String::as_str).chain(hunk.lines.iter().map(String::as_str));
    let patch: String = lines.flat_map(|line| [line, "\n"]).collect();
    let shown = secrets.text(&patch).into_owned();
    let first = usize::from(header.is_some());
    let is_whole = shown.lines().count() == hunk.lines.len() + first;
    (ChangeKind::Patch(shown), is_whole.then_some(first))
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
