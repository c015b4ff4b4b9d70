//! Execution of one query: first over the text index, then over files, with updates on the way.

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::build::threads;
use super::corpus::Corpus;
use super::index_state::IndexState;
use super::ngram_files::FileFilterSet;
use super::plan::{ClauseTest, QueryPlan};
use super::prune::{Pruned, absent_clauses, prune};
use super::query_cache::{CachedQuery, QueryCache, is_cacheable};
use super::score::{BestMatch, Match, MatchLocation, SessionScore, clause_bits};
use super::snippet::{SnippetContext, first_match, snippet};
use super::store::{BlockBuffer, IndexReader};
use super::text_index::TextIndexSearch;
use super::{Cancel, QueryRequest, scan, text_index};
use crate::domain::query::{Query, TextKind};
use crate::domain::search::{Coverage, EntryLocation, Hit, SearchUpdate, Snippet};

/// Bytes of indexed text before the first update; some milliseconds of work.
const FIRST_SLICE_BYTES: usize = 8 << 20;

/// Shared state of one query execution.
#[derive(Debug)]
pub struct Execution<'a> {
    /// Compiled query.
    pub plan: QueryPlan,
    /// Corpus.
    pub corpus: &'a Corpus,
    /// Index reader.
    pub reader: Arc<IndexReader>,
    /// Index joined with the corpus.
    pub state: Arc<IndexState>,
    /// N-gram filters of sources of many small files.
    pub file_filters: Arc<FileFilterSet>,
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
    pub fn indexed_bytes(&self, source: usize) -> u64 {
        if self.is_unreadable(source) { 0 } else { self.state.source(source).indexed_bytes }
    }

    /// Returns true if the current state of a source is indexed and readable.
    pub fn is_indexed(&self, source: usize) -> bool {
        self.state.source(source).is_indexed && !self.is_unreadable(source)
    }

    /// Returns the number of sessions that may match.
    fn eligible_sessions(&self) -> usize {
        self.eligible.iter().filter(|eligible| **eligible != 0).count()
    }

    fn is_unreadable(&self, source: usize) -> bool {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).contains(&source)
    }

    /// Returns the pruned ranges of a source.
    pub fn pruned(&self, source: usize) -> Option<&Pruned> {
        self.pruned.get()?.get(source)
    }

    /// Returns true if a text is the current title of its session. Titles are matched separately, because a transcript
    /// may repeat them.
    pub fn is_title(&self, session: usize, kind: TextKind, text: &[u8]) -> bool {
        kind == TextKind::Title && self.corpus.sessions()[session].title.text.as_bytes() == text
    }
}

/// Executes a query and sends updates; the last one has complete coverage. Returns true if there are hits.
pub fn search(
    request: &QueryRequest<'_>,
    query: &Query,
    reader: Arc<IndexReader>,
    file_filters: Arc<FileFilterSet>,
    query_cache: &QueryCache,
    cancel: &Cancel,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    let plan = QueryPlan::new(query);
    let sessions = request.corpus.sessions();
    let eligible: Vec<u64> =
        sessions.iter().map(|session| plan.alternatives(session, &request.facts(session))).collect();
    let version = reader.version();
    let cached = if is_cacheable(&plan) { query_cache.previous(version, &eligible) } else { None };
    let (scored_clauses, needs_files) = (plan.scored_clauses(), plan.needs_files());
    let QueryRequest { corpus, context, pin, .. } = *request;
    let execution = Execution {
        plan,
        corpus,
        state: query_cache.index_state(&reader, corpus),
        reader,
        file_filters,
        cancel,
        eligible,
        scored_clauses,
        cached,
        needs_files,
        context,
        threads: threads(),
        pin,
        pruned: OnceLock::new(),
        unreadable: Mutex::default(),
    };
    let mut collector =
        Collector { execution: &execution, request, scores: vec![None; sessions.len()], coverage: Coverage::default() };
    let absent_clauses = std::thread::scope(|scope| {
        let absent_clauses = scope.spawn(|| absent_clauses(&execution));
        collector.match_titles();
        // After a panic nothing is pruned.
        absent_clauses.join().unwrap_or_default()
    });
    let pruned =
        prune(&execution, absent_clauses, |number| collector.scores[number].as_ref().map_or(0, |score| score.matched));
    // Set only here.
    drop(execution.pruned.set(pruned));
    let mut found = false;
    if execution.plan.needs_texts() {
        let mut index_search = TextIndexSearch::new(&execution);
        // While the user types, the newest texts are searched first.
        let mut work = if execution.pin { FIRST_SLICE_BYTES } else { usize::MAX };
        loop {
            collector.merge_indexed(index_search.advance(work));
            if cancel.is_cancelled() {
                return false;
            }
            if index_search.is_done() {
                break;
            }
            found |= collector.emit_all(sink);
            work = usize::MAX;
        }
        // Only repeated queries use the cache.
        if execution.pin {
            query_cache.store(
                &execution.plan,
                version,
                execution.eligible.clone(),
                index_search.segment_offsets(),
                index_search.matches,
            );
        }
    }
    collector.coverage.indexed = true;
    if !execution.plan.needs_texts() {
        (collector.coverage.complete, collector.coverage.sessions) = (true, execution.eligible_sessions());
    }
    found |= collector.emit_all(sink);
    if execution.plan.needs_texts() {
        found |= collector.search_files(sink);
    }
    found
}

/// Scores so far, and the coverage.
struct Collector<'a> {
    execution: &'a Execution<'a>,
    request: &'a QueryRequest<'a>,
    scores: Vec<Option<SessionScore>>,
    coverage: Coverage,
}

impl Collector<'_> {
    /// Matches titles, and the filters that need no texts.
    fn match_titles(&mut self) {
        let execution = self.execution;
        for (number, session) in
            execution.corpus.sessions().iter().enumerate().filter(|(number, _)| execution.eligible[*number] != 0)
        {
            let mut score = SessionScore {
                matched: execution.plan.satisfied_by(session, &self.request.facts(session)),
                ..SessionScore::default()
            };
            let title = &*session.title.text;
            let matches: Vec<Match> = (0..execution.plan.clauses.len())
                .filter(|&at| {
                    execution.plan.admits(&execution.plan.clauses[at], execution.eligible[number], TextKind::Title, "")
                })
                .filter_map(|at| {
                    let ClauseTest::Text { matcher, .. } = &execution.plan.clauses[at].test else { return None };
                    matcher.find_short(title.as_bytes(), 0).map(|range| Match::new(at, title.as_bytes(), range))
                })
                .collect();
            if !matches.is_empty() {
                let weight = execution.plan.weigh(execution.scored_clauses, TextKind::Title, &matches);
                score.add(
                    BestMatch { bits: clause_bits(&matches), weight, at: MatchLocation::Title },
                    execution.scored_clauses,
                );
            }
            self.scores[number] = Some(score);
        }
    }

    fn merge_indexed(&mut self, found: text_index::PartialResults) {
        self.coverage.bytes += found.bytes;
        for (number, score) in found.scores {
            if let Some(mine) = &mut self.scores[number] {
                mine.merge(score, self.execution.scored_clauses);
            }
        }
    }

    fn is_satisfied(&self, number: usize, score: &SessionScore) -> bool {
        let all = score.complete || !self.execution.plan.needs_texts();
        (0u64..).zip(&self.execution.plan.branches).any(|(at, branch)| {
            self.execution.eligible[number] & (1 << at) != 0 && branch.is_satisfied(score.matched, all)
        })
    }

    /// Sends all matching sessions. Only the best ones get snippets.
    fn emit_all(&self, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
        let satisfied = self.scores.iter().enumerate().filter_map(|(number, score)| {
            let score = score.as_ref().filter(|score| self.is_satisfied(number, score))?;
            Some((number, self.hit(number, score)))
        });
        let mut hits: Vec<(usize, Hit)> = satisfied.collect();
        hits.sort_by(|a, b| self.request.order.compare(&a.1, &b.1));
        for (number, hit) in hits.iter_mut().take(self.request.snippet_limit) {
            hit.snippets = self.snippets(*number);
        }
        let found = !hits.is_empty();
        sink(SearchUpdate {
            hits: hits.into_iter().map(|(_, hit)| hit).collect(),
            coverage: self.coverage,
            corrections: Vec::new(),
        });
        found
    }

    fn hit(&self, number: usize, score: &SessionScore) -> Hit {
        let session = self.execution.corpus.sessions()[number].clone();
        let total = score.total(&session, self.request.now);
        Hit { session, score: total, count: score.count, snippets: Vec::new() }
    }

    /// Searches files; sends each session when all of it was searched.
    fn search_files(&mut self, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
        let execution = self.execution;
        let next = AtomicUsize::new(0);
        let mut any = false;
        std::thread::scope(|scope| {
            let (sender, found) = channel();
            for _ in 0..execution.threads {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || scan::scan(execution, next, &sender));
            }
            drop(sender);
            while let Ok(first) = found.recv() {
                // Results that arrived in the meantime are sent together.
                let pending: Vec<_> = std::iter::once(first).chain(found.try_iter()).collect();
                any |= self.merge_files(pending, sink);
            }
        });
        self.coverage.complete = !execution.cancel.is_cancelled();
        if self.coverage.complete {
            self.coverage.sessions = self.execution.eligible_sessions();
            sink(SearchUpdate { coverage: self.coverage, ..SearchUpdate::default() });
        }
        any
    }

    fn merge_files(&mut self, found: Vec<scan::SourceMatches>, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
        let mut changed = HashSet::new();
        let has_exclusions = self.execution.plan.branches.iter().any(|branch| branch.excluded != 0);
        for (scores, bytes) in found {
            self.coverage.bytes += bytes;
            for (number, score) in scores {
                let Some(mine) = &mut self.scores[number] else { continue };
                let before = (mine.matched, mine.count);
                self.coverage.sessions += usize::from(score.complete && !mine.complete);
                mine.merge(score, self.execution.scored_clauses);
                if has_exclusions || before != (mine.matched, mine.count) {
                    changed.insert(number);
                }
            }
        }
        let hits: Vec<Hit> = changed
            .into_iter()
            .filter_map(|number| {
                let score = self.scores[number].as_ref().filter(|score| self.is_satisfied(number, score))?;
                Some(Hit { snippets: self.snippets(number), ..self.hit(number, score) })
            })
            .collect();
        if hits.is_empty() {
            return false;
        }
        sink(SearchUpdate { hits, coverage: self.coverage, corrections: Vec::new() });
        true
    }

    fn snippets(&self, number: usize) -> Vec<Snippet> {
        let Some(score) = &self.scores[number] else { return Vec::new() };
        let mut buffer = BlockBuffer::default();
        score.best.iter().filter_map(|best_match| self.snippet(number, best_match, &mut buffer)).collect()
    }

    fn snippet(&self, number: usize, best_match: &BestMatch, buffer: &mut BlockBuffer) -> Option<Snippet> {
        let execution = self.execution;
        let cut = |kind, location, text: &str| {
            let at = first_match(&execution.plan, best_match.bits, text);
            snippet(&execution.plan, best_match.bits, kind, location, text, at, execution.context)
        };
        match &best_match.at {
            MatchLocation::File(shown) => Some(Snippet::clone(shown)),
            MatchLocation::Title => {
                Some(cut(TextKind::Title, EntryLocation::Title, &execution.corpus.sessions()[number].title.text))
            }
            MatchLocation::Stored { segment, entry } => {
                let block = execution.reader.read(segment, buffer).ok()?;
                let entry = block.entry(*entry);
                let text = String::from_utf8_lossy(block.text_of(&entry));
                Some(cut(entry.kind, EntryLocation::Entry { key: entry.key, call: "".into() }, &text))
            }
        }
    }
}
