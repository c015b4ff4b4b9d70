//! Completion in the composer: `@` for files below the working directory, `/` for the agent's commands.

use std::ops::Range;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::text::ComposerText;

/// Maximum number of candidates, because longer lists are not useful.
const MAX_CANDIDATES: usize = 50;

/// Kind of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionKind {
    /// A file or a directory.
    File,
    /// A command.
    Command,
}

/// Candidate of a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposerCandidate {
    /// Text to insert.
    pub word: String,
    /// Description.
    pub about: String,
}

/// Completion list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposerCompletion {
    /// Kind.
    pub kind: CompletionKind,
    /// Query without its prefix.
    pub query: String,
    /// Candidates, best first.
    pub found: Vec<ComposerCandidate>,
    /// Candidate that Tab inserts.
    pub selected: usize,
    /// Range of the word with its prefix.
    range: Range<usize>,
}

impl ComposerCompletion {
    /// Returns the completion of the word at the cursor. `before` is the previous completion.
    pub fn at(text: &ComposerText, before: Option<Self>) -> Option<Self> {
        let range = text.word();
        let word = text.shown().get(range.clone())?;
        let (kind, query) = match word.strip_prefix('@') {
            Some(query) => (CompletionKind::File, query),
            None if range.start == 0 => (CompletionKind::Command, word.strip_prefix('/')?),
            None => return None,
        };
        // The previous candidates stay until there are candidates for the new query.
        let found = before.filter(|before| before.kind == kind).map(|before| before.found).unwrap_or_default();
        Some(Self { kind, query: query.to_owned(), found, selected: 0, range })
    }

    /// Sets the matching commands as candidates.
    pub fn search(&mut self, commands: &[(String, String)]) {
        let matcher = SkimMatcherV2::default().ignore_case();
        let score = |(name, about): &(String, String)| {
            let name = name.trim_start_matches('/');
            let score = matcher.fuzzy_match(name, &self.query)?;
            Some((-score, name.len(), ComposerCandidate { word: format!("/{name}"), about: about.clone() }))
        };
        let mut found: Vec<_> = commands.iter().filter_map(score).collect();
        // An empty query keeps the agent's order.
        if !self.query.is_empty() {
            found.sort_by_key(|(score, len, _)| (*score, *len));
        }
        self.found = found.into_iter().take(MAX_CANDIDATES).map(|(.., candidate)| candidate).collect();
    }

    /// Sets the files for a query as candidates.
    pub fn set_files(&mut self, query: &str, paths: Vec<String>) {
        if self.kind == CompletionKind::File && self.query == query {
            let candidate = |path| ComposerCandidate { word: format!("@{path}"), about: String::new() };
            self.found = paths.into_iter().take(MAX_CANDIDATES).map(candidate).collect();
            self.selected = 0;
        }
    }

    /// Selects the next or previous candidate.
    pub fn step(&mut self, down: bool) {
        let len = self.found.len().max(1);
        self.selected = if down { self.selected + 1 } else { self.selected + len - 1 } % len;
    }

    /// Inserts the selected candidate. Returns true for a directory, below which completion continues.
    pub fn complete(&self, text: &mut ComposerText) -> bool {
        let Some(candidate) = self.found.get(self.selected) else { return false };
        let open = candidate.word.ends_with('/');
        let space = if open { "" } else { " " };
        text.replace(self.range.clone(), &format!("{}{space}", candidate.word));
        open
    }
}
