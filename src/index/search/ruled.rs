//! Which parts of units a query need not look into, by their letters alone.

use std::ops::{ControlFlow, Range};

use super::letters::segments;
use super::plan::{Plan, Test};
use super::run::Run;
use super::small::Letters;

/// Units that are tried before it is asked whether it pays, and how many of them must be ruled out then.
const TRIED: usize = 128;
const PAYS: usize = TRIED / 16;

/// What of a unit is ruled out.
#[derive(Clone, Debug, Default)]
pub struct Ruled {
    /// How far its letters are known, where that rules out all of it so far; what is not made of lines is known whole.
    all: Option<u64>,
    /// Stretches of a file in which nothing can be found, in order.
    stretches: Vec<Range<u64>>,
}

impl Ruled {
    /// Whether nothing can be found before an offset, or in what is not made of lines.
    pub fn is_out(&self, before: u64) -> bool {
        self.all.is_some_and(|known| known >= before)
    }

    /// What of a file is left to be looked at, from an offset on.
    pub fn rest(&self, from: u64) -> Vec<Range<u64>> {
        let mut rest = Vec::new();
        let mut at = from;
        for stretch in &self.stretches {
            if stretch.start > at {
                rest.push(at..stretch.start);
            }
            at = at.max(stretch.end);
        }
        rest.push(at..u64::MAX);
        rest
    }
}

/// For each unit of the corpus what of it is ruled out. `found`: bits of the probes that a session fulfils without its
/// texts.
pub fn rule_out(run: &Run<'_>, found: impl Fn(usize) -> u64) -> Vec<Ruled> {
    if !run.plan.has_letters() {
        return Vec::new();
    }
    let units = run.corpus.units();
    let mut ruled = vec![Ruled::default(); units.len()];
    let (mut tried, mut paid) = (0, 0);
    run.standing.each_letters(&run.view, run.hold, |number, letters, known| {
        ruled[number] = rule(run, number, (letters, known), &found);
        tried += 1;
        paid += usize::from(!ruled[number].stretches.is_empty());
        if tried == TRIED && paid < PAYS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    for (number, unit) in units.iter().enumerate() {
        if let Some(letters) = run.small.of(unit) {
            ruled[number].all = rule_small(run, number, &letters, &found);
        }
    }
    ruled
}

fn rule(run: &Run<'_>, number: usize, (letters, known): (&[u8], u64), found: impl Fn(usize) -> u64) -> Ruled {
    let (mut everywhere, mut start) = (u64::MAX, 0);
    let mut stretches: Vec<Range<u64>> = Vec::new();
    for segment in segments(letters) {
        let lacking = run
            .plan
            .lacking(|test| matches!(test, Test::Text { rows, .. } if !rows.is_empty() && !segment.may_hold(rows)));
        everywhere &= lacking;
        if lacking == run.plan.all_probes() && segment.end > start {
            match stretches.last_mut() {
                Some(last) if last.end == start => last.end = segment.end,
                _ => stretches.push(start..segment.end),
            }
        }
        start = segment.end;
    }
    let all = is_out(run, number, everywhere, found).then_some(known);
    if let Some(known) = all {
        stretches.clear();
        stretches.push(0..known);
    }
    Ruled { all, stretches }
}

/// The same for a unit of many small files.
fn rule_small(run: &Run<'_>, number: usize, letters: &Letters<&[u8]>, found: impl Fn(usize) -> u64) -> Option<u64> {
    let lacking = run.plan.lacking(|test| {
        let Test::Text { raw: Some(raw), .. } = test else { return false };
        letters.lacks(raw.atoms().iter())
    });
    is_out(run, number, lacking, found).then_some(u64::MAX)
}

/// Whether no session of a unit can fulfil any alternative, each lacking something that it asks for.
fn is_out(run: &Run<'_>, unit: usize, lacking: u64, found: impl Fn(usize) -> u64) -> bool {
    lacking != 0
        && run.corpus.numbers_in(unit).all(|number| {
            let lacking = lacking & !found(number);
            let open = run.open[number];
            let is_open = |at: &usize| open & (1 << at) != 0;
            (0..run.plan.branches.len()).filter(is_open).all(|at| run.plan.branches[at].wanted & lacking != 0)
        })
}

impl Plan {
    /// Whether any needle can be ruled out by its letters.
    fn has_letters(&self) -> bool {
        let has = |test: &Test| matches!(test, Test::Text { raw, rows, .. } if !rows.is_empty() || raw.is_some());
        self.probes.iter().any(|probe| has(&probe.test))
    }

    /// Bits of all probes.
    fn all_probes(&self) -> u64 {
        (0u64..).zip(&self.probes).fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// Bits of the probes whose letters are not there.
    fn lacking(&self, lacks: impl Fn(&Test) -> bool) -> u64 {
        (0u64..).zip(&self.probes).filter(|(_, probe)| lacks(&probe.test)).fold(0, |bits, (at, _)| bits | 1 << at)
    }
}
