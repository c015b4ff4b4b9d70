//! Search in the text index: the first tier of a search, over all indexed texts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use super::execution::Execution;
use super::index_state::LiveSegment;
use super::plan::ClauseTest;
use super::query_cache::{CachedMatches, SegmentMatches};
use super::score::{BestMatch, Match, MatchLocation, SessionScore, clause_bits};
use super::store::{BlockBuffer, TextBlock, TextEntry};
use crate::domain::query::NeedleMatcher;

/// Search over the live segments, the newest sources first, in several steps.
#[derive(Debug)]
pub(super) struct TextIndexSearch<'a> {
    execution: &'a Execution<'a>,
    /// Cached matches of the last query, by clause.
    cached: Vec<Option<CachedMatches<'a>>>,
    /// Segments to search, in order.
    order: Vec<usize>,
    /// Index of the next one.
    next: AtomicUsize,
    /// Matches so far, by clause and segment.
    pub matches: Vec<Vec<SegmentMatches>>,
}

/// Results of a step or of one thread.
#[derive(Default)]
pub(super) struct PartialResults {
    /// Scores by session number.
    pub scores: HashMap<usize, SessionScore>,
    /// Number of searched bytes.
    pub bytes: u64,
    /// Segment number, and its matches by clause.
    matches: Vec<(usize, Vec<SegmentMatches>)>,
}

/// Cost of a match, in bytes of search.
const BYTES_PER_MATCH: usize = 512;

impl<'a> TextIndexSearch<'a> {
    /// Creates a search over the segments of all eligible sessions.
    pub(super) fn new(execution: &'a Execution<'a>) -> Self {
        let segments = execution.state.segments.len();
        let matches = vec![vec![None; segments]; execution.plan.clauses.len()];
        Self {
            execution,
            cached: cached_matches(execution, &segment_offsets(execution)),
            order: (0..segments).collect(),
            next: AtomicUsize::new(0),
            matches,
        }
    }

    /// Searches these segments only, in this order.
    pub(super) fn set_order(&mut self, order: Vec<usize>) {
        self.order = order;
    }

    /// Returns the number of segments that were searched.
    pub(super) fn searched(&self) -> usize {
        self.next.load(Ordering::Relaxed).min(self.order.len())
    }

    /// Returns the data offsets of the segments, in order.
    pub(super) fn segment_offsets(&self) -> Vec<u64> {
        segment_offsets(self.execution)
    }

    /// Returns true if all segments were searched.
    pub(super) fn is_done(&self) -> bool {
        self.searched() >= self.order.len() || self.execution.cancel.is_cancelled()
    }

    /// Continues the search until it is done, or until about `work` bytes were searched.
    pub(super) fn advance(&mut self, work: usize) -> PartialResults {
        let done = AtomicUsize::new(0);
        let mut all = PartialResults::default();
        std::thread::scope(|scope| {
            let search = || self.search_some(&done, work);
            let others: Vec<_> = (1..self.execution.threads).map(|_| scope.spawn(search)).collect();
            let mine = search();
            // A thread that panicked adds nothing; the panic hook has reported it.
            for results in others.into_iter().map(|other| other.join().unwrap_or_default()).chain([mine]) {
                all.bytes += results.bytes;
                all.matches.extend(results.matches);
                for (session, score) in results.scores {
                    all.scores.entry(session).or_default().merge(score);
                }
            }
        });
        for (segment, by_clause) in all.matches.drain(..) {
            for (clause, matches) in by_clause.into_iter().enumerate() {
                self.matches[clause][segment] = matches;
            }
        }
        all
    }

    /// Searches segments on one thread, until about `work` bytes were searched; `done` are those of all threads so far.
    pub(super) fn search_some(&self, done: &AtomicUsize, work: usize) -> PartialResults {
        let mut results = PartialResults::default();
        let mut buffer = BlockBuffer::default();
        while done.load(Ordering::Relaxed) < work && !self.execution.cancel.is_cancelled() {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&number) = self.order.get(next) else { break };
            let live = &self.execution.state.segments[number];
            if self.execution.is_eligible(live) {
                results.bytes += live.segment.layout.text as u64;
            }
            if !self.execution.is_pruned(live) {
                let work_done = search_segment(self.execution, live, (number, &self.cached), &mut buffer, &mut results);
                done.fetch_add(work_done, Ordering::Relaxed);
            }
        }
        results
    }
}

fn segment_offsets(execution: &Execution<'_>) -> Vec<u64> {
    execution.state.segments.iter().map(|live| live.segment.stored.at).collect()
}

/// Returns the cached matches of the last query, by clause.
fn cached_matches<'a>(execution: &'a Execution<'_>, segments: &[u64]) -> Vec<Option<CachedMatches<'a>>> {
    let of = |clause: &super::plan::Clause| match &clause.test {
        ClauseTest::Text { matcher, per_text: false, .. } => execution.cached.as_ref()?.matches_of(matcher, segments),
        ClauseTest::Text { .. } | ClauseTest::Occurs(_) => None,
    };
    execution.plan.clauses.iter().map(of).collect()
}

/// Matches all clauses in a segment. Returns the work in bytes of search.
fn search_segment(
    execution: &Execution<'_>,
    live: &LiveSegment,
    (number, cached): (usize, &[Option<CachedMatches<'_>>]),
    buffer: &mut BlockBuffer,
    results: &mut PartialResults,
) -> usize {
    // A needle without cached matches in the segment has none now.
    let count = |cached: &Option<CachedMatches<'_>>| {
        cached.as_ref()?.matches().get(number)?.as_ref().map(|matches| matches.len())
    };
    let no_matches = || vec![Some(Arc::from([])); cached.len()];
    if cached.iter().all(|cached| count(cached) == Some(0)) {
        results.matches.push((number, no_matches()));
        return 0;
    }
    let eligible = |session: &Option<usize>| session.filter(|&session| execution.eligible[session] != 0);
    let sessions: Vec<Option<usize>> = live.sessions.iter().map(eligible).collect();
    if sessions.iter().all(Option::is_none) {
        results.matches.push((number, no_matches()));
        return 0;
    }
    let read = execution.state.read_block(&execution.reader, number, execution.pin, buffer);
    // A damaged or replaced segment is searched in its file instead.
    let Ok(block) = read else {
        execution.unreadable.lock().unwrap_or_else(PoisonError::into_inner).insert(live.source);
        return 0;
    };
    let tools = block.tools();
    let mut by_clause = Vec::with_capacity(cached.len());
    let mut work_done = 0;
    for (at, cached) in cached.iter().enumerate() {
        let previous = cached.as_ref().and_then(|cached| cached.matches().get(number)?.as_ref());
        work_done += previous.map_or(block.text.len(), |matches| matches.len() * BYTES_PER_MATCH / 2);
        let matcher = SegmentMatcher { execution, block, sessions: &sessions, tools: &tools };
        by_clause.push(match (cached, previous) {
            (Some(CachedMatches::Same(_)), Some(matches)) => renumbered(matches, at),
            (Some(CachedMatches::From(_)), Some(matches)) => matcher.find_among(at, matches, Match::start),
            (Some(CachedMatches::Among(_)), Some(matches)) => matcher.find_among(at, matches, |_| 0),
            (Some(_), None) | (None, _) => matcher.find_all(at).into(),
        });
    }
    add_to_scores(execution, number, block, &sessions, &by_clause, results);
    work_done += by_clause.iter().map(|matches| matches.len() * BYTES_PER_MATCH).sum::<usize>();
    results.matches.push((number, by_clause.into_iter().map(Some).collect()));
    work_done
}

/// Copies cached matches to the current index of their clause.
fn renumbered(matches: &Arc<[(u32, Match)]>, clause: usize) -> Arc<[(u32, Match)]> {
    match matches.first() {
        Some((_, first)) if first.clause() != clause => {
            matches.iter().map(|(entry, found)| (*entry, found.of_clause(clause))).collect()
        }
        Some(_) | None => matches.clone(),
    }
}

/// Adds matches to the scores of their sessions.
fn add_to_scores(
    execution: &Execution<'_>,
    segment: usize,
    block: TextBlock<'_>,
    sessions: &[Option<usize>],
    by_clause: &[Arc<[(u32, Match)]>],
    results: &mut PartialResults,
) {
    let joined: Vec<(u32, Match)>;
    let found = match by_clause {
        [only] => &**only,
        several => {
            let mut all: Vec<(u32, Match)> = several.iter().flat_map(|matches| matches.iter().copied()).collect();
            all.sort_by_key(|(entry, _)| *entry);
            joined = all;
            &joined
        }
    };
    let mut scores: Vec<Option<SessionScore>> = vec![None; sessions.len()];
    let mut matches = Vec::new();
    for of_entry in found.chunk_by(|a, b| a.0 == b.0) {
        let number = of_entry[0].0 as usize;
        let entry = block.entry(number);
        let Some(session) = sessions.get(entry.session).copied().flatten() else { continue };
        if execution.is_title(session, entry.kind, block.text_of(&entry)) {
            continue;
        }
        matches.clear();
        matches.extend(of_entry.iter().map(|(_, found)| *found));
        let bits = clause_bits(&matches);
        let weight = execution.plan.weigh(execution.scored_clauses, entry.kind, &matches);
        let score = scores[entry.session].get_or_insert_default();
        if score.would_keep(true, weight) {
            let at = MatchLocation::Stored { segment, entry: number };
            score.add(BestMatch { bits, weight, is_primary: true, at }, execution.scored_clauses);
        } else {
            score.count_only(bits, true, execution.scored_clauses);
        }
    }
    for (score, session) in scores.into_iter().zip(sessions) {
        if let (Some(score), Some(session)) = (score, session) {
            results.scores.entry(*session).or_default().merge(score);
        }
    }
}

/// Matcher of clauses in one segment.
struct SegmentMatcher<'a> {
    execution: &'a Execution<'a>,
    block: TextBlock<'a>,
    sessions: &'a [Option<usize>],
    tools: &'a [&'a str],
}

impl SegmentMatcher<'_> {
    /// Finds a needle in some texts only, in each from an offset on.
    fn find_among(&self, at: usize, texts: &[(u32, Match)], from: impl Fn(Match) -> usize) -> Arc<[(u32, Match)]> {
        let test = &self.execution.plan.clauses[at].test;
        let found = texts.iter().filter_map(|(number, found)| {
            let entry = self.block.entry(*number as usize);
            let text = self.block.text_of(&entry);
            let range = self.admits(at, &entry).then(|| test.find_short(text, from(*found)))??;
            Some((*number, Match::new(at, text, range)))
        });
        found.collect()
    }

    /// Finds the first match of a clause in each text.
    fn find_all(&self, at: usize) -> Vec<(u32, Match)> {
        let clause = &self.execution.plan.clauses[at];
        let entries = (0..index(self.block.count())).map(|number| (number, self.block.entry(number as usize)));
        let entries = entries.filter(|(_, entry)| self.admits(at, entry));
        match &clause.test {
            ClauseTest::Text { matcher, per_text: false, .. } => self.find_in_whole_text(at, matcher),
            ClauseTest::Text { matcher, per_text: true, .. } => {
                let find = |text| Some(Match::new(at, text, matcher.find_in(text, 0)?));
                entries.filter_map(|(number, entry)| Some((number, find(self.block.text_of(&entry))?))).collect()
            }
            ClauseTest::Occurs(_) => {
                let occurs = |entry: &TextEntry| {
                    let text = String::from_utf8_lossy(self.block.text_of(entry));
                    clause.occurs(entry.kind, self.tool(entry), &text)
                };
                let found = entries.filter(|(_, entry)| occurs(entry));
                found.map(|(number, _)| (number, Match::at(at, 0, 0))).collect()
            }
        }
    }

    /// Finds a needle in the joined text of the block.
    fn find_in_whole_text(&self, at: usize, matcher: &NeedleMatcher) -> Vec<(u32, Match)> {
        let block = self.block;
        let mut found = Vec::new();
        let (mut from, mut number) = (0, 0);
        while let Some(range) = matcher.find_in(block.text, from) {
            number = block.entry_of(range.start, number);
            let entry = block.entry(number);
            let (start, end) = entry.range;
            if range.start >= start && range.end <= end && self.admits(at, &entry) {
                let within = range.start - start..range.end - start;
                found.push((index(number), Match::new(at, block.text_of(&entry), within)));
            }
            from = (end + 1).max(from + 1);
            if from >= block.text.len() {
                break;
            }
        }
        found
    }

    fn tool(&self, entry: &TextEntry) -> &str {
        self.tools.get(entry.tool).copied().unwrap_or_default()
    }

    fn admits(&self, at: usize, entry: &TextEntry) -> bool {
        let Self { execution, .. } = self;
        let eligible =
            self.sessions.get(entry.session).copied().flatten().map_or(0, |session| execution.eligible[session]);
        execution.plan.admits(&execution.plan.clauses[at], eligible, entry.kind, self.tool(entry))
    }
}

/// Converts the number of a text; the size of a segment bounds it.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
