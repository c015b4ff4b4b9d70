//! Everything that salon shows of a home, and a search in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use memchr::memmem;
use regex::Regex;
use salon::agent::{Environment, FORMATS, TextLimit, format};
use salon::cli::json::{EntryJson, SessionJson};
use salon::domain::query::Query;
use salon::domain::{Session, SessionKey};
use salon::index::search::{Corpus, QueryRequest, SearchIndex, SnippetContext};
use salon::index::{IndexOptions, Refresh, collect, locate};
use serde_json::Value;

use crate::search_needles::{self, now};
use crate::support::Home;

/// All sessions of a home with their entries on all branches, and its corpus.
pub struct ShownHome {
    corpus: Corpus,
    search: SearchIndex,
    /// All texts, and those of entries only: a search finds facts about sessions by filters.
    text: String,
    entry_text: String,
    /// Texts of the entries of each session, by branch (none: the shown one) and index.
    entries: HashMap<SessionKey, HashMap<(Option<usize>, usize), String>>,
}

impl ShownHome {
    /// Reads all sessions, and indexes them in the home.
    pub fn read(home: &Home, environment: &Environment) -> Self {
        let collected = collect(&IndexOptions::new(environment.clone(), Instant::now), Refresh::Everything);
        let roots =
            FORMATS.iter().flat_map(|format| format.roots(environment).into_iter().map(move |root| (format, root)));
        let sources = roots.flat_map(|(format, root)| format.discover(&root).sources).collect();
        let (mut text, mut entry_text, mut entries) = (String::new(), String::new(), HashMap::new());
        for session in &collected.sessions {
            add(&serde_json::to_value(SessionJson::from(&**session)).expect("JSON"), &mut text);
            let of_session = all_entries(session);
            of_session.values().for_each(|entry| entry_text.push_str(entry));
            entries.insert(session.key.clone(), of_session);
        }
        text.push_str(&entry_text);
        let corpus = Corpus::new(sources, collected.sessions);
        let search = search_needles::open(home);
        search_needles::index(&search, &corpus);
        Self { corpus, search, text, entry_text: entry_text.to_lowercase(), entries }
    }

    /// True if a text is shown.
    pub fn contains(&self, text: &str) -> bool {
        memmem::find(self.text.as_bytes(), text.as_bytes()).is_some()
    }

    /// All words that match a pattern and are shown.
    pub fn words(&self, pattern: &str) -> HashSet<&str> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.find_iter(&self.text).map(|found| found.as_str()).collect()
    }

    /// True if an entry shows a text, which is in lower case.
    pub fn is_in_entry(&self, text: &str) -> bool {
        memmem::find(self.entry_text.as_bytes(), text.as_bytes()).is_some()
    }

    /// Searches a text, in lower case. The error names what is missing.
    pub fn search(&self, text: &str) -> Result<(), &'static str> {
        let query = Query::parse(&format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")));
        let request = QueryRequest {
            correct_typos: false,
            context: SnippetContext::Line(200),
            ..QueryRequest::new(&query, &self.corpus, now())
        };
        let results = self.search.search_all(&request);
        if results.hits.is_empty() {
            return Err("found");
        }
        for hit in &results.hits {
            let entries = &self.entries[&hit.session.key];
            let locations: Vec<_> = hit.snippets.iter().map(|snippet| &snippet.location).collect();
            for (snippet, located) in hit.snippets.iter().zip(locate(&hit.session, &locations)) {
                let is_title = snippet.location == salon::domain::search::EntryLocation::Title;
                let entry = located.and_then(|at| entries.get(&(at.branch, at.index)));
                if is_title || entry.is_some_and(|entry| entry.to_lowercase().contains(text)) {
                    return Ok(());
                }
            }
        }
        Err("opened")
    }
}

/// Texts of all entries, by branch and index.
fn all_entries(session: &Arc<Session>) -> HashMap<(Option<usize>, usize), String> {
    let mut texts = HashMap::new();
    let Ok(mut reader) = format(session.key.agent).open(session) else { return texts };
    let shown = reader.shown_branch();
    for branch in 0..reader.branches() {
        assert!(reader.show_branch(branch), "branch {branch} of {}", session.key);
        for (index, entry) in reader.read(0..usize::MAX, TextLimit::NONE).iter().enumerate() {
            let mut text = String::new();
            add(&serde_json::to_value(EntryJson::new(index, entry)).expect("JSON"), &mut text);
            texts.insert((Some(branch).filter(|branch| *branch != shown), index), text);
        }
    }
    texts
}

/// Appends all strings of a value.
fn add(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => {
            text.push_str(string);
            text.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| add(item, text)),
        Value::Object(fields) => fields.values().for_each(|field| add(field, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
