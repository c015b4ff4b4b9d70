//! Diffs of files: removed and added lines in bands of colour, with highlighted changed words and syntax.
//!
//! The signs at the left carry the same information as the colours.

mod line;
mod rows;
mod side_by_side;
mod syntax;
mod unified;

use std::borrow::Cow;

use ratatui::text::Line;
use rows::DiffRow;
use similar::ChangeTag;

use super::highlight::Highlighter;
use crate::config::theme::Theme;
use crate::domain::transcript::ChangeKind;

/// Options of a diff layout.
#[derive(Clone, Copy, Debug)]
pub struct DiffOptions<'a> {
    /// Theme.
    pub theme: &'a Theme,
    /// Maximum width in columns.
    pub width: usize,
    /// Number of lines after which the layout may stop.
    pub max_lines: usize,
    /// Path of the file, whose ending is that of its language.
    pub path: &'a str,
    /// True to leave out unchanged lines and hunk headers.
    pub changes_only: bool,
    /// True to put old and new lines beside each other, if there are both.
    pub side_by_side: bool,
    /// Conversion of the texts to what may be drawn.
    pub sanitise: fn(&str) -> Cow<'_, str>,
}

/// Layout of a diff.
#[derive(Debug, Default)]
pub struct DiffLayout {
    /// Lines.
    pub lines: Vec<Line<'static>>,
    /// Lines of the patch that each line shows, as indices: one, or an old and a new one beside it.
    pub sources: Vec<[Option<usize>; 2]>,
    /// Indices of the layout's lines with which a line of the diff begins; the others continue a wrapped one.
    pub starts: Vec<usize>,
    /// True while highlighting is pending.
    pub pending: bool,
    /// True if the layout stopped before the end of the diff.
    pub is_cut: bool,
}

/// Lays out a change. Without a highlighter, the code is not highlighted.
pub fn lay(change: &ChangeKind, options: DiffOptions<'_>, highlighter: Option<&mut Highlighter>) -> DiffLayout {
    let mut rows = rows::of(change, options.max_lines, options.sanitise);
    let is_cut = rows.len() > options.max_lines;
    if options.changes_only {
        rows.retain(|row| {
            !matches!(row, DiffRow::Header(_)) && row.line().is_none_or(|line| line.tag != ChangeTag::Equal)
        });
    }
    // Without bands, the colour of the text is that of the change.
    let highlighter = highlighter.filter(|_| options.theme.added.bg.is_some());
    let pending = highlighter.is_some_and(|highlighter| syntax::highlight(&mut rows, options.path, highlighter));
    let has = |tag: ChangeTag| rows.iter().filter_map(DiffRow::line).any(|line| line.tag == tag);
    let laid = if options.side_by_side && has(ChangeTag::Delete) && has(ChangeTag::Insert) {
        side_by_side::lay(&rows, options)
    } else {
        unified::lay(&rows, options)
    };
    DiffLayout { pending, is_cut, ..laid }
}

/// Formats the numbers of added and removed lines, each for a style of its own: `  +12` and ` −3`. A number of zero beside
/// another one is left out.
pub fn counts(added: usize, removed: usize) -> [String; 2] {
    let plus = if added > 0 || removed == 0 { format!("  +{added}") } else { " ".to_owned() };
    [plus, if removed > 0 { format!(" −{removed}") } else { String::new() }]
}

/// Estimates added and removed lines without a full comparison.
pub fn count(change: &ChangeKind) -> (usize, usize) {
    match change {
        ChangeKind::Write(text) => (text.lines().count(), 0),
        ChangeKind::Delete => (0, 0),
        ChangeKind::Replace(pairs) => pairs.iter().map(|(old, new)| replaced(old, new)).fold((0, 0), sum),
        ChangeKind::Patch(patch) => patch.lines().map(patched).fold((0, 0), sum),
    }
}

fn sum(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0 + b.0, a.1 + b.1)
}

/// Counts lines between the common prefix and the common suffix.
fn replaced(old: &str, new: &str) -> (usize, usize) {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let behind = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    (new.len() - same - behind, old.len() - same - behind)
}

fn patched(line: &str) -> (usize, usize) {
    match line.as_bytes() {
        [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => (0, 0),
        [b'+', ..] => (1, 0),
        [b'-', ..] => (0, 1),
        _ => (0, 0),
    }
}
