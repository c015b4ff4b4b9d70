//! File scan of sources of lines: candidate lines are found in raw blocks, and only their records are decoded.

use std::io;
use std::ops::ControlFlow;

use super::super::line_blocks::{LineBlocks, line_at, lines};
use super::super::line_records::{LineRecord, RecordFinder, may_be_part};
use super::super::plan::ClauseTest;
use super::{FileScan, may_match};
use crate::agent::texts::{RecordLayout, StoredRecord, Texts};
use crate::stdx::{files, json_record, utf16};

impl FileScan<'_> {
    /// True for a text beside a transcript.
    fn is_side_text(&self, texts: &dyn Texts) -> bool {
        texts.layout(self.source) == RecordLayout::SideText
    }

    /// Searches a transcript, and the texts of its session in files of their own.
    pub(super) fn search_lines(&mut self, texts: &dyn Texts, buffer: &mut Vec<u8>) -> io::Result<()> {
        let (execution, sessions) = (self.execution, self.execution.corpus.sessions());
        let numbers = || execution.corpus.numbers_in(self.number);
        // In early versions a parent's file contains its sub-agents.
        let Some(number) = numbers().min_by_key(|&number| sessions[number].flags.subagent) else { return Ok(()) };
        self.eligible = numbers().fold(0, |bits, number| bits | execution.eligible[number]);
        for number in numbers() {
            self.mark_searched(number);
        }
        if self.eligible == 0 {
            return Ok(());
        }
        let session = &*sessions[number].key.id;
        self.search_own_lines(texts, (session, number), buffer)?;
        if execution.needs_files && execution.eligible[number] != 0 {
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
            records: RecordFinder::new(&source.path),
            joined_end: 0,
            eligible: self.execution.eligible[number],
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
        let layout = texts.layout(self.source);
        let is_lines = layout == RecordLayout::Lines;
        let mut opened = None;
        for range in rest {
            if is_lines && range.start == 0 && texts.must_convert(self.source) {
                return self.search_converted(texts, number);
            }
            let mut file = match &opened {
                Some(file) => file,
                None => opened.insert(files::open(&self.source.path)?),
            };
            let is_side_text = layout == RecordLayout::SideText;
            if is_side_text && range.start == 0 && utf16::byte_order(file).is_some() {
                return self.search_converted(texts, number);
            }
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
            let is_wanted = may_match(execution, record.bytes, self.eligible);
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
        if is_last && !rest.is_empty() && (is_text || matches!(rest.trim_ascii_end().last(), Some(b'}' | b']'))) {
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
        self.candidate_lines(block, is_new, hits);
        split_at_returns(block, hits);
        for &(start, end) in &*hits {
            // A one-letter needle may match thousands of lines.
            if self.execution.cancel.is_cancelled() {
                break;
            }
            let (mut at, line) = (offset + start as u64, &block[start..end]);
            if at < self.joined_end {
                continue;
            }
            let found = if may_be_part(block, start, end) && !self.is_side_text(texts) {
                self.records.around(at)?
            } else {
                LineRecord::Line
            };
            let bytes = match &found {
                LineRecord::Open(_, bytes) if !json_record::is_multiline_record(bytes) => line,
                LineRecord::Line => line,
                LineRecord::Joined(start, bytes) | LineRecord::Open(start, bytes) => {
                    (at, self.joined_end) = (*start, start + bytes.len() as u64);
                    bytes
                }
            };
            // A record of several lines may have begun before the end of the index.
            let is_new = at + bytes.len() as u64 > indexed_bytes;
            let record = StoredRecord { session, id: "", hint: "", offset: at, bytes };
            self.decode(texts, &record, number, is_new)?;
        }
        Ok(())
    }

    /// Collects the lines of a block that may match. `is_new`: its texts are not indexed.
    fn candidate_lines(&self, block: &[u8], is_new: bool, hits: &mut Vec<(usize, usize)>) {
        hits.clear();
        for clause in self.execution.plan.clauses.iter().filter(|clause| self.eligible & (1 << clause.branch) != 0) {
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
}

/// Splits candidates that are several lines, between which a file of an old system has only carriage returns.
fn split_at_returns(block: &[u8], hits: &mut Vec<(usize, usize)>) {
    let is_several = |&(start, end): &(usize, usize)| json_record::line_end(&block[start..end], 0).is_some();
    if !hits.iter().any(is_several) {
        return;
    }
    let mut lines = Vec::new();
    for (mut start, end) in hits.drain(..) {
        while let Some(len) = json_record::line_end(&block[start..end], 0) {
            lines.push((start, start + len));
            start += len + 1;
        }
        lines.push((start, end));
    }
    *hits = lines;
}
