//! File scan: the second tier of a search, over the texts outside of the index, the newest sources first.
//!
//! Raw bytes are searched; only records that may match are decoded. In indexed sources only the other texts count; in
//! appended bytes all texts count.

mod lines;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use super::entry_texts;
use super::execution::Execution;
use super::line_records::RecordFinder;
use super::plan::ClauseTest;
use super::raw_count::RawMatcher;
use super::score::{BestMatch, MAX_BEST_MATCHES, Match, MatchLocation, SessionScore, clause_bits};
use super::snippet::snippet;
use super::tool_names::ToolNames;
use crate::agent::texts::{RawOutput, RecordLayout, SearchText, SourceDecoder, StoredRecord, TextScope, Texts};
use crate::agent::{Source, format};
use crate::domain::Session;
use crate::domain::query::TextKind;
use crate::domain::search::EntryLocation;

/// Results of some sources.
#[derive(Default)]
pub(super) struct SourceMatches {
    /// Scores by session number.
    pub scores: Vec<(usize, SessionScore)>,
    /// Number of searched bytes.
    pub bytes: u64,
    /// Numbers of the sources.
    pub sources: Vec<usize>,
}

/// Sources to scan, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanRange<'a> {
    /// Numbers of the sources.
    pub sources: &'a [usize],
    /// Numbers of the wanted sessions in them; `None`: all.
    pub sessions: Option<&'a BTreeSet<usize>>,
    /// Number of snippets of other texts that are wanted of each session; `None`: as many as are shown.
    pub snippets: Option<&'a HashMap<usize, usize>>,
}

impl<'a> ScanRange<'a> {
    /// Returns the range of all sessions of some sources.
    pub(super) fn all(sources: &'a [usize]) -> Self {
        Self { sources, sessions: None, snippets: None }
    }

    fn is_wanted(&self, session: usize) -> bool {
        self.sessions.is_none_or(|sessions| sessions.contains(&session))
    }

    fn wanted_snippets(&self, session: usize) -> usize {
        self.snippets.and_then(|snippets| snippets.get(&session)).copied().unwrap_or(MAX_BEST_MATCHES)
    }
}

/// Number of sessions in a source per wanted one from which on they are read one by one.
const MIN_SESSIONS_PER_WANTED: usize = 2;

/// Maximum sessions without matches per message.
const SESSIONS_PER_MESSAGE: usize = 64;

/// Scans sources in order, until none is left or the receiver is dropped, and sends the scores of each.
pub(super) fn scan(execution: &Execution<'_>, range: &ScanRange<'_>, next: &AtomicUsize, out: &Sender<SourceMatches>) {
    let mut buffer = Vec::new();
    let mut pending = SourceMatches::default();
    let raw = RawMatcher::new(&execution.plan);
    while let Some(&number) = range.sources.get(next.fetch_add(1, Ordering::Relaxed)) {
        let source = &execution.corpus.sources()[number];
        if execution.cancel.is_cancelled() {
            return;
        }
        let mut file_scan = FileScan {
            execution,
            range: *range,
            number,
            source,
            transcript: source,
            scores: HashMap::new(),
            bytes: 0,
            decoder: None,
            tool_names: None,
            raw: raw.as_ref(),
            records: RecordFinder::new(&source.path),
            joined_end: 0,
            eligible: 0,
        };
        // A missing or unreadable file has no matches; the catalog reports it.
        if let Err(error) = file_scan.search(&mut buffer) {
            tracing::debug!(path = %source.path.display(), %error, "source cannot be searched");
        }
        let found = file_scan.scores.values().any(|score| score.matched != 0);
        pending.scores.extend(file_scan.scores);
        pending.bytes += file_scan.bytes;
        if execution.corpus.numbers_in(number).all(|number| range.is_wanted(number)) {
            pending.sources.push(number);
        }
        // Matches are sent at once. Each message wakes the receiver, so that other results are collected.
        if (found || pending.scores.len() >= SESSIONS_PER_MESSAGE) && out.send(std::mem::take(&mut pending)).is_err() {
            return;
        }
    }
    // Without a receiver the result has no use.
    drop(out.send(pending));
}

/// Scan of one source.
struct FileScan<'a> {
    execution: &'a Execution<'a>,
    range: ScanRange<'a>,
    /// Number of the source.
    number: usize,
    source: &'a Source,
    /// Source with the tool calls: the same, unless this one contains only a text of its session.
    transcript: &'a Source,
    scores: HashMap<usize, SessionScore>,
    bytes: u64,
    decoder: Option<SourceDecoder>,
    tool_names: Option<ToolNames>,
    /// Matcher of encoded texts, if they show enough.
    raw: Option<&'a RawMatcher<'a>>,
    records: RecordFinder<'a>,
    /// Offset after the last record of several lines.
    joined_end: u64,
    /// Alternatives that any of the sessions of these lines may match, as bits.
    eligible: u64,
}

impl FileScan<'_> {
    fn search(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let Some(texts) = format(self.source.agent).texts() else {
            self.search_entries();
            return Ok(());
        };
        match texts.layout(self.source) {
            // Texts beside a transcript are searched together with it.
            RecordLayout::Nothing | RecordLayout::SideText => Ok(()),
            RecordLayout::Lines => self.search_lines(texts, buffer),
            RecordLayout::Records => self.search_records(texts),
        }
    }

    /// Marks an eligible session as searched; returns false for other sessions.
    fn mark_searched(&mut self, number: usize) -> bool {
        let eligible = self.execution.eligible[number] != 0;
        if eligible {
            self.scores.entry(number).or_default().complete = true;
        }
        eligible
    }

    fn search_records(&mut self, texts: &dyn Texts) -> io::Result<()> {
        let is_indexed = self.execution.is_indexed(self.number);
        if is_indexed && !self.execution.needs_files {
            return Ok(());
        }
        if self.is_pruned() {
            return Ok(());
        }
        let source = self.source;
        let eligible = self.eligible_sessions();
        if eligible.is_empty() {
            return Ok(());
        }
        let mut bytes = 0;
        let execution = self.execution;
        let all = execution.corpus.numbers_in(self.number).count();
        let is_part = self.range.sessions.is_some() || eligible.len() * MIN_SESSIONS_PER_WANTED <= all;
        let sessions: Option<Vec<&str>> = is_part.then(|| eligible.keys().map(|id| &**id).collect());
        let mut wanted = |session: &str, record: &[u8]| {
            bytes += record.len() as u64;
            execution.cancel.is_cancelled()
                || eligible.get(session).is_some_and(|&number| may_match(execution, record, execution.eligible[number]))
        };
        texts.filter_records(source, sessions.as_deref(), &mut wanted, &mut |record| {
            if self.execution.cancel.is_cancelled() {
                return ControlFlow::Break(());
            }
            let Some(&number) = eligible.get(record.session) else { return ControlFlow::Continue(()) };
            match self.decode(texts, record, number, !is_indexed) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        self.bytes += bytes;
        Ok(())
    }

    /// Returns true if the whole source is pruned, and marks its sessions as searched.
    fn is_pruned(&mut self) -> bool {
        let execution = self.execution;
        let pruned = execution.pruned(self.number).is_some_and(|pruned| pruned.is_all_pruned(0));
        if pruned {
            for number in execution.corpus.numbers_in(self.number) {
                self.mark_searched(number);
            }
            self.bytes += self.source.stamp.size;
        }
        pruned
    }

    /// Returns the eligible sessions of the source, and marks them as searched.
    fn eligible_sessions(&mut self) -> HashMap<Arc<str>, usize> {
        let execution = self.execution;
        let range = self.range;
        let wanted = execution.corpus.numbers_in(self.number).filter(|&number| range.is_wanted(number));
        let candidates = execution.pruned(self.number).and_then(|pruned| pruned.candidates.as_ref());
        let may_match = |number: &usize| candidates.is_none_or(|candidates| candidates.contains(number));
        let numbers = wanted.filter(|&number| self.mark_searched(number)).filter(may_match);
        numbers.map(|number| (execution.corpus.sessions()[number].key.id.clone(), number)).collect()
    }

    fn search_entries(&mut self) {
        let is_indexed = self.execution.is_indexed(self.number);
        if is_indexed && !self.execution.needs_files {
            return;
        }
        if self.is_pruned() {
            return;
        }
        let execution = self.execution;
        let range = self.range;
        let wanted = execution.corpus.numbers_in(self.number).filter(|&number| range.is_wanted(number));
        let numbers: Vec<usize> = wanted.filter(|&number| self.mark_searched(number)).collect();
        let sessions: Vec<&Session> = numbers.iter().map(|&number| &*execution.corpus.sessions()[number]).collect();
        self.bytes += sessions.iter().map(|session| session.bytes).sum::<u64>();
        let number_of: HashMap<&str, usize> = sessions.iter().map(|session| &*session.key.id).zip(numbers).collect();
        entry_texts::texts(self.source.agent, &sessions, &mut |session, text| {
            if let Some(&number) = number_of.get(&*session.key.id) {
                self.match_text(text, text.tool, number, !is_indexed);
            }
        });
    }

    fn decode(&mut self, texts: &dyn Texts, record: &StoredRecord<'_>, number: usize, all: bool) -> io::Result<()> {
        // Created at the first candidate, because most sources have none.
        let decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => texts.decoder(self.source)?,
        };
        if all || !self.match_raw(texts, &decoder, record, number) {
            let scope = if all { TextScope::All } else { TextScope::Unindexed };
            decoder.decode.texts(record, scope, &mut |text| {
                self.match_of_tool(texts, text, self.number_of(text, number), all);
            });
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Returns the number of a text's session: that of its record, or of a sub-agent in the same file.
    fn number_of(&self, text: &SearchText<'_>, number: usize) -> usize {
        let own = if text.session.is_empty() { None } else { Some(text.session) };
        own.and_then(|id| self.execution.corpus.session_number(self.number, id)).unwrap_or(number)
    }

    /// Matches the texts of an indexed record without decoding all of it. Returns false if the record must be decoded.
    fn match_raw(
        &mut self,
        texts: &dyn Texts,
        decoder: &SourceDecoder,
        record: &StoredRecord<'_>,
        number: usize,
    ) -> bool {
        // A record of several lines may contain what no JSON has.
        if record.offset < self.joined_end {
            return false;
        }
        if !decoder.decode.may_have_unindexed(record) {
            return true;
        }
        let Some(outputs) = decoder.decode.raw_outputs(record) else { return false };
        for output in &outputs {
            if self.count_raw(output, number) {
                continue;
            }
            let RawOutput { key, call, .. } = output;
            let text = output.text();
            let text = SearchText { key: *key, session: "", call, tool: "", kind: TextKind::Output, text: &text };
            self.match_of_tool(texts, &text, number, false);
        }
        true
    }

    /// Counts an output without decoding it, if it does not match or no snippet of it is wanted. Returns false if it must
    /// be decoded.
    fn count_raw(&mut self, output: &RawOutput<'_>, number: usize) -> bool {
        let Some(Ok(found)) = self.raw.map(|raw| raw.find(&output.parts)) else { return false };
        if found.bits == 0 {
            return true;
        }
        if output.shown.is_some() {
            return false;
        }
        let (plan, scored) = (&self.execution.plan, self.execution.scored_clauses);
        let weight = found
            .first
            .map_or_else(|| plan.max_weight(TextKind::Output), |first| plan.weigh(scored, TextKind::Output, &[first]));
        let is_counted_only = !self.would_keep(number, false, weight);
        if is_counted_only {
            self.scores.entry(number).or_default().count_only(found.bits, false, scored);
        }
        is_counted_only
    }

    /// Returns true if a match of this kind and weight would be kept with its snippet.
    fn would_keep(&self, number: usize, is_primary: bool, weight: f32) -> bool {
        let count = if is_primary { MAX_BEST_MATCHES } else { self.range.wanted_snippets(number) };
        count > 0 && self.scores.get(&number).is_none_or(|score| score.is_among(count, is_primary, weight))
    }

    /// Matches a text, whose tool may be named in another record.
    fn match_of_tool(&mut self, texts: &dyn Texts, text: &SearchText<'_>, number: usize, all: bool) {
        if self.execution.plan.needs_tool_names() && text.tool.is_empty() && !text.call.is_empty() {
            let names = self.tool_names.get_or_insert_with(|| tool_names(texts, self.transcript));
            let tool = names.tool(text.call);
            self.match_text(text, &tool, number, all);
        } else {
            self.match_text(text, text.tool, number, all);
        }
    }

    /// Matches a text. `all`: indexed kinds count, too, because the record is not indexed.
    fn match_text(&mut self, text: &SearchText<'_>, tool: &str, number: usize, all: bool) {
        let is_primary = text.kind.is_indexed(text.text);
        if !all && is_primary {
            return;
        }
        let execution = self.execution;
        if execution.is_title(number, text.kind, text.text.as_bytes()) {
            return;
        }
        let mut matches: Vec<Match> = Vec::new();
        for (at, clause) in execution.plan.clauses.iter().enumerate() {
            if !execution.plan.admits(clause, execution.eligible[number], text.kind, tool) {
                continue;
            }
            match &clause.test {
                ClauseTest::Text { matcher, .. } => {
                    matches
                        .extend(matcher.find_at(text.text, 0).map(|range| Match::new(at, text.text.as_bytes(), range)));
                }
                ClauseTest::Occurs(_) if clause.occurs(text.kind, tool, text.text) => {
                    matches.push(Match::at(at, 0, 0));
                }
                ClauseTest::Occurs(_) => {}
            }
        }
        if matches.is_empty() {
            return;
        }
        let bits = clause_bits(&matches);
        let weight = execution.plan.weigh(execution.scored_clauses, text.kind, &matches);
        let is_kept = self.would_keep(number, is_primary, weight);
        let score = self.scores.entry(number).or_default();
        if is_kept {
            let first = matches.iter().map(|found| found.start()).min().unwrap_or_default();
            let location = EntryLocation::Entry { key: text.key, call: text.call.into(), near: "".into() };
            let snippet = snippet(&execution.plan, bits, text.kind, location, text.text, first, execution.context);
            let at = MatchLocation::File(Box::new(snippet));
            score.add(BestMatch { bits, weight, is_primary, at }, execution.scored_clauses);
        } else {
            score.count_only(bits, is_primary, execution.scored_clauses);
        }
    }
}

/// Reads the names of a transcript's tools; none if it cannot be read.
fn tool_names(texts: &dyn Texts, transcript: &Source) -> ToolNames {
    let decoder = texts.decoder(transcript);
    decoder.map(|decoder| ToolNames::new(texts, &decoder, transcript)).unwrap_or_default()
}

/// Returns true if a record may match one of the alternatives.
fn may_match(execution: &Execution<'_>, bytes: &[u8], eligible: u64) -> bool {
    execution.plan.clauses.iter().filter(|clause| eligible & (1 << clause.branch) != 0).any(|clause| {
        match &clause.test {
            ClauseTest::Text { prefilter: Some(prefilter), .. } => prefilter.may_match(bytes),
            ClauseTest::Text { prefilter: None, .. } | ClauseTest::Occurs(_) => true,
        }
    })
}
