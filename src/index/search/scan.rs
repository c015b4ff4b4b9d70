//! File scan: the second tier of a search, over the texts outside of the index, the newest sources first.
//!
//! Raw bytes are searched; only records that may match are decoded. In indexed sources only the other texts count; in
//! appended bytes all texts count.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use super::entry_texts;
use super::execution::Execution;
use super::line_blocks::{LineBlocks, line_at, lines, may_be_part, record_around};
use super::plan::ClauseTest;
use super::raw_count::{RawMatch, RawMatcher, Undecided};
use super::score::{BestMatch, Match, MatchLocation, SessionScore, clause_bits};
use super::snippet::snippet;
use super::tool_names::ToolNames;
use crate::agent::texts::{RecordLayout, SearchText, SourceDecoder, StoredRecord, TextScope, Texts};
use crate::agent::{Source, format};
use crate::domain::query::TextKind;
use crate::domain::search::EntryLocation;
use crate::stdx::files;

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
    /// Sessions of which snippets of other texts are not wanted.
    pub counted_only: Option<&'a BTreeSet<usize>>,
}

impl<'a> ScanRange<'a> {
    /// Returns the range of all sessions of some sources.
    pub(super) fn all(sources: &'a [usize]) -> Self {
        Self { sources, sessions: None, counted_only: None }
    }

    fn is_wanted(&self, session: usize) -> bool {
        self.sessions.is_none_or(|sessions| sessions.contains(&session))
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
            joined_end: 0,
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
    /// Offset after the last record of several lines.
    joined_end: u64,
}

impl FileScan<'_> {
    /// True for a text beside a transcript.
    fn is_side_text(&self, texts: &dyn Texts) -> bool {
        texts.layout(self.source) == RecordLayout::SideText
    }

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

    fn search_lines(&mut self, texts: &dyn Texts, buffer: &mut Vec<u8>) -> io::Result<()> {
        // In early versions a parent's file contains its sub-agents; their matches count for the parent.
        let (execution, sessions) = (self.execution, self.execution.corpus.sessions());
        let numbers = execution.corpus.numbers_in(self.number);
        let number = numbers.min_by_key(|&number| sessions[number].flags.subagent);
        let Some(number) = number.filter(|&number| self.mark_searched(number)) else { return Ok(()) };
        let session = &*sessions[number].key.id;
        self.search_own_lines(texts, (session, number), buffer)?;
        if execution.needs_files {
            for &side in execution.corpus.side_sources_of(number) {
                self.search_side_text(texts, (session, number), side, buffer);
            }
        }
        Ok(())
    }

    /// Searches a text of the session in a file of its own. A missing file has no matches.
    fn search_side_text(
        &mut self,
        texts: &dyn Texts,
        (session, number): (&str, usize),
        side: usize,
        buffer: &mut Vec<u8>,
    ) {
        let source = &self.execution.corpus.sources()[side];
        let scores = std::mem::take(&mut self.scores);
        let mut file_scan = FileScan {
            execution: self.execution,
            range: self.range,
            number: side,
            source,
            transcript: self.source,
            scores,
            bytes: 0,
            decoder: None,
            tool_names: self.tool_names.take(),
            raw: None,
            joined_end: 0,
        };
        if let Err(error) = file_scan.search_own_lines(texts, (session, number), buffer) {
            tracing::debug!(path = %source.path.display(), %error, "text cannot be searched");
        }
        self.bytes += file_scan.bytes;
        (self.scores, self.tool_names) = (file_scan.scores, file_scan.tool_names);
    }

    fn search_own_lines(
        &mut self,
        texts: &dyn Texts,
        (session, number): (&str, usize),
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let indexed_bytes = self.execution.indexed_bytes(self.number);
        // In an indexed source only appended bytes are left, unless other texts may match.
        let from = if self.execution.needs_files { 0 } else { indexed_bytes };
        if !self.execution.needs_files && indexed_bytes >= self.source.stamp.size {
            return Ok(());
        }
        // Pruned bytes count as searched.
        self.bytes += self.source.stamp.size.saturating_sub(from);
        let pruned = self.execution.pruned(self.number).cloned().unwrap_or_default();
        let rest = pruned.remaining(from).into_iter().filter(|range| range.start < self.source.stamp.size);
        let is_lines = texts.layout(self.source) == RecordLayout::Lines;
        for range in rest {
            if is_lines && range.start == 0 && texts.must_convert(self.source) {
                return self.search_converted(texts, number);
            }
            let mut file = files::open(&self.source.path)?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(range.start))?;
            let reader = io::Read::take(file, range.end - range.start);
            self.search_range(texts, (session, number), reader, (range.start, indexed_bytes), buffer)?;
        }
        Ok(())
    }

    /// Searches lines whose bytes are not UTF-8.
    fn search_converted(&mut self, texts: &dyn Texts, number: usize) -> io::Result<()> {
        let (execution, source) = (self.execution, self.source);
        texts.records(source, 0, &mut |record| {
            let is_wanted = may_match(execution, record.bytes, number);
            match if is_wanted { self.decode(texts, record, number, true) } else { Ok(()) } {
                Ok(()) if !execution.cancel.is_cancelled() => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })?;
        Ok(())
    }

    fn search_range(
        &mut self,
        texts: &dyn Texts,
        (session, number): (&str, usize),
        reader: impl io::Read,
        (from, indexed_bytes): (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut blocks = LineBlocks::new(reader, from, std::mem::take(buffer));
        let mut hits = Vec::new();
        while let Some((offset, block)) = blocks.next_block()? {
            if self.execution.cancel.is_cancelled() {
                break;
            }
            self.search_block(texts, (session, number), (offset, block), indexed_bytes, &mut hits)?;
        }
        // The last line of a text may have no end; that of a transcript is a record that is being written, or a whole one.
        let (offset, rest) = blocks.remainder();
        let is_last = offset + rest.len() as u64 >= self.source.stamp.size;
        let is_text = self.is_side_text(texts);
        if is_last && !rest.is_empty() && (is_text || rest.trim_ascii_end().ends_with(b"}")) {
            self.search_block(texts, (session, number), (offset, rest), indexed_bytes, &mut hits)?;
        }
        *buffer = blocks.into_buffer();
        Ok(())
    }

    /// Searches some lines, which begin at an offset.
    fn search_block(
        &mut self,
        texts: &dyn Texts,
        (session, number): (&str, usize),
        (offset, block): (u64, &[u8]),
        indexed_bytes: u64,
        hits: &mut Vec<(usize, usize)>,
    ) -> io::Result<()> {
        let is_new = offset + block.len() as u64 > indexed_bytes;
        self.candidate_lines(block, number, is_new, hits);
        for &(start, end) in &*hits {
            // A one-letter needle may match thousands of lines.
            if self.execution.cancel.is_cancelled() {
                break;
            }
            let (mut at, line) = (offset + start as u64, &block[start..end]);
            if at < self.joined_end {
                continue;
            }
            let joined = if may_be_part(line) && !self.is_side_text(texts) {
                record_around(&files::open(&self.source.path)?, at)?
            } else {
                None
            };
            if let Some((start, bytes)) = &joined {
                (at, self.joined_end) = (*start, start + bytes.len() as u64);
            }
            let bytes = joined.as_ref().map_or(line, |(_, bytes)| bytes);
            let record = StoredRecord { session, id: "", hint: "", offset: at, bytes };
            self.decode(texts, &record, number, at >= indexed_bytes)?;
        }
        Ok(())
    }

    /// Collects the lines of a block that may match. `is_new`: its texts are not indexed.
    fn candidate_lines(&self, block: &[u8], number: usize, is_new: bool, hits: &mut Vec<(usize, usize)>) {
        hits.clear();
        let eligible = self.execution.eligible[number];
        for clause in self.execution.plan.clauses.iter().filter(|clause| eligible & (1 << clause.branch) != 0) {
            match &clause.test {
                ClauseTest::Text { prefilter: Some(prefilter), .. } => {
                    for literal in prefilter.literals() {
                        let mut from = 0;
                        while let Some(at) = literal.find_at(block, from) {
                            let line = line_at(block, at);
                            hits.push((line.start, line.end));
                            from = line.end + 1;
                        }
                    }
                }
                ClauseTest::Occurs(_) if !is_new && !clause.occurs_outside_index() => {}
                ClauseTest::Text { prefilter: None, .. } | ClauseTest::Occurs(_) => {
                    hits.clear();
                    hits.extend(lines(block).map(|(at, line)| (at, at + line.len())));
                    return;
                }
            }
        }
        hits.sort_unstable();
        hits.dedup();
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
                || eligible.get(session).is_some_and(|&number| may_match(execution, record, number))
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
        for number in execution.corpus.numbers_in(self.number) {
            if !self.range.is_wanted(number) || !self.mark_searched(number) {
                continue;
            }
            let session = &execution.corpus.sessions()[number];
            self.bytes += session.bytes;
            entry_texts::texts(session, &mut |text| self.match_text(text, text.tool, number, !is_indexed));
        }
    }

    fn decode(&mut self, texts: &dyn Texts, record: &StoredRecord<'_>, number: usize, all: bool) -> io::Result<()> {
        // Created at the first candidate, because most sources have none.
        let decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => texts.decoder(self.source)?,
        };
        if !all && self.count_raw(&decoder, record, number) {
            self.decoder = Some(decoder);
            return Ok(());
        }
        let needs_tools = self.execution.plan.needs_tool_names();
        let scope = if all { TextScope::All } else { TextScope::Unindexed };
        decoder.decode.texts(record, scope, &mut |text| {
            if needs_tools && text.tool.is_empty() && !text.call.is_empty() {
                let names = self.tool_names.get_or_insert_with(|| tool_names(texts, self.transcript));
                let tool = names.tool(text.call);
                self.match_text(text, &tool, number, all);
            } else {
                self.match_text(text, text.tool, number, all);
            }
        });
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Counts the outputs of a record without decoding it, if none of them matches or no snippet of them is wanted.
    /// Returns false if the record must be decoded.
    fn count_raw(&mut self, decoder: &SourceDecoder, record: &StoredRecord<'_>, number: usize) -> bool {
        let Some(raw) = self.raw.filter(|_| record.offset >= self.joined_end) else { return false };
        let Some(outputs) = decoder.decode.raw_outputs(record) else { return false };
        let found: Result<Vec<RawMatch>, Undecided> = outputs.iter().map(|parts| raw.find(parts)).collect();
        let Ok(mut found) = found else { return false };
        found.retain(|found| found.bits != 0);
        if found.iter().any(|found| self.would_keep_output(number, found.first)) {
            return false;
        }
        let (scores, scored) = (&mut self.scores, self.execution.scored_clauses);
        found.into_iter().for_each(|found| scores.entry(number).or_default().count_only(found.bits, false, scored));
        true
    }

    /// Returns true if a snippet of an output would be kept. `first` is its only match, if known.
    fn would_keep_output(&self, number: usize, first: Option<Match>) -> bool {
        if self.range.counted_only.is_some_and(|sessions| sessions.contains(&number)) {
            return false;
        }
        let (plan, scored) = (&self.execution.plan, self.execution.scored_clauses);
        let weight = first
            .map_or_else(|| plan.max_weight(TextKind::Output), |first| plan.weigh(scored, TextKind::Output, &[first]));
        self.scores.get(&number).is_none_or(|score| score.would_keep(false, weight))
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
                    matches.push(Match { clause: at, start: 0, boundary: 0 });
                }
                ClauseTest::Occurs(_) => {}
            }
        }
        if matches.is_empty() {
            return;
        }
        let bits = clause_bits(&matches);
        let weight = execution.plan.weigh(execution.scored_clauses, text.kind, &matches);
        let score = self.scores.entry(number).or_default();
        if score.would_keep(is_primary, weight) {
            let first = matches.iter().map(|found| found.start).min().unwrap_or_default();
            let location = EntryLocation::Entry { key: text.key, call: Arc::from(text.call) };
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

/// Returns true if a record may match in an eligible session.
fn may_match(execution: &Execution<'_>, bytes: &[u8], number: usize) -> bool {
    let eligible = execution.eligible[number];
    execution.plan.clauses.iter().filter(|clause| eligible & (1 << clause.branch) != 0).any(|clause| {
        match &clause.test {
            ClauseTest::Text { prefilter: Some(prefilter), .. } => prefilter.may_match(bytes),
            ClauseTest::Text { prefilter: None, .. } | ClauseTest::Occurs(_) => true,
        }
    })
}
