//! The quick filter: a fuzzy query over what the list shows. The ranking itself is done elsewhere and comes back
//! with the query it answers.

use std::collections::HashMap;

use crate::app::Effect;
use crate::app::input::Input;
use crate::domain::SessionKey;

/// The quick filter.
#[derive(Debug, Default)]
pub struct QuickFilter {
    /// Keys go into the field.
    pub typing: bool,
    /// What was typed.
    pub input: Input,
    ranked: Option<Ranked>,
    /// The query that is being ranked now; a change of the sessions meanwhile asks again when it is answered.
    asked: Option<String>,
    stale: bool,
}

#[derive(Debug)]
struct Ranked {
    query: String,
    ranks: HashMap<SessionKey, usize>,
}

impl QuickFilter {
    /// Something was typed, so that not all sessions are shown.
    pub fn is_active(&self) -> bool {
        !self.input.is_empty()
    }

    /// Rank of a session, 0 the best. `None`: it does not match.
    pub fn rank(&self, key: &SessionKey) -> Option<usize> {
        self.ranked.as_ref()?.ranks.get(key).copied()
    }

    /// No ranking has come yet, so that nothing is known about what matches.
    pub fn is_waiting(&self) -> bool {
        self.is_active() && self.ranked.is_none()
    }

    /// The query of the ranking that is shown.
    pub fn shown_query(&self) -> Option<&str> {
        self.ranked.as_ref().map(|ranked| ranked.query.as_str())
    }

    /// Asks for a ranking of what was typed.
    pub fn ask(&mut self) -> Vec<Effect> {
        let query = self.input.text().trim().to_owned();
        self.stale = false;
        if query.is_empty() {
            self.ranked = None;
            self.asked = None;
            return Vec::new();
        }
        self.asked = Some(query.clone());
        vec![Effect::Rank { query }]
    }

    /// The sessions changed: the ranking has to be made anew, once the one under way has come.
    pub fn refresh(&mut self) -> Vec<Effect> {
        if self.asked.is_some() {
            self.stale = true;
            return Vec::new();
        }
        if self.is_active() { self.ask() } else { Vec::new() }
    }

    /// Takes a ranking. Whether it answers the newest query.
    pub fn take(&mut self, query: String, keys: Vec<SessionKey>) -> (bool, Vec<Effect>) {
        if self.asked.as_deref() != Some(query.as_str()) {
            return (false, Vec::new());
        }
        self.asked = None;
        let ranks = keys.into_iter().enumerate().map(|(rank, key)| (key, rank)).collect();
        self.ranked = Some(Ranked { query, ranks });
        let again = if self.stale { self.ask() } else { Vec::new() };
        (true, again)
    }

    /// Forgets what was typed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
