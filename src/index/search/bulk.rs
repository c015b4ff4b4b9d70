//! The second part of a search: what is not in the index, where it lies, the newest first.
//!
//! Raw bytes are searched; only records that may hold a match are decoded. In a unit of which the talk is stored,
//! only the other texts count here; what was appended since counts in full.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use super::blocks::{Blocks, line_at, lines};
use super::calls::Calls;
use super::entries;
use super::plan::Test;
use super::run::Run;
use super::snippet::snippet;
use super::tally::{At, Match, Spot, Tally, bits_of};
use crate::agent::texts::{Decoder, Layout, Record, Text, Texts, Wanted};
use crate::agent::{Unit, format};
use crate::domain::found::Place;

/// What was found in some units, by the session's number, and the bytes looked through.
pub type UnitFound = (Vec<(usize, Tally)>, u64);

/// Sessions without a find that are told of together.
const AT_ONCE: usize = 64;

/// Searches units until there are no more, sending what is found in each. The order is that of the corpus.
pub fn search(run: &Run<'_>, next: &AtomicUsize, out: &Sender<UnitFound>) {
    let mut buffer = Vec::new();
    let mut held = UnitFound::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(unit) = run.corpus.units().get(number) else { break };
        if run.cancel.is_cancelled() {
            return;
        }
        let mut hunt = Hunt { run, number, unit, tallies: HashMap::new(), bytes: 0, decoder: None, calls: None };
        // A file that vanished or cannot be read has nothing to show; the catalog tells of it.
        if let Err(error) = hunt.search(&mut buffer) {
            tracing::debug!(path = %unit.path.display(), %error, "cannot be searched");
        }
        let found = hunt.tallies.values().any(|tally| tally.found != 0);
        held.0.extend(hunt.tallies);
        held.1 += hunt.bytes;
        // What was found is told at once. Each telling wakes another thread, so the rest waits for more.
        if (found || held.0.len() >= AT_ONCE) && out.send(std::mem::take(&mut held)).is_err() {
            return;
        }
    }
    // Nobody is left to be told only where nobody wants to know any more.
    drop(out.send(held));
}

/// The search through one unit.
struct Hunt<'a> {
    run: &'a Run<'a>,
    /// The unit's number.
    number: usize,
    unit: &'a Unit,
    tallies: HashMap<usize, Tally>,
    bytes: u64,
    decoder: Option<Decoder>,
    calls: Option<Calls>,
}

impl Hunt<'_> {
    fn search(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let Some(texts) = format(self.unit.agent).search() else {
            self.search_entries();
            return Ok(());
        };
        match texts.layout(self.unit) {
            Layout::Nothing => Ok(()),
            Layout::Lines => self.search_lines(texts, buffer),
            Layout::Records => self.search_records(texts),
        }
    }

    /// Whether a session is open to the query; it counts as looked at then.
    fn open(&mut self, number: usize) -> bool {
        let open = self.run.open[number] != 0;
        if open {
            self.tallies.entry(number).or_default().all = true;
        }
        open
    }

    fn search_lines(&mut self, texts: &dyn Texts, buffer: &mut Vec<u8>) -> io::Result<()> {
        // Sub-agents of early versions stand in their parent's file; what is found of them is found there.
        let (run, sessions) = (self.run, self.run.corpus.sessions());
        let numbers = run.corpus.numbers_in(self.number);
        let number = numbers.min_by_key(|&number| sessions[number].flags.subagent);
        let Some(number) = number.filter(|&number| self.open(number)) else { return Ok(()) };
        let session = &*sessions[number].key.id;
        let stored = run.stored(self.number);
        // Where the talk is stored and nothing else can matter, only what was appended is looked at.
        let from = if self.run.bulk { 0 } else { stored };
        if !self.run.bulk && stored >= self.unit.stamp.size {
            return Ok(());
        }
        // What its letters rule out counts as looked at.
        self.bytes += self.unit.stamp.size.saturating_sub(from);
        let ruled = self.run.ruled(self.number).cloned().unwrap_or_default();
        let rest = ruled.rest(from).into_iter().filter(|range| range.start < self.unit.stamp.size);
        for range in rest {
            let mut file = File::open(&self.unit.path)?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(range.start))?;
            let part = io::Read::take(file, range.end - range.start);
            self.search_part(texts, (session, number), part, (range.start, stored), buffer)?;
        }
        Ok(())
    }

    fn search_part(
        &mut self,
        texts: &dyn Texts,
        (session, number): (&str, usize),
        part: impl io::Read,
        (from, stored): (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut blocks = Blocks::new(part, from, std::mem::take(buffer));
        let mut hits = Vec::new();
        while let Some((offset, block)) = blocks.next_block()? {
            if self.run.cancel.is_cancelled() {
                break;
            }
            let fresh = offset + block.len() as u64 > stored;
            self.hit_lines(block, number, fresh, &mut hits);
            for &(start, end) in &hits {
                // Of one letter there may be thousands.
                if self.run.cancel.is_cancelled() {
                    break;
                }
                let at = offset + start as u64;
                let record = Record { session, id: "", hint: "", offset: at, bytes: &block[start..end] };
                self.decode(texts, &record, number, at >= stored)?;
            }
        }
        *buffer = blocks.into_buffer();
        Ok(())
    }

    /// The lines of a block that may hold a match. `fresh`: their talk is not stored.
    fn hit_lines(&self, block: &[u8], number: usize, fresh: bool, hits: &mut Vec<(usize, usize)>) {
        hits.clear();
        let open = self.run.open[number];
        for probe in self.run.plan.probes.iter().filter(|probe| open & (1 << probe.branch) != 0) {
            match &probe.test {
                Test::Text { raw: Some(raw), .. } => {
                    for atom in raw.atoms() {
                        let mut from = 0;
                        while let Some(at) = atom.find_at(block, from) {
                            let line = line_at(block, at);
                            hits.push((line.start, line.end));
                            from = line.end + 1;
                        }
                    }
                }
                Test::Occurs(_) if !fresh && !probe.occurs_in_bulk() => {}
                Test::Text { raw: None, .. } | Test::Occurs(_) => {
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
        let known = self.run.is_stored(self.number);
        if known && !self.run.bulk {
            return Ok(());
        }
        if self.is_ruled_out() {
            return Ok(());
        }
        let unit = self.unit;
        let open = self.open_sessions();
        if open.is_empty() {
            return Ok(());
        }
        let mut bytes = 0;
        let run = self.run;
        let mut wanted = |session: &str, record: &[u8]| {
            bytes += record.len() as u64;
            run.cancel.is_cancelled() || open.get(session).is_some_and(|&number| may_match(run, record, number))
        };
        texts.sift(unit, &mut wanted, &mut |record| {
            if self.run.cancel.is_cancelled() {
                return ControlFlow::Break(());
            }
            let Some(&number) = open.get(record.session) else { return ControlFlow::Continue(()) };
            match self.decode(texts, record, number, !known) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        self.bytes += bytes;
        Ok(())
    }

    /// Whether the letters of a unit that is read as a whole rule it out; then its sessions count as looked at.
    fn is_ruled_out(&mut self) -> bool {
        let run = self.run;
        let ruled_out = run.ruled(self.number).is_some_and(|ruled| ruled.is_out(0));
        if ruled_out {
            for number in run.corpus.numbers_in(self.number) {
                self.open(number);
            }
            self.bytes += self.unit.stamp.size;
        }
        ruled_out
    }

    /// The unit's sessions that are open to the query; they count as looked at.
    fn open_sessions(&mut self) -> HashMap<Arc<str>, usize> {
        let run = self.run;
        let numbers = run.corpus.numbers_in(self.number).filter(|&number| self.open(number));
        numbers.map(|number| (run.corpus.sessions()[number].key.id.clone(), number)).collect()
    }

    fn search_entries(&mut self) {
        let known = self.run.is_stored(self.number);
        if known && !self.run.bulk {
            return;
        }
        if self.is_ruled_out() {
            return;
        }
        let run = self.run;
        for number in run.corpus.numbers_in(self.number) {
            if !self.open(number) {
                continue;
            }
            let session = &run.corpus.sessions()[number];
            self.bytes += session.bytes;
            entries::texts(session, &mut |text| self.take(text, text.tool, number, !known));
        }
    }

    fn decode(&mut self, texts: &dyn Texts, record: &Record<'_>, number: usize, all: bool) -> io::Result<()> {
        // Made when there is something to decode: most units have nothing.
        let decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => texts.decoder(self.unit)?,
        };
        let asks = self.run.plan.asks_for_tools();
        decoder.decode.texts(record, Wanted::All, &mut |text| {
            if asks && text.tool.is_empty() && !text.call.is_empty() {
                let calls = self.calls.get_or_insert_with(|| Calls::new(texts, &decoder, self.unit));
                let tool = calls.tool(text.call);
                self.take(text, &tool, number, all);
            } else {
                self.take(text, text.tool, number, all);
            }
        });
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Looks at a text. `all`: talk counts too, not being stored.
    fn take(&mut self, text: &Text<'_>, tool: &str, number: usize, all: bool) {
        if !all && text.part.is_talk(text.text) {
            return;
        }
        let run = self.run;
        if run.is_title(number, text.part, text.text.as_bytes()) {
            return;
        }
        let mut matches: Vec<Match> = Vec::new();
        for (at, probe) in run.plan.probes.iter().enumerate() {
            if !run.plan.admits(probe, run.open[number], text.part, tool) {
                continue;
            }
            match &probe.test {
                Test::Text { matcher, .. } => {
                    matches
                        .extend(matcher.find_at(text.text, 0).map(|range| Match::new(at, text.text.as_bytes(), range)));
                }
                Test::Occurs(_) if probe.occurs(text.part, tool, text.text) => {
                    matches.push(Match { probe: at, start: 0, stands: 0 });
                }
                Test::Occurs(_) => {}
            }
        }
        if matches.is_empty() {
            return;
        }
        let bits = bits_of(&matches);
        let weight = run.plan.weigh(run.counted, text.part, &matches);
        let tally = self.tallies.entry(number).or_default();
        if tally.keeps(weight) {
            let first = matches.iter().map(|found| found.start).min().unwrap_or_default();
            let place = Place::Entry { key: text.key, call: Arc::from(text.call) };
            let shown = snippet(&run.plan, bits, text.part, place, text.text, first, run.context);
            tally.add(Spot { bits, weight, at: At::File(Box::new(shown)) }, run.counted);
        } else {
            tally.pass(bits, run.counted);
        }
    }
}

/// Whether a record may hold what is sought in an open session.
fn may_match(run: &Run<'_>, bytes: &[u8], number: usize) -> bool {
    let open = run.open[number];
    run.plan.probes.iter().filter(|probe| open & (1 << probe.branch) != 0).any(|probe| match &probe.test {
        Test::Text { raw: Some(raw), .. } => raw.may_be_in(bytes),
        Test::Text { raw: None, .. } | Test::Occurs(_) => true,
    })
}
