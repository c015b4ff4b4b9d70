//! One search: first the stored talk, then the rest in place, told as it is found.

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::build::threads;
use super::corpus::Corpus;
use super::plan::{Plan, Test};
use super::ruled::{Ruled, lacking, rule_out};
use super::small::Kept;
use super::snippet::{Context, first, snippet};
use super::standing::Standing;
use super::store::{Buffer, View};
use super::talk::Talk;
use super::tally::{At, Match, Spot, Tally, bits_of};
use super::typed::{Last, Typed, is_simple};
use super::{Cancel, Request, bulk, talk};
use crate::domain::found::{Found, Hit, Place, Reach, Snippet};
use crate::domain::query::{Part, Query};

/// How much of the talk is looked through before the first news: some milliseconds' worth, in bytes.
const GLANCE: usize = 8 << 20;

/// What all parts of a search share.
#[derive(Debug)]
pub struct Run<'a> {
    /// What is looked for.
    pub plan: Plan,
    /// Where.
    pub corpus: &'a Corpus,
    /// The stored talk.
    pub view: Arc<View>,
    /// What of it counts.
    pub standing: Arc<Standing>,
    /// What need not be looked at.
    pub small: Arc<Kept>,
    /// Whether anybody still wants the answer.
    pub cancel: &'a Cancel,
    /// For each session the alternatives that it may fulfil.
    pub open: Vec<u64>,
    /// Bits of the needles that are wanted.
    pub counted: u64,
    /// What the last query found, where this one was typed from it.
    pub last: Option<Arc<Last>>,
    /// Texts outside of the index matter.
    pub bulk: bool,
    /// How much is shown around a match.
    pub context: Context,
    /// What is read of the store is held for the next search.
    pub hold: bool,
    /// How many threads search.
    pub threads: usize,
    /// For each unit what of it cannot hold anything, by its letters; nothing for units beyond.
    pub ruled_out: OnceLock<Vec<Ruled>>,
    /// Units of which something is stored that cannot be read, to be looked for in their files.
    pub unreadable: Mutex<HashSet<usize>>,
}

impl Run<'_> {
    /// How far the talk of a unit of lines is stored, and can be read.
    pub fn stored(&self, unit: usize) -> u64 {
        if self.is_unreadable(unit) { 0 } else { self.standing.unit(unit).stored }
    }

    /// Whether the talk of a unit is stored as it is now, and can be read.
    pub fn is_stored(&self, unit: usize) -> bool {
        self.standing.unit(unit).is_stored && !self.is_unreadable(unit)
    }

    /// How many sessions may fulfil the query, by what is known without their texts.
    fn open_sessions(&self) -> usize {
        self.open.iter().filter(|open| **open != 0).count()
    }

    fn is_unreadable(&self, unit: usize) -> bool {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).contains(&unit)
    }

    /// What of a unit cannot hold anything.
    pub fn ruled(&self, unit: usize) -> Option<&Ruled> {
        self.ruled_out.get()?.get(unit)
    }

    /// Whether a text is the session's present title, which is looked at by itself: a transcript may tell it often.
    pub fn is_title(&self, session: usize, part: Part, text: &[u8]) -> bool {
        part == Part::Title && self.corpus.sessions()[session].title.text.as_bytes() == text
    }
}

/// Searches, telling what is found as it is found; the last news say that everything was looked at. Gives whether
/// anything was found.
pub fn search(
    request: &Request<'_>,
    query: &Query,
    view: Arc<View>,
    small: Arc<Kept>,
    typed: &Typed,
    cancel: &Cancel,
    sink: &mut dyn FnMut(Found),
) -> bool {
    let plan = Plan::new(query);
    let sessions = request.corpus.sessions();
    let open: Vec<u64> = sessions.iter().map(|session| plan.alternatives(session, &request.facts(session))).collect();
    let moment = view.moment();
    let last = if is_simple(&plan) { typed.last(moment, &open) } else { None };
    let (counted, bulk) = (plan.counted(), plan.needs_bulk());
    let Request { corpus, context, hold, .. } = *request;
    let run = Run {
        plan,
        corpus,
        standing: typed.standing(&view, corpus),
        view,
        small,
        cancel,
        open,
        counted,
        last,
        bulk,
        context,
        threads: threads(),
        hold,
        ruled_out: OnceLock::new(),
        unreadable: Mutex::default(),
    };
    let mut gathering = Gathering { run: &run, request, tallies: vec![None; sessions.len()], reach: Reach::default() };
    let lacking = std::thread::scope(|scope| {
        let lacking = scope.spawn(|| lacking(&run));
        gathering.begin();
        // A panic was told where it happened; then nothing is ruled out.
        lacking.join().unwrap_or_default()
    });
    let ruled_out = rule_out(&run, lacking, |number| gathering.tallies[number].as_ref().map_or(0, |tally| tally.found));
    // It is set once only.
    drop(run.ruled_out.set(ruled_out));
    let mut found = false;
    if run.plan.reads_texts() {
        let mut talk = Talk::new(&run);
        // Who types sees the newest at once.
        let mut work = if run.hold { GLANCE } else { usize::MAX };
        loop {
            gathering.take_talk(talk.go_on(work));
            if cancel.is_cancelled() {
                return false;
            }
            if talk.is_through() {
                break;
            }
            found |= gathering.tell_all(sink);
            work = usize::MAX;
        }
        // Only who searches again and again has use for it.
        if run.hold {
            typed.remember(&run.plan, moment, run.open.clone(), talk.places(), talk.spots);
        }
    }
    gathering.reach.talk = true;
    if !run.plan.reads_texts() {
        (gathering.reach.complete, gathering.reach.sessions) = (true, run.open_sessions());
    }
    found |= gathering.tell_all(sink);
    if run.plan.reads_texts() {
        found |= gathering.search_files(sink);
    }
    found
}

/// What was found so far, and what was told of it.
struct Gathering<'a> {
    run: &'a Run<'a>,
    request: &'a Request<'a>,
    tallies: Vec<Option<Tally>>,
    reach: Reach,
}

impl Gathering<'_> {
    /// What is known without any text: titles, and what the session itself fulfils.
    fn begin(&mut self) {
        let run = self.run;
        for (number, session) in run.corpus.sessions().iter().enumerate().filter(|(number, _)| run.open[*number] != 0) {
            let mut tally = Tally { found: run.plan.given(session, &self.request.facts(session)), ..Tally::default() };
            let title = &*session.title.text;
            let matches: Vec<Match> = (0..run.plan.probes.len())
                .filter(|&at| run.plan.admits(&run.plan.probes[at], run.open[number], Part::Title, ""))
                .filter_map(|at| {
                    let Test::Text { matcher, .. } = &run.plan.probes[at].test else { return None };
                    matcher.find_near(title.as_bytes(), 0).map(|range| Match::new(at, title.as_bytes(), range))
                })
                .collect();
            if !matches.is_empty() {
                let weight = run.plan.weigh(run.counted, Part::Title, &matches);
                tally.add(Spot { bits: bits_of(&matches), weight, at: At::Title }, run.counted);
            }
            self.tallies[number] = Some(tally);
        }
    }

    fn take_talk(&mut self, found: talk::Share) {
        self.reach.bytes += found.bytes;
        for (number, tally) in found.tallies {
            if let Some(mine) = &mut self.tallies[number] {
                mine.merge(tally, self.run.counted);
            }
        }
    }

    fn is_fulfilled(&self, number: usize, tally: &Tally) -> bool {
        let all = tally.all || !self.run.plan.reads_texts();
        (0u64..)
            .zip(&self.run.plan.branches)
            .any(|(at, branch)| self.run.open[number] & (1 << at) != 0 && branch.fulfilled(tally.found, all))
    }

    /// Tells of all sessions that fulfil the query so far. Snippets are cut for the best ones only.
    fn tell_all(&self, sink: &mut dyn FnMut(Found)) -> bool {
        let fulfilled = self.tallies.iter().enumerate().filter_map(|(number, tally)| {
            let tally = tally.as_ref().filter(|tally| self.is_fulfilled(number, tally))?;
            Some((number, self.hit(number, tally)))
        });
        let mut hits: Vec<(usize, Hit)> = fulfilled.collect();
        hits.sort_by(|a, b| self.request.order.compare(&a.1, &b.1));
        for (number, hit) in hits.iter_mut().take(self.request.detailed) {
            hit.snippets = self.snippets(*number);
        }
        let found = !hits.is_empty();
        sink(Found { hits: hits.into_iter().map(|(_, hit)| hit).collect(), reach: self.reach, instead: Vec::new() });
        found
    }

    fn hit(&self, number: usize, tally: &Tally) -> Hit {
        let session = self.run.corpus.sessions()[number].clone();
        let score = tally.score(&session, self.request.now);
        Hit { session, score, count: tally.count, snippets: Vec::new() }
    }

    /// Searches the files, telling of each session when all of it was looked at.
    fn search_files(&mut self, sink: &mut dyn FnMut(Found)) -> bool {
        let run = self.run;
        let next = AtomicUsize::new(0);
        let mut any = false;
        std::thread::scope(|scope| {
            let (sender, found) = channel();
            for _ in 0..run.threads {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || bulk::search(run, next, &sender));
            }
            drop(sender);
            while let Ok(first) = found.recv() {
                // Whatever came meanwhile is told with it.
                let waiting: Vec<_> = std::iter::once(first).chain(found.try_iter()).collect();
                any |= self.take_files(waiting, sink);
            }
        });
        self.reach.complete = !run.cancel.is_cancelled();
        if self.reach.complete {
            self.reach.sessions = self.run.open_sessions();
            sink(Found { reach: self.reach, ..Found::default() });
        }
        any
    }

    fn take_files(&mut self, found: Vec<bulk::UnitFound>, sink: &mut dyn FnMut(Found)) -> bool {
        let mut changed = HashSet::new();
        let waits = self.run.plan.branches.iter().any(|branch| branch.unwanted != 0);
        for (tallies, bytes) in found {
            self.reach.bytes += bytes;
            for (number, tally) in tallies {
                let Some(mine) = &mut self.tallies[number] else { continue };
                let before = (mine.found, mine.count);
                self.reach.sessions += usize::from(tally.all && !mine.all);
                mine.merge(tally, self.run.counted);
                if waits || before != (mine.found, mine.count) {
                    changed.insert(number);
                }
            }
        }
        let hits: Vec<Hit> = changed
            .into_iter()
            .filter_map(|number| {
                let tally = self.tallies[number].as_ref().filter(|tally| self.is_fulfilled(number, tally))?;
                Some(Hit { snippets: self.snippets(number), ..self.hit(number, tally) })
            })
            .collect();
        if hits.is_empty() {
            return false;
        }
        sink(Found { hits, reach: self.reach, instead: Vec::new() });
        true
    }

    fn snippets(&self, number: usize) -> Vec<Snippet> {
        let Some(tally) = &self.tallies[number] else { return Vec::new() };
        let mut buffer = Buffer::default();
        tally.best.iter().filter_map(|spot| self.snippet(number, spot, &mut buffer)).collect()
    }

    fn snippet(&self, number: usize, spot: &Spot, buffer: &mut Buffer) -> Option<Snippet> {
        let run = self.run;
        let cut = |part, place, text: &str| {
            let at = first(&run.plan, spot.bits, text);
            snippet(&run.plan, spot.bits, part, place, text, at, run.context)
        };
        match &spot.at {
            At::File(shown) => Some(Snippet::clone(shown)),
            At::Title => Some(cut(Part::Title, Place::Title, &run.corpus.sessions()[number].title.text)),
            At::Stored { batch, entry } => {
                let block = run.view.read(batch, buffer).ok()?;
                let entry = block.entry(*entry);
                let text = String::from_utf8_lossy(block.text_of(&entry));
                Some(cut(entry.part, Place::Entry { key: entry.key, call: "".into() }, &text))
            }
        }
    }
}
