//! What was found of each session so far, and what that is worth.

use std::sync::Arc;

use super::plan::{Plan, Test};
use super::store::Batch;
use crate::domain::found::Snippet;
use crate::domain::query::Part;
use crate::domain::{Session, Time};

/// A text in which something was found.
#[derive(Clone, Debug)]
pub struct Spot {
    /// Bits of the probes that were found in it.
    pub bits: u64,
    /// How much it says; see [`Plan::weigh`].
    pub weight: f32,
    /// Where it is.
    pub at: At,
}

/// Where a text is.
#[derive(Clone, Debug)]
pub enum At {
    /// The session's title.
    Title,
    /// In the stored talk.
    Stored {
        /// The batch.
        batch: Arc<Batch>,
        /// The text's number in it.
        entry: usize,
    },
    /// In a file; what stands there was taken out when it was found.
    File(Box<Snippet>),
}

/// What was found of a session.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Bits of the probes that were found.
    pub found: u64,
    /// How many texts hold a needle.
    pub count: usize,
    /// The best of them, best first.
    pub best: Vec<Spot>,
    /// All of the session was looked at.
    pub all: bool,
}

/// Spots that are kept of a session.
pub const KEPT: usize = 3;

impl Tally {
    /// Takes a spot in. `counts`: bits of the needles that are wanted.
    pub fn add(&mut self, spot: Spot, counts: u64) {
        self.found |= spot.bits;
        if spot.bits & counts == 0 {
            return;
        }
        self.count += 1;
        let place = self.best.iter().position(|other| other.weight < spot.weight).unwrap_or(self.best.len());
        if place < KEPT {
            self.best.insert(place, spot);
            self.best.truncate(KEPT);
        }
    }

    /// Counts a spot that is not worth keeping.
    pub fn pass(&mut self, bits: u64, counts: u64) {
        self.found |= bits;
        self.count += usize::from(bits & counts != 0);
    }

    /// Whether a spot of that weight would be kept.
    pub fn keeps(&self, weight: f32) -> bool {
        self.best.len() < KEPT || self.best.last().is_some_and(|last| last.weight < weight)
    }

    /// Takes in what another found of the same session.
    pub fn merge(&mut self, other: Self, counts: u64) {
        let count = self.count + other.count;
        self.found |= other.found;
        self.all |= other.all;
        for spot in other.best {
            self.add(spot, counts);
        }
        self.count = count;
    }

    /// How well the session fits.
    pub fn score(&self, session: &Session, now: Time) -> f32 {
        let best = self.best.first().map_or(1.0, |spot| spot.weight);
        #[expect(clippy::cast_precision_loss, reason = "a rough measure")]
        let (count, days) =
            (self.count as f32, now.since(session.last_activity.unwrap_or_default()) as f32 / 86_400_000.0);
        best * (1.0 + count.max(1.0).ln() / 10.0) * (0.25 + 0.75 / (1.0 + days / 14.0))
    }
}

/// A match in a text, as far as it matters for the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The probe's number.
    pub probe: usize,
    /// Its first byte in the text.
    pub start: usize,
    /// How it stands: 0 within a word, 1 at a word's start, 2 a whole word.
    pub stands: u8,
}

impl Match {
    /// Of a range in a text.
    pub fn new(probe: usize, text: &[u8], range: std::ops::Range<usize>) -> Self {
        // Bytes beyond ASCII count as letters: most are.
        let letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        let before = range.start.checked_sub(1).and_then(|at| text.get(at));
        let first = text.get(range.start);
        let hump = before.is_some_and(u8::is_ascii_lowercase) && first.is_some_and(u8::is_ascii_uppercase);
        let starts = !letter(before) || hump;
        let ends = !letter(text.get(range.end));
        Self { probe, start: range.start, stands: u8::from(starts) + u8::from(starts && ends && !letter(before)) }
    }
}

/// Bits of the probes that matched.
pub fn bits_of(matches: &[Match]) -> u64 {
    matches.iter().fold(0, |bits, found| bits | 1 << found.probe)
}

impl Plan {
    /// Bits of the needles that must be found.
    pub fn counted(&self) -> u64 {
        let wanted: u64 = self.branches.iter().fold(0, |all, branch| all | branch.wanted);
        let text = |probe: &super::plan::Probe| matches!(probe.test, Test::Text { .. });
        let texts = (0u64..).zip(&self.probes).filter(|(_, probe)| text(probe)).map(|(at, _)| 1 << at).sum::<u64>();
        wanted & texts
    }

    /// What the matches in one text are worth (`counted`: see [`Plan::counted`]): how much of what is wanted they are, what kind of text it is, whether
    /// they are whole words, and how near each other they stand.
    pub fn weigh(&self, counted: u64, part: Part, matches: &[Match]) -> f32 {
        let bits = bits_of(matches);
        let covered = |wanted: u64| {
            let all = (wanted & counted).count_ones();
            if all == 0 { 0.0 } else { f64::from((wanted & counted & bits).count_ones()) / f64::from(all) }
        };
        let covered = self.branches.iter().map(|branch| covered(branch.wanted)).fold(0.0, f64::max);
        let stands = matches.iter().map(|found| found.stands).max().unwrap_or_default();
        let first = matches.iter().map(|found| found.start).min().unwrap_or_default();
        let last = matches.iter().map(|found| found.start).max().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a rough measure")]
        let (near, covered) =
            (if matches.len() > 1 { 1.0 + 1.0 / (1.0 + (last - first) as f32 / 60.0) } else { 1.0 }, covered as f32);
        part.weight() * covered * covered * near * (1.0 + f32::from(stands) / 4.0)
    }
}
