//! Search results: ranked sessions, each with its best snippets.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::query::TextKind;
use super::{EntryKey, Session, SessionKey};

/// A session that matches a query.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Matching session.
    pub session: Arc<Session>,
    /// Relevance; comparable within one search only.
    pub score: f32,
    /// Number of texts with a match. 0 for a query of filters only, and for a title that has the letters of the query's
    /// word in their order.
    pub count: usize,
    /// Best snippets, best first. Empty for queries of filters only, and for low ranks of a long result list.
    pub snippets: Vec<Snippet>,
}

/// Excerpt of a session around a match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snippet {
    /// Location of the matching text.
    pub location: EntryLocation,
    /// Kind of the matching text.
    pub text_kind: TextKind,
    /// Sanitised excerpt.
    pub text: String,
    /// Matches as byte ranges of `text`, ascending.
    pub ranges: Vec<Range<usize>>,
}

/// Location of a match within a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryLocation {
    /// Title of the session.
    Title,
    /// Entry with this key; for a tool's output, the entry whose tool call has this id.
    Entry {
        /// Key of the entry.
        key: EntryKey,
        /// Id of the tool call; empty if the key alone identifies the entry.
        call: Arc<str>,
        /// Letters and digits around the match, which tell apart entries with one key or call; may be empty.
        #[serde(default)]
        near: Arc<str>,
    },
}

/// Entry of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocatedEntry {
    /// Index on its branch, from 0.
    pub index: usize,
    /// Number of its branch, from 0; `None` for the branch that is shown first.
    pub branch: Option<usize>,
}

/// Entries of the snippets of sessions, in the order of the snippets; `None` where the transcript has no such entry.
pub type LocatedEntries = Vec<(SessionKey, Vec<Option<LocatedEntry>>)>;

/// Sort order of search results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchOrder {
    /// Highest score first.
    #[default]
    Relevance,
    /// Newest activity first.
    Time,
    /// Largest first.
    Size,
    /// Most turns first.
    Turns,
}

impl SearchOrder {
    /// Every order, in the sequence through which a key cycles.
    pub const ALL: [Self; 4] = [Self::Relevance, Self::Time, Self::Size, Self::Turns];

    /// Identifier on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Time => "time",
            Self::Size => "size",
            Self::Turns => "turns",
        }
    }

    /// Compares two hits; ties are resolved by newest activity, then by key, so that the order is total.
    pub fn compare(self, a: &Hit, b: &Hit) -> std::cmp::Ordering {
        let first = match self {
            Self::Relevance => b.score.total_cmp(&a.score),
            Self::Time => std::cmp::Ordering::Equal,
            Self::Size => b.session.bytes.cmp(&a.session.bytes),
            Self::Turns => b.session.turns.cmp(&a.session.turns),
        };
        let (a, b) = (&a.session, &b.session);
        first.then_with(|| b.last_activity.cmp(&a.last_activity)).then_with(|| a.key.cmp(&b.key))
    }
}

/// Request for a search over sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// Query, as typed.
    pub query: String,
    /// Order of the hits; the first ones in this order come with snippets first.
    pub order: SearchOrder,
    /// Sessions to search, because they changed or their hits lack snippets. `None` for all.
    pub within: Option<Vec<SessionKey>>,
}

/// Partial result of a running search.
#[derive(Clone, Debug, Default)]
pub struct SearchUpdate {
    /// New and improved hits; each replaces the hit of the same session.
    pub hits: Vec<Hit>,
    /// Coverage so far.
    pub coverage: Coverage,
    /// Typo corrections, if the original query has no hits: pairs of original and corrected word.
    pub corrections: Vec<(String, String)>,
}

/// Extent to which a search has covered the corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Number of sessions searched.
    pub sessions: usize,
    /// Number of bytes searched.
    pub bytes: u64,
    /// True if the whole text index was searched.
    pub indexed: bool,
    /// True if the whole corpus was searched.
    pub complete: bool,
}

/// Accumulated result of a search.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    /// Sorted hits.
    pub hits: Vec<Hit>,
    /// Coverage so far.
    pub coverage: Coverage,
    /// Typo corrections; see [`SearchUpdate::corrections`].
    pub corrections: Vec<(String, String)>,
}

impl Hit {
    /// Returns true if only the title has the letters of the query's word in their order.
    pub fn is_by_abbreviation(&self) -> bool {
        self.count == 0 && !self.snippets.is_empty()
    }
}

impl SearchResults {
    /// Merges a partial result and keeps the hits sorted.
    pub fn apply(&mut self, found: SearchUpdate, order: SearchOrder) {
        if !found.hits.is_empty() {
            let fresh: std::collections::HashSet<&SessionKey> = found.hits.iter().map(|hit| &hit.session.key).collect();
            self.hits.retain(|hit| !fresh.contains(&hit.session.key));
            self.hits.extend(found.hits);
            self.hits.sort_by(|a, b| order.compare(a, b));
        }
        self.coverage = found.coverage;
        if !found.corrections.is_empty() {
            self.corrections = found.corrections;
        }
    }
}
