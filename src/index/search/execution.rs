//! Shared state of one query execution: plan, corpus, index, and the sessions that may match. Read by all phases.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Cancel;
use super::corpus::Corpus;
use super::index_state::{IndexState, LiveSegment};
use super::plan::QueryPlan;
use super::pruned::Pruned;
use super::query_cache::CachedQuery;
use super::snippet::SnippetContext;
use super::store::IndexReader;
use crate::agent::format;
use crate::agent::texts::RecordLayout;
use crate::domain::query::TextKind;

/// Shared state of one query execution.
#[derive(Debug)]
pub(super) struct Execution<'a> {
    /// Compiled query.
    pub plan: QueryPlan,
    /// Corpus.
    pub corpus: &'a Corpus,
    /// Index reader.
    pub reader: Arc<IndexReader>,
    /// Index joined with the corpus.
    pub state: Arc<IndexState>,
    /// Cancellation of the query.
    pub cancel: &'a Cancel,
    /// Alternatives that each session may match, as bits.
    pub eligible: Vec<u64>,
    /// Required text clauses, as bits.
    pub scored_clauses: u64,
    /// Cached result of the last query, if this query narrows it.
    pub cached: Option<Arc<CachedQuery>>,
    /// True if texts outside of the index may match.
    pub needs_files: bool,
    /// Size of snippets.
    pub context: SnippetContext,
    /// True if segments stay in memory for the next query.
    pub pin: bool,
    /// Number of threads.
    pub threads: usize,
    /// Pruned byte ranges of each source; empty without n-grams.
    pub pruned: OnceLock<Vec<Pruned>>,
    /// Sources with damaged segments, to be searched in their files.
    pub unreadable: Mutex<HashSet<usize>>,
}

impl Execution<'_> {
    /// Returns the indexed length of a source of lines; 0 where a segment is damaged.
    pub(super) fn indexed_bytes(&self, source: usize) -> u64 {
        if self.is_unreadable(source) { 0 } else { self.state.source(source).indexed_bytes }
    }

    /// Returns true if the current state of a source is indexed and readable.
    pub(super) fn is_indexed(&self, source: usize) -> bool {
        self.state.source(source).is_indexed && !self.is_unreadable(source)
    }

    /// Returns true if no text of a source has to be searched in its file because it is not indexed. The end of a file
    /// without a newline is not indexed, and neither is one in another encoding.
    pub(super) fn is_all_indexed(&self, source: usize) -> bool {
        let found = &self.corpus.sources()[source];
        let is_lines = format(found.agent).texts().is_some_and(|texts| texts.layout(found) == RecordLayout::Lines);
        self.is_indexed(source) && (!is_lines || self.indexed_bytes(source) >= found.stamp.size)
    }

    /// Returns the number of sessions that may match.
    pub(super) fn eligible_sessions(&self) -> usize {
        self.eligible.iter().filter(|eligible| **eligible != 0).count()
    }

    fn is_unreadable(&self, source: usize) -> bool {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).contains(&source)
    }

    /// Returns the pruned ranges of a source.
    pub(super) fn pruned(&self, source: usize) -> Option<&Pruned> {
        self.pruned.get()?.get(source)
    }

    /// Returns true if a segment cannot match, so that it need not be read.
    pub(super) fn is_pruned(&self, live: &LiveSegment) -> bool {
        self.pruned(live.source).is_some_and(|pruned| pruned.is_all_pruned(live.segment.cursor.offset))
    }

    /// Returns true if a source cannot match, so that it need not be read.
    pub(super) fn is_source_pruned(&self, number: usize) -> bool {
        let Some(pruned) = self.pruned(number) else { return false };
        let source = &self.corpus.sources()[number];
        match format(source.agent).texts().map(|texts| texts.layout(source)) {
            Some(RecordLayout::Lines) => {
                let mut sessions = self.corpus.numbers_in(number);
                let is_alone = sessions.next().is_some_and(|session| self.corpus.side_sources_of(session).is_empty());
                is_alone && sessions.next().is_none() && pruned.is_all_pruned(source.stamp.size)
            }
            Some(RecordLayout::Records) | None => pruned.is_all_pruned(0),
            Some(RecordLayout::SideText | RecordLayout::Nothing) => false,
        }
    }

    /// Returns true if a session of a segment may match by its properties.
    pub(super) fn is_eligible(&self, live: &LiveSegment) -> bool {
        live.sessions.iter().flatten().any(|&session| self.eligible[session] != 0)
    }

    /// Returns true if a text is the current title of its session. Titles are matched separately, because a transcript
    /// may repeat them.
    pub(super) fn is_title(&self, session: usize, kind: TextKind, text: &[u8]) -> bool {
        kind == TextKind::Title && self.corpus.sessions()[session].title.text.as_bytes() == text
    }
}
