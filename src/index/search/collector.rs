//! Collector of a query: merges the scores of all phases, and sends hits with snippets.

use std::collections::{BTreeSet, HashMap};

use super::execution::Execution;
use super::scan::SourceMatches;
use super::score::{BestMatch, MAX_BEST_MATCHES, Match, MatchLocation, SessionScore, clause_bits, secondary_score};
use super::snippet::{first_match, snippet};
use super::store::BlockBuffer;
use super::{QueryRequest, text_index};
use crate::domain::query::TextKind;
use crate::domain::search::{Coverage, EntryLocation, Hit, SearchOrder, SearchUpdate, Snippet};

/// Minimum number of sessions whose titles a thread matches, because starting one takes time.
const MIN_TITLES_PER_THREAD: usize = 1024;

/// Scores so far, and the coverage.
pub(super) struct Collector<'a> {
    execution: &'a Execution<'a>,
    request: &'a QueryRequest<'a>,
    /// Scores by session number; `None` for sessions that cannot match.
    pub scores: Vec<Option<SessionScore>>,
    /// Coverage so far.
    pub coverage: Coverage,
    /// True for each source that was scanned.
    scanned: Vec<bool>,
    /// Number of the newest sessions that need no further scan.
    final_count: usize,
    /// Matching sessions whose update waits until all newer sessions are final.
    held: BTreeSet<usize>,
}

impl<'a> Collector<'a> {
    /// Creates an empty collector.
    pub(super) fn new(execution: &'a Execution<'a>, request: &'a QueryRequest<'a>) -> Self {
        let scores = vec![None; execution.corpus.sessions().len()];
        Self {
            execution,
            request,
            scores,
            coverage: Coverage::default(),
            scanned: vec![false; execution.corpus.sources().len()],
            final_count: 0,
            held: BTreeSet::new(),
        }
    }

    /// Matches titles, and the filters that need no texts.
    pub(super) fn match_titles(&mut self, threads: usize) {
        let execution = self.execution;
        let part = self.scores.len().div_ceil(threads.max(1)).max(MIN_TITLES_PER_THREAD);
        std::thread::scope(|scope| {
            let mut parts = (0..).step_by(part).zip(self.scores.chunks_mut(part));
            let first = parts.next();
            for (from, scores) in parts {
                scope.spawn(move || match_titles(execution, from, scores));
            }
            if let Some((from, scores)) = first {
                match_titles(execution, from, scores);
            }
        });
    }

    /// Merges the results of the text index.
    pub(super) fn merge_indexed(&mut self, found: text_index::PartialResults) {
        self.coverage.bytes += found.bytes;
        for (number, score) in found.scores {
            if let Some(mine) = &mut self.scores[number] {
                mine.merge(score);
            }
        }
    }

    fn is_satisfied(&self, number: usize, score: &SessionScore) -> bool {
        self.satisfies(number, score.matched, score.complete)
    }

    /// Returns true if the session matches by texts of indexed kinds alone.
    fn is_primary(&self, number: usize, score: &SessionScore) -> bool {
        // An exclusion counts for whole sessions, and was tested with all texts.
        self.satisfies(number, score.primary, score.complete)
    }

    fn satisfies(&self, number: usize, matched: u64, complete: bool) -> bool {
        let all = complete || !self.execution.plan.needs_texts();
        (0u64..)
            .zip(&self.execution.plan.branches)
            .any(|(at, branch)| self.execution.eligible[number] & (1 << at) != 0 && branch.is_satisfied(matched, all))
    }

    /// Sends all matching sessions. Only the best ones get snippets.
    pub(super) fn emit_all(&self, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
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
        let now = self.request.now;
        let total =
            if self.is_primary(number, score) { score.total(&session, now) } else { secondary_score(&session, now) };
        Hit { session, score: total, count: score.count, snippets: Vec::new() }
    }

    /// Merges scanned sources. Returns the sessions that changed.
    pub(super) fn merge_scanned(&mut self, found: Vec<SourceMatches>) -> BTreeSet<usize> {
        let mut changed = BTreeSet::new();
        let has_exclusions = self.execution.plan.has_exclusions();
        for SourceMatches { scores, bytes, sources } in found {
            self.coverage.bytes += bytes;
            sources.into_iter().for_each(|source| self.scanned[source] = true);
            for (number, score) in scores {
                let Some(mine) = &mut self.scores[number] else { continue };
                let before = (mine.matched, mine.count);
                self.coverage.sessions += usize::from(score.complete && !mine.complete);
                mine.merge(score);
                if has_exclusions || before != (mine.matched, mine.count) {
                    changed.insert(number);
                }
            }
        }
        self.advance_final();
        changed
    }

    /// Sends the changed sessions that match. By relevance, sessions without matches in primary texts are sent in order,
    /// so that a hit never appears above one that was sent before.
    pub(super) fn emit_changed(&mut self, mut changed: BTreeSet<usize>, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
        if self.request.order == SearchOrder::Relevance {
            let is_held = |number: &usize| {
                let score = self.scores[*number].as_ref();
                *number >= self.final_count && score.is_some_and(|score| !self.is_primary(*number, score))
            };
            let held: BTreeSet<usize> = changed.extract_if(.., |number| is_held(number)).collect();
            self.held.extend(held);
            let waiting = self.held.split_off(&self.final_count);
            changed.extend(std::mem::replace(&mut self.held, waiting));
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

    /// Advances over the sessions that need no further scan.
    fn advance_final(&mut self) {
        let (execution, corpus) = (self.execution, self.execution.corpus);
        let is_final = |number: usize| {
            execution.eligible[number] == 0 || corpus.source_of(number).is_none_or(|source| self.scanned[source])
        };
        while self.final_count < corpus.sessions().len() && is_final(self.final_count) {
            self.final_count += 1;
        }
    }

    /// Returns the score of the `count`th best session that matches by primary texts alone.
    pub(super) fn nth_best_score(&self, count: usize) -> Option<f32> {
        let now = self.request.now;
        let primary = self.scores.iter().enumerate().filter_map(|(number, score)| {
            let score = score.as_ref().filter(|score| self.is_primary(number, score))?;
            Some(score.total(&self.execution.corpus.sessions()[number], now))
        });
        let mut scores: Vec<f32> = primary.collect();
        let at = count.checked_sub(1).filter(|at| *at < scores.len())?;
        Some(*scores.select_nth_unstable_by(at, |a, b| b.total_cmp(a)).1)
    }

    /// Returns true if the best `count` hits are known: by relevance all that match by primary texts, and the newest of
    /// the others; by time the newest.
    pub(super) fn are_known(&self, count: usize) -> bool {
        let certain = self.scores.iter().enumerate().filter(|(number, score)| {
            score.as_ref().is_some_and(|score| {
                let by_relevance = self.request.order == SearchOrder::Relevance;
                let is_certain = *number < self.final_count || (by_relevance && self.is_primary(*number, score));
                is_certain && self.is_satisfied(*number, score)
            })
        });
        certain.take(count).count() == count
    }

    /// Returns the best `count` hits' sessions whose sources were not scanned yet.
    pub(super) fn unscanned_of_best(&self, count: usize) -> BTreeSet<usize> {
        let satisfied = self.scores.iter().enumerate().filter_map(|(number, score)| {
            let score = score.as_ref().filter(|score| self.is_satisfied(number, score))?;
            Some((number, self.hit(number, score)))
        });
        let mut hits: Vec<(usize, Hit)> = satisfied.collect();
        hits.sort_by(|a, b| self.request.order.compare(&a.1, &b.1));
        let is_unscanned =
            |number: &usize| self.execution.corpus.source_of(*number).is_some_and(|source| !self.scanned[source]);
        hits.into_iter().take(count).map(|(number, _)| number).filter(is_unscanned).collect()
    }

    /// Returns the number of snippets of each session that are not of primary texts.
    pub(super) fn missing_snippets(&self, sessions: &BTreeSet<usize>) -> HashMap<usize, usize> {
        let missing = |&number: &usize| {
            let best = self.scores[number].as_ref().map_or(&[][..], |score| &score.best);
            (number, MAX_BEST_MATCHES.saturating_sub(best.iter().filter(|found| found.is_primary).count()))
        };
        sessions.iter().map(missing).collect()
    }

    /// Marks those of some sources as searched that cannot match. Returns the others.
    pub(super) fn skip_pruned(&mut self, sources: Vec<usize>) -> Vec<usize> {
        let (execution, corpus) = (self.execution, self.execution.corpus);
        let (pruned, rest): (Vec<usize>, _) =
            sources.into_iter().partition(|&source| execution.is_source_pruned(source));
        for source in pruned {
            let from = if execution.needs_files { 0 } else { execution.indexed_bytes(source) };
            self.coverage.bytes += corpus.sources()[source].stamp.size.saturating_sub(from);
            self.scanned[source] = true;
            for number in corpus.numbers_in(source).filter(|&number| execution.eligible[number] != 0) {
                if let Some(score) = &mut self.scores[number] {
                    self.coverage.sessions += usize::from(!score.complete);
                    score.complete = true;
                }
            }
        }
        self.advance_final();
        rest
    }

    /// Returns the sources with eligible sessions that were not scanned yet, those of the newest sessions first.
    pub(super) fn unscanned(&self) -> Vec<usize> {
        let (execution, corpus) = (self.execution, self.execution.corpus);
        let is_eligible = |source: usize| corpus.numbers_in(source).any(|number| execution.eligible[number] != 0);
        let open = |source: &usize| !self.scanned[*source] && is_eligible(*source);
        corpus.scan_order().iter().copied().filter(open).collect()
    }

    /// Records that everything was searched.
    pub(super) fn complete(&mut self) {
        self.coverage.complete = true;
        self.coverage.sessions = self.execution.eligible_sessions();
    }

    /// Returns the snippets of a session. On a screen those of primary texts stay alone, so that no row grows later.
    fn snippets(&self, number: usize) -> Vec<Snippet> {
        let Some(score) = &self.scores[number] else { return Vec::new() };
        let is_shown = |found: &BestMatch| found.is_primary && !matches!(found.at, MatchLocation::Title);
        let only_primary = self.request.pin && self.is_primary(number, score) && score.best.iter().any(is_shown);
        let mut buffer = BlockBuffer::default();
        let best = score.best.iter().filter(|found| found.is_primary || !only_primary);
        best.filter_map(|found| self.snippet(number, found, &mut buffer)).collect()
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
                let (reader, pin) = (&execution.reader, execution.pin);
                let block = execution.state.read_block(reader, *segment, pin, buffer).ok()?;
                let entry = block.entry(*entry);
                let text = String::from_utf8_lossy(block.text_of(&entry));
                Some(cut(entry.kind, EntryLocation::Entry { key: entry.key, call: "".into(), near: "".into() }, &text))
            }
        }
    }
}

/// Matches the titles of the sessions from a number on.
fn match_titles(execution: &Execution<'_>, from: usize, scores: &mut [Option<SessionScore>]) {
    let sessions = execution.corpus.sessions()[from..].iter().zip(&execution.eligible[from..]);
    for (place, (session, &eligible)) in scores.iter_mut().zip(sessions).filter(|(_, (_, eligible))| **eligible != 0) {
        let matched = execution.plan.satisfied_by(session);
        let mut score = SessionScore { matched, primary: matched, ..SessionScore::default() };
        let title = session.title.text.as_bytes();
        let clauses = execution.plan.clauses.iter().enumerate();
        let admitted = clauses.filter(|(_, clause)| execution.plan.admits(clause, eligible, TextKind::Title, ""));
        let matches: Vec<Match> = admitted
            .filter_map(|(at, clause)| Some(Match::new(at, title, clause.test.find_short(title, 0)?)))
            .collect();
        if !matches.is_empty() {
            let weight = execution.plan.weigh(execution.scored_clauses, TextKind::Title, &matches);
            let (bits, at) = (clause_bits(&matches), MatchLocation::Title);
            score.add(BestMatch { bits, weight, is_primary: true, at }, execution.scored_clauses);
        }
        *place = Some(score);
    }
}
