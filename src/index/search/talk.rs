//! The first part of a search: the stored talk, all of it at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use super::plan::Test;
use super::run::Run;
use super::standing::Placed;
use super::store::{Batch, Block, Buffer, Entry};
use super::tally::{At, Match, Spot, Tally, bits_of};
use super::typed::{Known, Spots};
use crate::domain::query::Matcher;

/// A search through the stored talk, the newest units first, in as many goes as it takes.
#[derive(Debug)]
pub struct Talk<'a> {
    run: &'a Run<'a>,
    /// For each probe what the last query tells of its places.
    known: Vec<Option<Known<'a>>>,
    /// The next batch.
    next: AtomicUsize,
    /// For each probe and each batch its places, as far as it was looked at.
    pub spots: Vec<Vec<Spots>>,
}

/// What a go, or a thread's part in it, found.
#[derive(Default)]
pub struct Share {
    /// By the session's number.
    pub tallies: HashMap<usize, Tally>,
    /// Bytes looked through.
    pub bytes: u64,
    /// The batch's number, and for each probe its places there.
    spots: Vec<(usize, Vec<Spots>)>,
}

/// What looking at a text that matches costs, as bytes that are looked through meanwhile.
const PER_MATCH: usize = 512;

impl<'a> Talk<'a> {
    /// Through the talk of all sessions that are open to the query.
    pub fn new(run: &'a Run<'a>) -> Self {
        let batches = run.standing.batches.len();
        let spots = vec![vec![None; batches]; run.plan.probes.len()];
        Self { run, known: known(run, &places(run)), next: AtomicUsize::new(0), spots }
    }

    /// Where the batches lie, in order.
    pub fn places(&self) -> Vec<u64> {
        places(self.run)
    }

    /// Everything was looked at.
    pub fn is_through(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.run.standing.batches.len() || self.run.cancel.is_cancelled()
    }

    /// Goes on, until it is through or about so much work is done, in bytes looked through.
    pub fn go_on(&mut self, work: usize) -> Share {
        let done = AtomicUsize::new(0);
        let mut all = Share::default();
        std::thread::scope(|scope| {
            let part = || self.share(&done, work);
            let others: Vec<_> = (1..self.run.threads).map(|_| scope.spawn(part)).collect();
            let mine = part();
            // A thread that panicked has nothing to add; the panic was told where it happened.
            for share in others.into_iter().map(|other| other.join().unwrap_or_default()).chain([mine]) {
                all.bytes += share.bytes;
                all.spots.extend(share.spots);
                for (session, tally) in share.tallies {
                    all.tallies.entry(session).or_default().merge(tally, self.run.counted);
                }
            }
        });
        for (batch, of_probes) in all.spots.drain(..) {
            for (probe, spots) in of_probes.into_iter().enumerate() {
                self.spots[probe][batch] = spots;
            }
        }
        all
    }

    /// What one thread does of it.
    fn share(&self, done: &AtomicUsize, work: usize) -> Share {
        let mut share = Share::default();
        let mut buffer = Buffer::default();
        while done.load(Ordering::Relaxed) < work && !self.run.cancel.is_cancelled() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = self.run.standing.batches.get(number) else { break };
            if batch.sessions.iter().flatten().any(|&session| self.run.open[session] != 0) {
                share.bytes += batch.batch.shape.text as u64;
            }
            // What cannot be found need not be read.
            if !self.run.ruled(batch.unit).is_some_and(|ruled| ruled.is_out(batch.batch.cursor.offset)) {
                let looked = search_batch(self.run, batch, (number, &self.known), &mut buffer, &mut share);
                done.fetch_add(looked, Ordering::Relaxed);
            }
        }
        share
    }
}

fn places(run: &Run<'_>) -> Vec<u64> {
    run.standing.batches.iter().map(|placed| placed.batch.at).collect()
}

/// For each probe what the last query tells of its places.
fn known<'a>(run: &'a Run<'_>, batches: &[u64]) -> Vec<Option<Known<'a>>> {
    let of = |probe: &super::plan::Probe| match &probe.test {
        Test::Text { matcher, apart: false, .. } => run.last.as_ref()?.known(matcher, batches),
        Test::Text { .. } | Test::Occurs(_) => None,
    };
    run.plan.probes.iter().map(of).collect()
}

/// Looks for all probes in a batch. Gives about how much work that was, in bytes looked through.
fn search_batch(
    run: &Run<'_>,
    placed: &Placed,
    (number, known): (usize, &[Option<Known<'_>>]),
    buffer: &mut Buffer,
    share: &mut Share,
) -> usize {
    // Where nothing was, nothing is.
    let spots = |known: &Option<Known<'_>>| known.as_ref()?.spots().get(number)?.as_ref().map(|spots| spots.len());
    let nowhere = || vec![Some(Arc::from([])); known.len()];
    if known.iter().all(|known| spots(known) == Some(0)) {
        share.spots.push((number, nowhere()));
        return 0;
    }
    let batch = &placed.batch;
    let open = |session: &Option<usize>| session.filter(|&session| run.open[session] != 0);
    let sessions: Vec<Option<usize>> = placed.sessions.iter().map(open).collect();
    if sessions.iter().all(Option::is_none) {
        share.spots.push((number, nowhere()));
        return 0;
    }
    let hold = run.hold && placed.may_stay;
    let read = if hold { run.view.hold(batch, buffer) } else { run.view.read(batch, buffer) };
    // What cannot be read (it is damaged, or the store was begun anew) is in the files still.
    let Ok(block) = read else {
        run.unreadable.lock().unwrap_or_else(PoisonError::into_inner).insert(placed.unit);
        return 0;
    };
    let tools = block.tools();
    let mut of_probes = Vec::with_capacity(known.len());
    let mut looked = 0;
    for (at, known) in known.iter().enumerate() {
        let before = known.as_ref().and_then(|known| known.spots().get(number)?.as_ref());
        looked += before.map_or(block.text.len(), |spots| spots.len() * PER_MATCH / 2);
        let place = Place { run, block, sessions: &sessions, tools: &tools };
        of_probes.push(match (known, before) {
            (Some(Known::Same(_)), Some(spots)) => renumbered(spots, at),
            (Some(Known::Behind(_)), Some(spots)) => place.among(at, spots, |found| found.start),
            (Some(Known::Within(_)), Some(spots)) => place.among(at, spots, |_| 0),
            (Some(_), None) | (None, _) => place.everywhere(at).into(),
        });
    }
    add_up(run, batch, block, &sessions, &of_probes, share);
    looked += of_probes.iter().map(|spots| spots.len() * PER_MATCH).sum::<usize>();
    share.spots.push((number, of_probes.into_iter().map(Some).collect()));
    looked
}

/// The same places, of a probe that may have another number now.
fn renumbered(spots: &Arc<[(u32, Match)]>, probe: usize) -> Arc<[(u32, Match)]> {
    match spots.first() {
        Some((_, first)) if first.probe != probe => {
            spots.iter().map(|(entry, found)| (*entry, Match { probe, ..*found })).collect()
        }
        Some(_) | None => spots.clone(),
    }
}

/// Adds what was found to the tallies of the sessions.
fn add_up(
    run: &Run<'_>,
    batch: &Arc<Batch>,
    block: Block<'_>,
    sessions: &[Option<usize>],
    of_probes: &[Arc<[(u32, Match)]>],
    share: &mut Share,
) {
    let joined: Vec<(u32, Match)>;
    let found = match of_probes {
        [only] => &**only,
        several => {
            let mut all: Vec<(u32, Match)> = several.iter().flat_map(|spots| spots.iter().copied()).collect();
            all.sort_by_key(|(entry, _)| *entry);
            joined = all;
            &joined
        }
    };
    let mut tallies: Vec<Option<Tally>> = vec![None; sessions.len()];
    let mut matches = Vec::new();
    for of_entry in found.chunk_by(|a, b| a.0 == b.0) {
        let number = of_entry[0].0 as usize;
        let entry = block.entry(number);
        let Some(session) = sessions.get(entry.session).copied().flatten() else { continue };
        if run.is_title(session, entry.part, block.text_of(&entry)) {
            continue;
        }
        matches.clear();
        matches.extend(of_entry.iter().map(|(_, found)| *found));
        let bits = bits_of(&matches);
        let weight = run.plan.weigh(run.counted, entry.part, &matches);
        let tally = tallies[entry.session].get_or_insert_default();
        if tally.keeps(weight) {
            tally.add(Spot { bits, weight, at: At::Stored { batch: batch.clone(), entry: number } }, run.counted);
        } else {
            tally.pass(bits, run.counted);
        }
    }
    for (tally, session) in tallies.into_iter().zip(sessions) {
        if let (Some(tally), Some(session)) = (tally, session) {
            share.tallies.entry(*session).or_default().merge(tally, run.counted);
        }
    }
}

/// Where a probe is looked for.
struct Place<'a> {
    run: &'a Run<'a>,
    block: Block<'a>,
    sessions: &'a [Option<usize>],
    tools: &'a [&'a str],
}

impl Place<'_> {
    /// Where a needle is found, being in no texts but some, and there not before a place.
    fn among(&self, at: usize, texts: &[(u32, Match)], from: impl Fn(&Match) -> usize) -> Arc<[(u32, Match)]> {
        let Test::Text { matcher, .. } = &self.run.plan.probes[at].test else { return Arc::from([]) };
        let found = texts.iter().filter_map(|(number, found)| {
            let entry = self.block.entry(*number as usize);
            let text = self.block.text_of(&entry);
            let range = self.admits(at, &entry).then(|| matcher.find_near(text, from(found)))??;
            Some((*number, Match::new(at, text, range)))
        });
        found.collect()
    }

    /// Where one probe is found: the first place in each text.
    fn everywhere(&self, at: usize) -> Vec<(u32, Match)> {
        let probe = &self.run.plan.probes[at];
        let entries = (0..index(self.block.count())).map(|number| (number, self.block.entry(number as usize)));
        let entries = entries.filter(|(_, entry)| self.admits(at, entry));
        match &probe.test {
            Test::Text { matcher, apart: false, .. } => self.whole(at, matcher),
            Test::Text { matcher, apart: true, .. } => {
                let find = |text| Some(Match::new(at, text, matcher.find_in(text, 0)?));
                entries.filter_map(|(number, entry)| Some((number, find(self.block.text_of(&entry))?))).collect()
            }
            Test::Occurs(_) => {
                let occurs = |entry: &Entry| {
                    let text = String::from_utf8_lossy(self.block.text_of(entry));
                    probe.occurs(entry.part, self.tool(entry), &text)
                };
                let found = entries.filter(|(_, entry)| occurs(entry));
                found.map(|(number, _)| (number, Match { probe: at, start: 0, stands: 0 })).collect()
            }
        }
    }

    /// In all texts at once.
    fn whole(&self, at: usize, matcher: &Matcher) -> Vec<(u32, Match)> {
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

    fn tool(&self, entry: &Entry) -> &str {
        self.tools.get(entry.tool).copied().unwrap_or_default()
    }

    fn admits(&self, at: usize, entry: &Entry) -> bool {
        let Self { run, .. } = self;
        let open = self.sessions.get(entry.session).copied().flatten().map_or(0, |session| run.open[session]);
        run.plan.admits(&run.plan.probes[at], open, entry.part, self.tool(entry))
    }
}

/// The number of a text; no batch holds more than fit.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
