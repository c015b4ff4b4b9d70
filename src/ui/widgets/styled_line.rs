//! Line of text in several styles, and its rows after wrapping.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::hyperlink;
use crate::stdx::wrap;

/// Minimum columns for text next to a prefix. With less room the prefix is omitted.
const MIN_TEXT_WIDTH: usize = 4;

/// Line of text in several styles, without newlines and tabs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyledLine {
    text: String,
    /// End offset of each style, ascending; the last one is the length of the text.
    runs: Vec<(usize, Style)>,
}

impl StyledLine {
    /// Creates a line in one style.
    pub fn plain(text: &str, style: Style) -> Self {
        let mut line = Self::default();
        line.push(text, style);
        line
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

    /// Text without styles.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if the line is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Width in columns without wrapping.
    pub fn columns(&self) -> usize {
        wrap::columns(&self.text)
    }

    /// Spans of a byte range.
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

    /// Wraps the line into rows of at most `width` columns.
    pub fn rows(&self, width: usize) -> Vec<Vec<Span<'static>>> {
        let line = self.with_hyperlinks();
        wrap::wrap(&line.text, width).iter().map(|row| line.spans(row)).collect()
    }

    /// Appends the wrapped rows to `out`, the first with the prefix `first`, all others with `rest`. `width` includes
    /// the prefixes.
    pub fn wrap_into(
        &self,
        width: usize,
        first: &[Span<'static>],
        rest: &[Span<'static>],
        out: &mut Vec<Line<'static>>,
    ) {
        let taken = columns(first).max(columns(rest));
        // Without enough room for the text, the prefix is omitted.
        let (first, rest, taken) =
            if taken + MIN_TEXT_WIDTH > width { (&[][..], &[][..], 0) } else { (first, rest, taken) };
        let line = self.with_hyperlinks();
        for (nth, row) in wrap::wrap(&line.text, width.saturating_sub(taken)).iter().enumerate() {
            let mut spans = if nth == 0 { first.to_vec() } else { rest.to_vec() };
            spans.extend(line.spans(row));
            out.push(Line::from(spans));
        }
    }

    /// Marks the web addresses as hyperlinks.
    fn with_hyperlinks(&self) -> Cow<'_, Self> {
        let links = hyperlink::of_text(&self.text);
        if links.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut linked = Self::default();
        for (range, style) in self.runs() {
            let mut from = range.start;
            for (link, mark) in &links {
                let (start, end) = (link.start.max(from), link.end.min(range.end));
                if start < end {
                    linked.push(&self.text[from..start], style);
                    linked.push(&self.text[start..end], style.underline_color(*mark));
                    from = end;
                }
            }
            linked.push(&self.text[from..range.end], style);
        }
        Cow::Owned(linked)
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

/// Width of spans in columns.
pub fn columns(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|span| wrap::columns(&span.content)).sum()
}

/// Fills a row with blanks up to a width.
pub(in crate::ui) fn fill(row: &mut Line<'static>, width: usize, style: Style) {
    let missing = width.saturating_sub(columns(&row.spans));
    if missing > 0 {
        row.spans.push(Span::styled(" ".repeat(missing), style));
    }
}

/// Cuts spans to a width; ends with `…` if something was cut.
pub fn cut(spans: Vec<Span<'static>>, width: usize) -> Vec<Span<'static>> {
    let mut room = width;
    let mut shown = Vec::with_capacity(spans.len());
    if columns(&spans) <= width {
        return spans;
    }
    for span in spans {
        let wide = wrap::columns(&span.content);
        if wide < room {
            room -= wide;
            shown.push(span);
            continue;
        }
        let style = span.style;
        // Padding forces an ellipsis even if this span alone would fit exactly.
        let text = crate::stdx::text::ellipsis(&format!("{}  ", span.content), room);
        shown.push(Span::styled(text, style));
        break;
    }
    shown
}
