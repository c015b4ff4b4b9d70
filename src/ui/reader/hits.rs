//! What a search matched, marked on the screen.

use ratatui::text::Line;

use crate::app::reader::Find;

/// Finds a query in lines: case matters only where the query has an upper-case letter.
#[derive(Debug)]
pub struct Matcher {
    query: String,
    exact: bool,
}

impl Matcher {
    /// For a find's query.
    pub fn new(find: &Find) -> Self {
        let exact = find.case_matters();
        Self { query: if exact { find.query.clone() } else { find.query.to_lowercase() }, exact }
    }

    /// Whether a line holds it.
    pub fn is_in(&self, line: &Line<'_>) -> bool {
        !self.places(&text_of(line)).is_empty()
    }

    /// Byte ranges of a text that match.
    pub fn places(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        if self.query.is_empty() {
            return Vec::new();
        }
        if self.exact {
            return text.match_indices(&self.query).map(|(at, found)| at..at + found.len()).collect();
        }
        let (folded, origins) = fold_case(text);
        folded.match_indices(&self.query).map(|(at, found)| origins[at]..origins[at + found.len()]).collect()
    }
}

/// The text of a line without its styles.
pub fn text_of(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}

/// Lower case, and for each of its bytes where in `text` the character lies from which it came.
fn fold_case(text: &str) -> (String, Vec<usize>) {
    let mut folded = String::with_capacity(text.len());
    let mut origins = Vec::with_capacity(text.len() + 1);
    for (at, c) in text.char_indices() {
        folded.extend(c.to_lowercase());
        origins.resize(folded.len(), at);
    }
    origins.push(text.len());
    (folded, origins)
}
