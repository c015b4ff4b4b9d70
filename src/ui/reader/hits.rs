//! What a search matched, marked on the screen.

use ratatui::text::Line;

use crate::domain::query::Within;

/// Finds what a query looks for in lines, as the search in the transcript does.
#[derive(Debug)]
pub struct Matcher(Within);

impl Matcher {
    /// For a query.
    pub fn new(query: &str) -> Self {
        Self(Within::new(query))
    }

    /// Whether a line holds any of it.
    pub fn is_in(&self, line: &Line<'_>) -> bool {
        self.0.is_in(&text_of(line))
    }

    /// Byte ranges of a text that match.
    pub fn places(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        self.0.places(text)
    }
}

/// The text of a line without its styles.
pub fn text_of(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}
