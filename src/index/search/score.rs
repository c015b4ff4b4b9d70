//! Scores of sessions: matched clauses, best matches and their weights.

use super::plan::{ClauseTest, QueryPlan};
use crate::domain::query::TextKind;
use crate::domain::search::Snippet;
use crate::domain::{Session, Time};

/// Text with a match.
#[derive(Clone, Debug)]
pub(super) struct BestMatch {
    /// Matched clauses, as bits.
    pub bits: u64,
    /// Weight of the text; see [`QueryPlan::weigh`].
    pub weight: f32,
    /// True for a text of an indexed kind, which ranks before all others.
    pub is_primary: bool,
    /// Location of the text.
    pub at: MatchLocation,
}

/// Location of a matching text.
#[derive(Clone, Debug)]
pub(super) enum MatchLocation {
    /// Title of the session.
    Title,
    /// Indexed text.
    Stored {
        /// Number of its live segment.
        segment: usize,
        /// Number of the text in the segment.
        entry: usize,
    },
    /// Text in a file; its snippet was cut when it was found.
    File(Box<Snippet>),
}

impl MatchLocation {
    /// Position among the indexed texts of a session; titles come first, texts in files last.
    fn position(&self) -> (u8, usize, usize) {
        match self {
            Self::Title => (0, 0, 0),
            Self::Stored { segment, entry } => (1, *segment, *entry),
            Self::File(_) => (2, 0, 0),
        }
    }
}

/// Matches of a session so far.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionScore {
    /// Matched clauses, as bits.
    pub matched: u64,
    /// Matched clauses in texts of indexed kinds, as bits.
    pub primary: u64,
    /// Number of texts with a required needle.
    pub count: usize,
    /// Number of those of indexed kinds.
    pub primary_count: usize,
    /// Best matches, best first.
    pub best: Vec<BestMatch>,
    /// True if all of the session was searched.
    pub complete: bool,
}

/// Maximum best matches per session.
pub(super) const MAX_BEST_MATCHES: usize = 3;

impl SessionScore {
    /// Adds a match. `scored`: the required needles, as bits.
    pub(super) fn add(&mut self, best_match: BestMatch, scored: u64) {
        self.count_only(best_match.bits, best_match.is_primary, scored);
        if best_match.bits & scored != 0 {
            self.keep(best_match);
        }
    }

    fn keep(&mut self, best_match: BestMatch) {
        let is_worse = |other: &BestMatch| best_match.is_better_than(other);
        let location = self.best.iter().position(is_worse).unwrap_or(self.best.len());
        if location < MAX_BEST_MATCHES {
            self.best.insert(location, best_match);
            self.best.truncate(MAX_BEST_MATCHES);
        }
    }

    /// Counts a match without keeping it.
    pub(super) fn count_only(&mut self, bits: u64, is_primary: bool, scored: u64) {
        let count = usize::from(bits & scored != 0);
        self.matched |= bits;
        self.count += count;
        if is_primary {
            self.primary |= bits;
            self.primary_count += count;
        }
    }

    /// Returns true if a match of this kind and weight would be kept.
    pub(super) fn would_keep(&self, is_primary: bool, weight: f32) -> bool {
        self.is_among(MAX_BEST_MATCHES, is_primary, weight)
    }

    /// Returns true if a match of this kind and weight would be one of the best `count`.
    pub(super) fn is_among(&self, count: usize, is_primary: bool, weight: f32) -> bool {
        let Some(last) = count.checked_sub(1) else { return false };
        self.best.get(last).is_none_or(|last| last.rank() < (is_primary, weight))
    }

    /// Merges another score of the same session.
    pub(super) fn merge(&mut self, other: Self) {
        self.matched |= other.matched;
        self.primary |= other.primary;
        self.count += other.count;
        self.primary_count += other.primary_count;
        self.complete |= other.complete;
        for best_match in other.best {
            self.keep(best_match);
        }
    }

    /// Returns the total score of a session that matches by its primary texts alone. Other texts do not change it, so
    /// that the order of these sessions is known before any file is read.
    pub(super) fn total(&self, session: &Session, now: Time) -> f32 {
        let best = self.best.first().map_or(1.0, |best_match| best_match.weight);
        primary_score(best, self.primary_count, session, now)
    }
}

impl BestMatch {
    fn rank(&self) -> (bool, f32) {
        (self.is_primary, self.weight)
    }

    /// Compares two matches. Of equal ones the earlier text is better, whichever was found first.
    fn is_better_than(&self, other: &Self) -> bool {
        let (mine, others) = (self.rank(), other.rank());
        mine > others || (mine == others && self.at.position() < other.at.position())
    }
}

/// Returns the score of a session by the best weight and the number of its matching primary texts. Neither a higher
/// weight nor a higher number lowers it.
pub(super) fn primary_score(best: f32, count: usize, session: &Session, now: Time) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a rough measure")]
    let count = count as f32;
    best * (1.0 + count.max(1.0).ln() / 10.0) * recency(session, now)
}

/// Returns the score of a session that matches only with other texts. It is below all scores of primary texts, and
/// the newest session comes first, which is the order of the file scan.
pub(super) fn secondary_score(session: &Session, now: Time) -> f32 {
    recency(session, now) - 2.0
}

/// Returns the weight of a session's age, from 1.0 for a new one to 0.25.
fn recency(session: &Session, now: Time) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a rough measure")]
    let days = now.since(session.last_activity.unwrap_or_default()) as f32 / 86_400_000.0;
    0.25 + 0.75 / (1.0 + days.max(0.0) / 14.0)
}

/// Match in a text. Small, because the matches of all texts are kept between two queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    clause: u16,
    start: u32,
    /// Word boundary: 0 inside a word, 1 at its start, [`WHOLE_WORD`].
    pub boundary: u8,
}

/// Word boundary of a whole word.
const WHOLE_WORD: u8 = 2;

impl Match {
    /// Creates a match from a range in a text.
    pub(super) fn new(clause: usize, text: &[u8], range: std::ops::Range<usize>) -> Self {
        let before = range.start.checked_sub(1).and_then(|at| text.get(at));
        let boundary = word_boundary(before.copied(), text.get(range.start).copied(), text.get(range.end).copied());
        Self::at(clause, range.start, boundary)
    }

    /// Creates a match from its first byte and its word boundary.
    pub(super) fn at(clause: usize, start: usize, boundary: u8) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Self { clause: u16::try_from(clause).unwrap_or(u16::MAX), start, boundary }
    }

    /// Returns the index of the clause.
    pub(super) fn clause(self) -> usize {
        self.clause.into()
    }

    /// Returns the same match of another clause.
    pub(super) fn of_clause(self, clause: usize) -> Self {
        Self::at(clause, self.start(), self.boundary)
    }

    /// Returns the first byte in the text.
    pub(super) fn start(self) -> usize {
        self.start as usize
    }
}

/// Returns the word boundary of a match by its first byte, and the bytes before and behind it.
pub(super) fn word_boundary(before: Option<u8>, first: Option<u8>, behind: Option<u8>) -> u8 {
    // Bytes beyond ASCII count as letters, because most are.
    let letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
    let is_lower = before.is_some_and(|byte| byte.is_ascii_lowercase());
    let starts_hump = is_lower && first.is_some_and(|byte| byte.is_ascii_uppercase());
    let starts = !letter(before) || starts_hump;
    u8::from(starts) + u8::from(starts && !letter(behind) && !letter(before))
}

/// Returns the matched clauses, as bits.
pub(super) fn clause_bits(matches: &[Match]) -> u64 {
    matches.iter().fold(0, |bits, found| bits | 1 << found.clause())
}

impl QueryPlan {
    /// Returns the required needles, as bits.
    pub(super) fn scored_clauses(&self) -> u64 {
        let wanted: u64 = self.branches.iter().fold(0, |all, branch| all | branch.required);
        let text = |clause: &super::plan::Clause| matches!(clause.test, ClauseTest::Text { .. });
        let texts = (0u64..).zip(&self.clauses).filter(|(_, clause)| text(clause)).map(|(at, _)| 1 << at).sum::<u64>();
        wanted & texts
    }

    /// Weighs the matches in one text by covered needles, text kind, word boundaries and proximity. `scored_clauses`:
    /// see [`QueryPlan::scored_clauses`].
    pub(super) fn weigh(&self, scored_clauses: u64, kind: TextKind, matches: &[Match]) -> f32 {
        let bits = clause_bits(matches);
        let covered = |wanted: u64| {
            let all = (wanted & scored_clauses).count_ones();
            if all == 0 { 0.0 } else { f64::from((wanted & scored_clauses & bits).count_ones()) / f64::from(all) }
        };
        let covered = self.branches.iter().map(|branch| covered(branch.required)).fold(0.0, f64::max);
        let boundary = matches.iter().map(|found| found.boundary).max().unwrap_or_default();
        let first = matches.iter().map(|found| found.start()).min().unwrap_or_default();
        let last = matches.iter().map(|found| found.start()).max().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a rough measure")]
        let (near, covered) =
            (if matches.len() > 1 { 1.0 + 1.0 / (1.0 + (last - first) as f32 / 60.0) } else { 1.0 }, covered as f32);
        kind.weight() * covered * covered * near * (1.0 + f32::from(boundary) / 4.0)
    }

    /// Returns the maximum of [`Self::weigh`] for a text of a kind.
    pub(super) fn max_weight(&self, kind: TextKind) -> f32 {
        let near = if self.clauses.len() > 1 { 2.0 } else { 1.0 };
        kind.weight() * near * (1.0 + f32::from(WHOLE_WORD) / 4.0)
    }
}
