//! The quick filter: a fuzzy query over the listed sessions. The runtime computes the ranking and returns it with its
//! query.

use std::collections::HashMap;

use crate::app::Effect;
use crate::app::line_editor::LineEditor;
use crate::domain::SessionKey;

/// The quick filter.
#[derive(Debug, Default)]
pub struct QuickFilter {
    /// True while the query is edited.
    pub typing: bool,
    /// The query.
    pub input: LineEditor,
    ranked: Option<Ranked>,
    /// The query that is being ranked. If sessions change meanwhile, it is ranked again afterwards.
    pending: Option<String>,
    stale: bool,
}

#[derive(Debug)]
struct Ranked {
    query: String,
    ranks: HashMap<SessionKey, usize>,
}

impl QuickFilter {
    /// Returns true if a query restricts the list.
    pub fn is_active(&self) -> bool {
        !self.input.is_empty()
    }

    /// Returns the rank of a session, 0 for the best. `None` if it does not match.
    pub fn rank(&self, key: &SessionKey) -> Option<usize> {
        self.ranked.as_ref()?.ranks.get(key).copied()
    }

    /// Returns true before the first ranking, when no matches are known.
    pub fn is_waiting(&self) -> bool {
        self.is_active() && self.ranked.is_none()
    }

    /// Returns the query of the shown ranking.
    pub fn shown_query(&self) -> Option<&str> {
        self.ranked.as_ref().map(|ranked| ranked.query.as_str())
    }

    /// Requests a ranking of the query.
    pub fn request(&mut self) -> Vec<Effect> {
        let query = self.input.text().trim().to_owned();
        self.stale = false;
        if query.is_empty() {
            self.ranked = None;
            self.pending = None;
            return Vec::new();
        }
        self.pending = Some(query.clone());
        vec![Effect::Rank { query }]
    }

    /// Requests a new ranking after sessions changed, once the pending one has arrived.
    pub fn refresh(&mut self) -> Vec<Effect> {
        if self.pending.is_some() {
            self.stale = true;
            return Vec::new();
        }
        if self.is_active() { self.request() } else { Vec::new() }
    }

    /// Stores a ranking. Returns true if it answers the newest query.
    pub fn set_ranking(&mut self, query: String, keys: Vec<SessionKey>) -> (bool, Vec<Effect>) {
        if self.pending.as_deref() != Some(query.as_str()) {
            return (false, Vec::new());
        }
        self.pending = None;
        let ranks = keys.into_iter().enumerate().map(|(rank, key)| (key, rank)).collect();
        self.ranked = Some(Ranked { query, ranks });
        let next = if self.stale { self.request() } else { Vec::new() };
        (true, next)
    }

    /// Clears the query.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
