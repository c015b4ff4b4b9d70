//! Cache of the last query's matches, so that a query typed from it searches only those.
//!
//! A longer needle (`mem`, then `memo`) can only match texts that matched the shorter one. An unchanged needle matches
//! as before.

use std::sync::{Arc, Mutex, PoisonError};

use super::corpus::Corpus;
use super::index_state::IndexState;
use super::plan::{ClauseTest, QueryPlan};
use super::score::Match;
use super::store::IndexReader;
use crate::domain::query::NeedleMatcher;

/// Last query with its matches, and the last index states.
#[derive(Debug, Default)]
pub(super) struct QueryCache {
    last: Mutex<Option<Arc<CachedQuery>>>,
    /// Joins for the corpus of all sessions and for one of some sessions.
    states: Mutex<[Option<Arc<IndexState>>; 2]>,
}

/// First match in each matching text of a segment; `None`: not searched.
pub(super) type SegmentMatches = Option<Arc<[(u32, Match)]>>;

/// Matches of a query, with their conditions.
#[derive(Debug)]
pub(super) struct CachedQuery {
    version: (u64, u64),
    eligible: Vec<u64>,
    /// Data offsets of the searched segments.
    segment_offsets: Vec<u64>,
    /// Needles with their matches in each segment.
    needles: Vec<(NeedleMatcher, Vec<SegmentMatches>)>,
}

/// Cached matches of a needle.
#[derive(Debug)]
pub(super) enum CachedMatches<'a> {
    /// Exact matches, by segment.
    Same(&'a [SegmentMatches]),
    /// The needle can match only in these texts.
    Among(&'a [SegmentMatches]),
    /// The needle can match only in these texts, and not before the cached match.
    From(&'a [SegmentMatches]),
}

impl<'a> CachedMatches<'a> {
    /// Returns the cached matches, by segment.
    pub(super) fn matches(&self) -> &'a [SegmentMatches] {
        match self {
            Self::Same(matches) | Self::Among(matches) | Self::From(matches) => matches,
        }
    }
}

impl QueryCache {
    /// Returns the last query, if the index and the eligible sessions are the same.
    pub(super) fn previous(&self, version: (u64, u64), eligible: &[u64]) -> Option<Arc<CachedQuery>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (last.version == version && last.eligible == eligible).then_some(last)
    }

    /// Returns the join of the index with a corpus.
    pub(super) fn index_state(&self, reader: &IndexReader, corpus: &Corpus) -> Arc<IndexState> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states.iter().flatten().find(|state| state.is_for(reader, corpus)).cloned();
        known.unwrap_or_else(|| {
            states.rotate_right(1);
            states[0].insert(Arc::new(IndexState::new(reader, corpus))).clone()
        })
    }

    /// Clears the cache.
    pub(super) fn clear(&self) {
        *self.states.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Stores the matches of a query by clause and segment. Only for queries where a match does not depend on the rest
    /// of the query.
    pub(super) fn store(
        &self,
        plan: &QueryPlan,
        version: (u64, u64),
        eligible: Vec<u64>,
        segment_offsets: Vec<u64>,
        matches: Vec<Vec<SegmentMatches>>,
    ) {
        if !is_cacheable(plan) {
            return;
        }
        let needles = plan.clauses.iter().zip(matches).filter_map(|(clause, matches)| match &clause.test {
            ClauseTest::Text { matcher, per_text: false, .. } => Some((matcher.clone(), matches)),
            ClauseTest::Text { .. } | ClauseTest::Occurs(_) => None,
        });
        let last = CachedQuery { version, eligible, segment_offsets, needles: needles.collect() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(last));
    }
}

impl CachedQuery {
    /// Returns the cached matches for a needle, if the segments are the same.
    pub(super) fn matches_of(&self, matcher: &NeedleMatcher, segment_offsets: &[u64]) -> Option<CachedMatches<'_>> {
        if self.segment_offsets != segment_offsets {
            return None;
        }
        let broader: Vec<_> = self.needles.iter().filter(|(other, _)| matcher.narrows(other)).collect();
        if let Some((_, same)) = broader.iter().find(|(other, _)| other.narrows(matcher)) {
            return Some(CachedMatches::Same(same));
        }
        let count = |matches: &[SegmentMatches]| matches.iter().flatten().map(|matches| matches.len()).sum::<usize>();
        let (other, matches) = broader.into_iter().min_by_key(|(_, matches)| count(matches))?;
        Some(if matcher.extends(other) { CachedMatches::From(matches) } else { CachedMatches::Among(matches) })
    }
}

/// Returns true if the matches of a segment do not depend on the rest of the query.
pub(super) fn is_cacheable(plan: &QueryPlan) -> bool {
    plan.branches.len() == 1 && !plan.has_scope()
}
