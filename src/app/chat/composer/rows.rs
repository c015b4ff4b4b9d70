//! Wrapping of the composer's text into rows. Every byte is in exactly one row, so that the cursor always has a
//! position.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::text::{ComposerText, PASTED};
use crate::stdx::{text, wrap};

/// Display text of a tab.
const TAB: &str = "    ";

impl ComposerText {
    /// Moves the cursor by a row of `width` columns. Returns false at the first or last row.
    pub fn step(&mut self, down: bool, width: usize) -> bool {
        let rows = rows(self, width);
        let at = row_of(&rows, self.cursor());
        let to = if down { at + 1 } else { at.wrapping_sub(1) };
        let Some(target) = rows.get(to) else { return false };
        let column = columns(self, rows[at].start..self.cursor());
        self.set_cursor(at_column(self, target, column));
        true
    }
}

/// Returns the display text of a grapheme. Control characters are hidden.
pub fn cell<'t>(text: &ComposerText, at: usize, grapheme: &'t str) -> Cow<'t, str> {
    match grapheme {
        "\t" => Cow::Borrowed(TAB),
        "\n" | "\r\n" => Cow::Borrowed(""),
        _ if grapheme.starts_with(PASTED) => Cow::Owned(text.label(at)),
        _ => text::sanitise(grapheme),
    }
}

/// Returns the rows, at least one.
pub fn rows(text: &ComposerText, width: usize) -> Vec<Range<usize>> {
    let width = width.max(1);
    let (mut rows, mut start, mut column) = (Vec::new(), 0, 0);
    // Break opportunity: the offset behind the last space, and the columns before it.
    let mut space: Option<(usize, usize)> = None;
    for (at, grapheme) in text.shown().grapheme_indices(true) {
        let end = at + grapheme.len();
        if grapheme.ends_with('\n') {
            rows.push(start..end);
            (start, column, space) = (end, 0, None);
            continue;
        }
        let wide = wrap::columns(&cell(text, at, grapheme));
        // Spaces may extend beyond the edge: they are invisible.
        if column + wide > width && grapheme != " " && at > start {
            let (to, before) = space.take().unwrap_or((at, column));
            rows.push(start..to);
            (start, column) = (to, column - before);
        }
        column += wide;
        if grapheme == " " {
            space = Some((end, column));
        }
    }
    rows.push(start..text.shown().len());
    rows
}

/// Returns the row of the cursor.
pub fn row_of(rows: &[Range<usize>], cursor: usize) -> usize {
    rows.iter().rposition(|row| row.start <= cursor).unwrap_or(0)
}

/// Returns the width of a part of the text in columns.
pub fn columns(text: &ComposerText, part: Range<usize>) -> usize {
    let from = part.start;
    let shown = text.shown().get(part).unwrap_or_default();
    shown.grapheme_indices(true).map(|(at, grapheme)| wrap::columns(&cell(text, from + at, grapheme))).sum()
}

/// Returns the offset in a row that is nearest to a column, from the left.
pub fn at_column(text: &ComposerText, row: &Range<usize>, column: usize) -> usize {
    let mut used = 0;
    for (at, grapheme) in text.shown()[row.clone()].grapheme_indices(true) {
        let at = row.start + at;
        let wide = wrap::columns(&cell(text, at, grapheme));
        if grapheme.ends_with('\n') || used + wide > column {
            return at;
        }
        used += wide;
    }
    // The offset behind the last grapheme belongs to the next row, except at the end of the text.
    let last = text.shown()[row.clone()].grapheme_indices(true).next_back();
    match last {
        Some((at, _)) if row.end < text.shown().len() => row.start + at,
        _ => row.end,
    }
}

/// Returns the display text of a row.
pub fn row_text(text: &ComposerText, row: &Range<usize>) -> String {
    let graphemes = text.shown()[row.clone()].grapheme_indices(true);
    graphemes.map(|(at, grapheme)| cell(text, row.start + at, grapheme)).collect()
}
