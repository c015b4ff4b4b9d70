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

/// What the letters of a unit tell, before it is known which sessions need them.
#[derive(Clone, Debug, Default)]
pub struct Lacking {
    /// Bits of the probes that are nowhere in it, as far as its letters are known.
    probes: u64,
    known: u64,
    /// Stretches of a file that hold none of what is sought, in order.
    stretches: Vec<Range<u64>>,
}

/// What the letters of each unit of the corpus tell; nothing where no letters are sought.
pub fn lacking(run: &Run<'_>) -> Vec<Lacking> {
    if !run.plan.has_letters() {
        return Vec::new();
    }
    let units = run.corpus.units();
    let mut all = vec![Lacking::default(); units.len()];
    let (mut tried, mut paid) = (0, 0);
    run.standing.each_letters(&run.view, run.hold, |number, letters, known| {
        all[number] = lacking_in(&run.plan, letters, known);
        tried += 1;
        paid += usize::from(!all[number].stretches.is_empty());
        if tried == TRIED && paid < PAYS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    for (number, unit) in units.iter().enumerate() {
        if let Some(letters) = run.small.of(unit) {
            all[number] = lacking_in_small(&run.plan, &letters);
        }
    }
    all
}

fn lacking_in(plan: &Plan, letters: &[u8], known: u64) -> Lacking {
    let (mut everywhere, mut start) = (u64::MAX, 0);
    let mut stretches: Vec<Range<u64>> = Vec::new();
    for segment in segments(letters) {
        let lacking =
            plan.lacking(|test| matches!(test, Test::Text { rows, .. } if !rows.is_empty() && !segment.may_hold(rows)));
        everywhere &= lacking;
        if lacking == plan.all_probes() && segment.end > start {
            match stretches.last_mut() {
                Some(last) if last.end == start => last.end = segment.end,
                _ => stretches.push(start..segment.end),
            }
        }
        start = segment.end;
    }
    Lacking { probes: everywhere, known, stretches }
}

/// The same for a unit of many small files.
fn lacking_in_small(plan: &Plan, letters: &Letters<'_>) -> Lacking {
    let probes = plan.lacking(|test| {
        let Test::Text { raw: Some(raw), .. } = test else { return false };
        letters.lacks(raw.atoms().iter())
    });
    Lacking { probes, known: u64::MAX, stretches: Vec::new() }
}

/// For each unit what of it is ruled out by what it lacks. `found`: bits of the probes that a session fulfils without
/// its texts.
pub fn rule_out(run: &Run<'_>, lacking: Vec<Lacking>, found: impl Fn(usize) -> u64) -> Vec<Ruled> {
    let rule = |(number, Lacking { probes, known, stretches })| {
        if is_out(run, number, probes, &found) {
            let whole = 0..known;
            return Ruled { all: Some(known), stretches: vec![whole] };
        }
        Ruled { all: None, stretches }
    };
    lacking.into_iter().enumerate().map(rule).collect()
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
