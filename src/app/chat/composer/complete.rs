//! Completion of what is being written: `@` a file below the conversation's directory, `/` one of the agent's
//! commands.

use std::ops::Range;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::text::Text;

/// Candidates that are kept.
const MOST: usize = 50;

/// What is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file or a directory.
    File,
    /// A command.
    Command,
}

/// Something that can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is put into the text.
    pub word: String,
    /// More about it.
    pub about: String,
}

/// A completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Of what.
    pub kind: Kind,
    /// What was typed, without its mark.
    pub query: String,
    /// What can be taken, best first.
    pub found: Vec<Candidate>,
    /// The one that Tab takes.
    pub selected: usize,
    /// The word, with its mark.
    range: Range<usize>,
}

impl Completion {
    /// What the cursor stands behind, if that can be completed. `before`: the completion so far.
    pub fn at(text: &Text, before: Option<Self>) -> Option<Self> {
        let range = text.word();
        let word = text.shown().get(range.clone())?;
        let (kind, query) = match word.strip_prefix('@') {
            Some(query) => (Kind::File, query),
            None if range.start == 0 => (Kind::Command, word.strip_prefix('/')?),
            None => return None,
        };
        // What was found for the word so far stands until there is an answer for what it is now.
        let found = before.filter(|before| before.kind == kind).map(|before| before.found).unwrap_or_default();
        Some(Self { kind, query: query.to_owned(), found, selected: 0, range })
    }

    /// Finds the commands that match.
    pub fn search(&mut self, commands: &[(String, String)]) {
        let matcher = SkimMatcherV2::default().ignore_case();
        let score = |(name, about): &(String, String)| {
            let name = name.trim_start_matches('/');
            let score = matcher.fuzzy_match(name, &self.query)?;
            Some((-score, name.len(), Candidate { word: format!("/{name}"), about: about.clone() }))
        };
        let mut found: Vec<_> = commands.iter().filter_map(score).collect();
        // Where nothing was typed the agent's own order is kept.
        if !self.query.is_empty() {
            found.sort_by_key(|(score, len, _)| (*score, *len));
        }
        self.found = found.into_iter().take(MOST).map(|(.., candidate)| candidate).collect();
    }

    /// Takes in files that were found for a query.
    pub fn take(&mut self, query: &str, paths: Vec<String>) {
        if self.kind == Kind::File && self.query == query {
            let candidate = |path| Candidate { word: format!("@{path}"), about: String::new() };
            self.found = paths.into_iter().take(MOST).map(candidate).collect();
            self.selected = 0;
        }
    }

    /// Chooses the next or the previous one.
    pub fn step(&mut self, down: bool) {
        let len = self.found.len().max(1);
        self.selected = if down { self.selected + 1 } else { self.selected + len - 1 } % len;
    }

    /// Puts the chosen one into the text. Whether it is a directory, below which one goes on.
    pub fn complete(&self, text: &mut Text) -> bool {
        let Some(candidate) = self.found.get(self.selected) else { return false };
        let open = candidate.word.ends_with('/');
        let space = if open { "" } else { " " };
        text.replace(self.range.clone(), &format!("{}{space}", candidate.word));
        open
    }
}
