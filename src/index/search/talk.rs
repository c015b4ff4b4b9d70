//! The first part of a search: the stored talk, all of it at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::plan::Test;
use super::run::Run;
use super::store::{Batch, Live};
use super::tally::{At, Match, Spot, Tally, bits_of};
use crate::domain::SessionKey;

/// What was found, by the session's number, and the bytes looked through.
#[derive(Debug, Default)]
pub struct Talk {
    /// By the session's number.
    pub tallies: HashMap<usize, Tally>,
    /// Bytes looked through.
    pub bytes: u64,
    /// For each batch the bits of the probes that it holds.
    pub held: Vec<u64>,
}

/// Searches the stored talk of all sessions that are open to the query.
pub fn search(run: &Run<'_>) -> Talk {
    let batches: Vec<&Live> = run.view.live().filter(|live| run.is_valid(&live.batch)).collect();
    let candidates = candidates(run);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut talk = Talk { held: vec![0; batches.len()], ..Talk::default() };
        let mut buffer = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(live) = batches.get(number).filter(|_| !run.cancel.is_cancelled()) else { break };
            let may_hold = |held: Option<&[bool]>| held.is_none_or(|held| held.get(number).copied().unwrap_or(true));
            let probes = (0u64..).zip(&candidates).filter(|(_, held)| may_hold(**held)).map(|(at, _)| 1 << at).sum();
            if probes != 0 {
                talk.held[number] = search_batch(run, live, probes, &mut buffer, &mut talk);
            }
            talk.bytes += live.batch.len as u64;
        }
        talk
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..run.threads).map(|_| scope.spawn(work)).collect();
        let mut talk = work();
        for other in others {
            // A thread that panicked has nothing to add; the panic was told where it happened.
            let other = other.join().unwrap_or_default();
            talk.bytes += other.bytes;
            for (session, tally) in other.tallies {
                talk.tallies.entry(session).or_default().merge(tally, run.counted);
            }
            for (mine, others) in talk.held.iter_mut().zip(other.held) {
                *mine |= others;
            }
        }
        talk
    })
}

/// For each probe the batches that may hold it; `None`: all.
fn candidates<'a>(run: &'a Run<'_>) -> Vec<Option<&'a [bool]>> {
    let of = |probe: &super::plan::Probe| match &probe.test {
        Test::Text { matcher, apart: false, .. } => run.last.as_ref()?.candidates(matcher),
        Test::Text { .. } | Test::Occurs(_) => None,
    };
    run.plan.probes.iter().map(of).collect()
}

/// Looks for some probes in a batch, and gives those that it holds.
fn search_batch(run: &Run<'_>, live: &Live, probes: u64, buffer: &mut Vec<u8>, talk: &mut Talk) -> u64 {
    let batch = &live.batch;
    let sessions: Vec<Option<usize>> = batch
        .sessions
        .iter()
        .enumerate()
        .map(|(at, id)| {
            let number = run.corpus.number_in(&SessionKey { agent: batch.agent, id: id.clone() }, &batch.path)?;
            (run.open[number] != 0 && !live.dead.contains(&at)).then_some(number)
        })
        .collect();
    if sessions.iter().all(Option::is_none) {
        return 0;
    }
    // Text that cannot be read any more (the store was begun anew) is in the files still.
    let Ok(text) = run.view.read(batch, buffer) else { return u64::MAX };
    let mut found: Vec<(usize, Match)> = Vec::new();
    for at in (0..run.plan.probes.len()).filter(|at| probes & (1 << at) != 0) {
        probe(run, batch, &sessions, text, at, &mut found);
    }
    found.sort_by_key(|(entry, found)| (*entry, found.probe));
    let mut held = 0;
    let mut matches = Vec::new();
    for of_entry in found.chunk_by(|a, b| a.0 == b.0) {
        let number = of_entry[0].0;
        let entry = batch.entry(number);
        let Some(session) = sessions[entry.session] else { continue };
        if run.is_title(session, entry.part, &text[entry.range.0..entry.range.1]) {
            continue;
        }
        matches.clear();
        matches.extend(of_entry.iter().map(|(_, found)| *found));
        let bits = bits_of(&matches);
        held |= bits;
        let weight = run.plan.weigh(run.counted, entry.part, &matches);
        let tally = talk.tallies.entry(session).or_default();
        if tally.keeps(weight) {
            tally.add(Spot { bits, weight, at: At::Stored { batch: batch.clone(), entry: number } }, run.counted);
        } else {
            tally.pass(bits, run.counted);
        }
    }
    held
}

/// Where one probe is found in a batch: the first place in each text.
fn probe(
    run: &Run<'_>,
    batch: &Batch,
    sessions: &[Option<usize>],
    text: &[u8],
    at: usize,
    found: &mut Vec<(usize, Match)>,
) {
    let Run { plan, .. } = run;
    let probe = &plan.probes[at];
    let admits = |number: usize| {
        let entry = batch.entry(number);
        let open = sessions[entry.session].map_or(0, |session| run.open[session]);
        plan.admits(probe, open, entry.part, &batch.tools[entry.tool]).then_some(entry)
    };
    match &probe.test {
        Test::Text { matcher, apart: false, .. } => {
            let mut from = 0;
            while let Some(range) = matcher.find_in(text, from) {
                let number = batch.entry_of(range.start);
                let entry = batch.entry(number);
                let inside = range.start >= entry.range.0 && range.end <= entry.range.1;
                if inside && admits(number).is_some() {
                    found.push((
                        number,
                        Match::new(at, &text[entry.range.0..entry.range.1], {
                            range.start - entry.range.0..range.end - entry.range.0
                        }),
                    ));
                }
                from = (entry.range.1 + 1).max(from + 1);
                if from >= text.len() {
                    break;
                }
            }
        }
        Test::Text { matcher, apart: true, .. } => {
            for number in 0..batch.count() {
                let Some(entry) = admits(number) else { continue };
                let whole = text.get(entry.range.0..entry.range.1).unwrap_or_default();
                found.extend(matcher.find_in(whole, 0).map(|range| (number, Match::new(at, whole, range))));
            }
        }
        Test::Occurs(_) => {
            for number in 0..batch.count() {
                let Some(entry) = admits(number) else { continue };
                let whole = String::from_utf8_lossy(text.get(entry.range.0..entry.range.1).unwrap_or_default());
                if probe.occurs(entry.part, &batch.tools[entry.tool], &whole) {
                    found.push((number, Match { probe: at, start: 0, stands: 0 }));
                }
            }
        }
    }
}
