//! Search within one opened transcript: what is read is matched and dropped, a few entries at a time.

use regex::{Regex, RegexBuilder};

use crate::agent::{Reading, TextLimit};
use crate::domain::transcript::{Action, Change, Entry};
use crate::index::message::TranscriptEvent;

/// Entries that are read and dropped at once.
const CHUNK: usize = 64;

/// A search under way.
pub(super) struct Search {
    query: String,
    pattern: Option<Regex>,
    at: usize,
    found: Vec<usize>,
    chunks: usize,
}

/// What a step came to.
pub(super) struct Step {
    pub tell: Option<TranscriptEvent>,
    pub complete: bool,
}

impl Search {
    pub fn new(query: String) -> Self {
        let pattern = pattern(&query);
        Self { query, pattern, at: 0, found: Vec::new(), chunks: 0 }
    }

    /// Searches some more entries. Tells after 1, 2, 4, 8 … of such steps, so that a long search costs few messages.
    pub fn step(&mut self, reading: &mut dyn Reading) -> Step {
        let end = (self.at + CHUNK).min(reading.len());
        if let Some(pattern) = &self.pattern {
            let entries = reading.read(self.at..end, TextLimit::SCREEN);
            let hits = entries.iter().zip(self.at..).filter(|(entry, _)| entry_matches(pattern, entry));
            self.found.extend(hits.map(|(_, at)| at));
        }
        self.at = end;
        self.chunks += 1;
        let complete = end >= reading.len() || self.pattern.is_none();
        let due = complete || self.chunks.is_power_of_two();
        let tell = || TranscriptEvent::Found { query: self.query.clone(), entries: self.found.clone(), complete };
        Step { tell: due.then(tell), complete }
    }
}

/// Smart case: a query without capitals finds both.
fn pattern(query: &str) -> Option<Regex> {
    let exact = query.chars().any(char::is_uppercase);
    RegexBuilder::new(&regex::escape(query)).case_insensitive(!exact).build().ok()
}

/// Whether an entry holds a query, as a search in a transcript finds it.
pub fn matches(query: &str, entry: &Entry) -> bool {
    pattern(query).is_some_and(|pattern| entry_matches(&pattern, entry))
}

fn entry_matches(pattern: &Regex, entry: &Entry) -> bool {
    if pattern.is_match(&entry.text) {
        return true;
    }
    let Some(tool) = &entry.tool else { return false };
    pattern.is_match(&tool.name) || pattern.is_match(&tool.output) || action_matches(pattern, &tool.action)
}

/// The parts of an action that a reader shows unfolded.
fn action_matches(pattern: &Regex, action: &Action) -> bool {
    let any = |texts: &[&str]| texts.iter().any(|text| pattern.is_match(text));
    match action {
        Action::Command { command, .. } => any(&[command]),
        Action::Read { path } => any(&[path]),
        Action::Edit(changes) => changes.iter().any(|change| {
            any(&[&change.path])
                || match &change.change {
                    Change::Write(text) | Change::Patch(text) => any(&[text]),
                    Change::Replace(pairs) => pairs.iter().any(|(old, new)| any(&[old, new])),
                    Change::Delete => false,
                }
        }),
        Action::Search { pattern: what, path } => any(&[what, path.as_deref().unwrap_or_default()]),
        Action::Web { query } => any(&[query]),
        Action::Task { description, prompt } => any(&[description, prompt]),
        Action::Plan(items) => items.iter().any(|item| any(&[&item.text])),
        Action::Question { question } => any(&[question]),
        Action::Other(text) => any(&[text]),
    }
}
