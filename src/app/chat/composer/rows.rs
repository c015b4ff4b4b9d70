//! A text in rows of a given width. Every byte is in exactly one row, so that the cursor has a place wherever it is.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::text::{PASTED, Text};
use crate::stdx::{text, wrap};

/// Columns that a tab takes.
const TAB: &str = "    ";

/// What a grapheme at a byte is shown as. What would do harm is not shown.
pub fn cell<'t>(text: &Text, at: usize, grapheme: &'t str) -> Cow<'t, str> {
    match grapheme {
        "\t" => Cow::Borrowed(TAB),
        "\n" | "\r\n" => Cow::Borrowed(""),
        _ if grapheme.starts_with(PASTED) => Cow::Owned(text.label(at)),
        _ => text::sanitise(grapheme),
    }
}

/// The rows; there is one at least.
pub fn rows(text: &Text, width: usize) -> Vec<Range<usize>> {
    let width = width.max(1);
    let (mut rows, mut start, mut column) = (Vec::new(), 0, 0);
    // Where the row can be broken: behind its last space, and how many columns lie before that.
    let mut space: Option<(usize, usize)> = None;
    for (at, grapheme) in text.shown().grapheme_indices(true) {
        let end = at + grapheme.len();
        if grapheme.ends_with('\n') {
            rows.push(start..end);
            (start, column, space) = (end, 0, None);
            continue;
        }
        let wide = wrap::columns(&cell(text, at, grapheme));
        // Spaces may stand beyond the edge: they are not seen.
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

/// The row that the cursor is in.
pub fn row_of(rows: &[Range<usize>], cursor: usize) -> usize {
    rows.iter().rposition(|row| row.start <= cursor).unwrap_or(0)
}

/// Columns that a part of the text takes.
pub fn columns(text: &Text, part: Range<usize>) -> usize {
    let from = part.start;
    let shown = text.shown().get(part).unwrap_or_default();
    shown.grapheme_indices(true).map(|(at, grapheme)| wrap::columns(&cell(text, from + at, grapheme))).sum()
}

/// The place in a row that is nearest to a column, from the left.
pub fn at_column(text: &Text, row: &Range<usize>, column: usize) -> usize {
    let mut used = 0;
    for (at, grapheme) in text.shown()[row.clone()].grapheme_indices(true) {
        let at = row.start + at;
        let wide = wrap::columns(&cell(text, at, grapheme));
        if grapheme.ends_with('\n') || used + wide > column {
            return at;
        }
        used += wide;
    }
    // Behind the last one is the next row, unless it is the end of all.
    let last = text.shown()[row.clone()].grapheme_indices(true).next_back();
    match last {
        Some((at, _)) if row.end < text.shown().len() => row.start + at,
        _ => row.end,
    }
}

/// A row as it is shown.
pub fn row_text(text: &Text, row: &Range<usize>) -> String {
    let graphemes = text.shown()[row.clone()].grapheme_indices(true);
    graphemes.map(|(at, grapheme)| cell(text, row.start + at, grapheme)).collect()
}
