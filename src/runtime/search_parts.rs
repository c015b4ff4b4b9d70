//! Answers of one search from this machine and from remote sources, combined: it is complete once every part is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::search::{Coverage, SearchUpdate};

/// Origin of a part: a remote source, or `None` for this machine.
type Origin = Option<Arc<str>>;

/// Parts of the running search. Without remote sources every update passes unchanged.
#[derive(Debug, Default)]
pub(super) struct SearchParts {
    query: String,
    parts: BTreeMap<Origin, Coverage>,
    /// Sources that cannot search; a later search of some sessions does not change that.
    unavailable: BTreeSet<Arc<str>>,
}

impl SearchParts {
    /// Begins a search in which these origins take part; `over_all` if it covers all their sessions.
    pub(super) fn begin(&mut self, query: &str, origins: impl IntoIterator<Item = Origin>, over_all: bool) {
        query.clone_into(&mut self.query);
        self.parts = origins.into_iter().map(|origin| (origin, Coverage::default())).collect();
        if over_all {
            self.unavailable.clear();
        }
    }

    /// Returns true if any origin takes part.
    pub(super) fn is_running(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Combines the update of one origin with the others. `None` stands for a source that cannot search. Returns `None`
    /// for an earlier search.
    pub(super) fn combine(
        &mut self,
        origin: Option<&Arc<str>>,
        query: &str,
        update: Option<SearchUpdate>,
    ) -> Option<SearchUpdate> {
        if self.parts.is_empty() {
            return update;
        }
        let part = self.parts.get_mut(&origin.cloned()).filter(|_| self.query == query)?;
        let mut update = update.unwrap_or_else(|| {
            self.unavailable.extend(origin.cloned());
            SearchUpdate { coverage: Coverage { complete: true, ..*part }, ..SearchUpdate::default() }
        });
        *part = update.coverage;
        let all = || self.parts.values();
        update.coverage = Coverage {
            sessions: all().map(|coverage| coverage.sessions).sum(),
            bytes: all().map(|coverage| coverage.bytes).sum(),
            indexed: all().all(|coverage| coverage.indexed || coverage.complete),
            complete: all().all(|coverage| coverage.complete),
        };
        // Each machine corrects by itself; what another one corrected does not explain the results of this one.
        if origin.is_some() && self.parts.len() > 1 {
            update.corrections.clear();
        }
        Some(update)
    }

    /// Names the sources whose part is missing: `box: still searching`.
    pub(super) fn missing(&self) -> Vec<String> {
        let unavailable = self.unavailable.iter().map(|host| format!("{host}: not searched"));
        let open = self.parts.iter().filter(|(_, coverage)| !coverage.complete);
        let open = open.filter_map(|(origin, _)| Some(format!("{}: still searching", origin.as_deref()?)));
        unavailable.chain(open).collect()
    }
}
