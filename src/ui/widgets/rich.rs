//! A line of text in several styles, not yet wrapped, and rows made of it.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::stdx::wrap;

/// Columns that a text must have beside what stands before it.
const LEAST: usize = 4;

/// A line of text in several styles. It holds no newline and no tab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rich {
    text: String,
    /// Where each style ends, ascending; the last one ends with the text.
    runs: Vec<(usize, Style)>,
}

impl Rich {
    /// A line in one style.
    pub fn plain(text: &str, style: Style) -> Self {
        let mut rich = Self::default();
        rich.push(text, style);
        rich
    }

    /// Appends text. Tabs are expanded.
    pub fn push(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(&wrap::expand_tabs(text));
        match self.runs.last_mut() {
            Some((end, last)) if *last == style => *end = self.text.len(),
            _ => self.runs.push((self.text.len(), style)),
        }
    }

    /// Appends another line.
    pub fn append(&mut self, other: &Self) {
        for (range, style) in other.runs() {
            self.push(&other.text[range], style);
        }
    }

    /// The text without its styles.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Columns it takes unwrapped.
    pub fn columns(&self) -> usize {
        wrap::columns(&self.text)
    }

    /// Spans of a part of it.
    pub fn spans(&self, part: &Range<usize>) -> Vec<Span<'static>> {
        let mut spans = Vec::new();
        for (range, style) in self.runs() {
            let (start, end) = (range.start.max(part.start), range.end.min(part.end));
            if start < end {
                spans.push(Span::styled(self.text[start..end].to_owned(), style));
            }
            if range.end >= part.end {
                break;
            }
        }
        spans
    }

    /// Its rows at most `width` columns wide.
    pub fn rows(&self, width: usize) -> Vec<Vec<Span<'static>>> {
        wrap::wrap(&self.text, width).iter().map(|row| self.spans(row)).collect()
    }

    /// Appends its rows, the first behind `first` and all others behind `rest`; `width` includes those.
    pub fn wrap_into(
        &self,
        width: usize,
        first: &[Span<'static>],
        rest: &[Span<'static>],
        out: &mut Vec<Line<'static>>,
    ) {
        let taken = columns(first).max(columns(rest));
        // Where the text would have no room left, it goes without what stands before it.
        let (first, rest, taken) = if taken + LEAST > width { (&[][..], &[][..], 0) } else { (first, rest, taken) };
        for (nth, row) in wrap::wrap(&self.text, width.saturating_sub(taken)).iter().enumerate() {
            let mut spans = if nth == 0 { first.to_vec() } else { rest.to_vec() };
            spans.extend(self.spans(row));
            out.push(Line::from(spans));
        }
    }

    fn runs(&self) -> impl Iterator<Item = (Range<usize>, Style)> {
        let mut start = 0;
        self.runs.iter().map(move |&(end, style)| {
            let range = start..end;
            start = end;
            (range, style)
        })
    }
}

/// Columns that spans take.
pub fn columns(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|span| wrap::columns(&span.content)).sum()
}

/// Cuts spans to a width, ending in `…` where something was cut.
pub fn cut(spans: Vec<Span<'static>>, width: usize) -> Vec<Span<'static>> {
    let mut room = width;
    let mut kept = Vec::with_capacity(spans.len());
    if columns(&spans) <= width {
        return spans;
    }
    for span in spans {
        let wide = wrap::columns(&span.content);
        if wide < room {
            room -= wide;
            kept.push(span);
            continue;
        }
        let style = span.style;
        // One column less: the mark of the cut must fit even where the span itself would just do.
        let text = crate::stdx::text::ellipsis(&format!("{}  ", span.content), room);
        kept.push(Span::styled(text, style));
        break;
    }
    kept
}
