//! Matches of a query in drawn lines.

use ratatui::text::Line;

use crate::domain::query::EntryMatcher;

/// Matcher of drawn lines, equivalent to the search in the transcript.
#[derive(Debug)]
pub struct HitMatcher(EntryMatcher);

impl HitMatcher {
    /// Creates a matcher of a query.
    pub fn new(query: &str) -> Self {
        Self(EntryMatcher::new(query))
    }

    /// Number of matches in a line.
    pub fn count(&self, line: &Line<'_>) -> usize {
        let text = text_of(line);
        if self.0.is_match(&text) { self.0.match_ranges(&text).len() } else { 0 }
    }

    /// Byte ranges of the matches in a text.
    pub fn ranges(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        self.0.match_ranges(text)
    }
}

/// Text of a line without styles.
pub fn text_of(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}
