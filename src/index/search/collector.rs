//! Collector of a query: merges the scores of all phases, and sends hits with snippets.

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::execution::Execution;
use super::score::{BestMatch, Match, MatchLocation, SessionScore, clause_bits};
use super::snippet::{first_match, snippet};
use super::store::BlockBuffer;
use super::{QueryRequest, scan, text_index};
use crate::domain::query::TextKind;
use crate::domain::search::{Coverage, EntryLocation, Hit, SearchUpdate, Snippet};

/// Maximum time between two updates during a scan, so that a receiver that batches them can send a batch.
const MAX_SILENCE: Duration = Duration::from_millis(16);

/// Scores so far, and the coverage.
pub struct Collector<'a> {
    execution: &'a Execution<'a>,
    request: &'a QueryRequest<'a>,
    /// Scores by session number; `None` for sessions that cannot match.
    pub scores: Vec<Option<SessionScore>>,
    /// Coverage so far.
    pub coverage: Coverage,
}

impl<'a> Collector<'a> {
    /// Creates an empty collector.
    pub fn new(execution: &'a Execution<'a>, request: &'a QueryRequest<'a>) -> Self {
        let scores = vec![None; execution.corpus.sessions().len()];
        Self { execution, request, scores, coverage: Coverage::default() }
    }

    /// Matches titles, and the filters that need no texts.
    pub fn match_titles(&mut self) {
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
                    let found = execution.plan.clauses[at].test.find_short(title.as_bytes(), 0);
                    found.map(|range| Match::new(at, title.as_bytes(), range))
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

    /// Merges the results of the text index.
    pub fn merge_indexed(&mut self, found: text_index::PartialResults) {
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
    pub fn emit_all(&self, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
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
    pub fn search_files(&mut self, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
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
            loop {
                match found.recv_timeout(MAX_SILENCE) {
                    Ok(first) => {
                        // Results that arrived in the meantime are sent together.
                        let pending: Vec<_> = std::iter::once(first).chain(found.try_iter()).collect();
                        any |= self.merge_files(pending, sink);
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        sink(SearchUpdate { coverage: self.coverage, ..SearchUpdate::default() });
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
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
