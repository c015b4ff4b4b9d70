//! Search of short texts, where starting an automaton costs more than the search.

use std::ops::Range;

use crate::domain::query::NeedleMatcher;
use crate::domain::query::fold::Case;

/// Search for plain letters by the rarest byte.
#[derive(Debug)]
pub struct RareByteFinder {
    needle: Box<[u8]>,
    case: Case,
    /// Offset of the rarest byte in the needle.
    at: usize,
    /// Rarest byte, in both cases if case is ignored.
    rarest: (u8, u8),
}

/// Bytes of English text by descending frequency; all others are rarer.
const BYTES_BY_FREQUENCY: &[u8] = b" etaoinsrhldcumfpgwybvk-_./";

impl RareByteFinder {
    /// Builds the search for a needle. Returns `None` unless the needle consists of plain letters.
    pub fn new(matcher: &NeedleMatcher) -> Option<Self> {
        let (folded, case) = matcher.plain_ascii()?;
        let rank = |byte: &u8| {
            BYTES_BY_FREQUENCY.iter().position(|other| other.eq_ignore_ascii_case(byte)).unwrap_or(usize::MAX)
        };
        let (at, letter) = folded.bytes().enumerate().max_by_key(|(_, byte)| rank(byte))?;
        let bytes = match case {
            Case::Exact => (letter, letter),
            Case::Ignored => (letter.to_ascii_lowercase(), letter.to_ascii_uppercase()),
        };
        Some(Self { needle: folded.as_bytes().into(), case, at, rarest: bytes })
    }

    #[inline]
    fn is_needle(&self, bytes: &[u8]) -> bool {
        match self.case {
            Case::Exact => *bytes == *self.needle,
            Case::Ignored => bytes.eq_ignore_ascii_case(&self.needle),
        }
    }

    /// Returns the first direct match at or after `from`.
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        // The match of a shorter needle often is a match of this one.
        if bytes.get(from..from + self.needle.len()).is_some_and(|here| self.is_needle(here)) {
            return Some(from..from + self.needle.len());
        }
        let mut from = from + self.at;
        while let Some(found) = bytes.get(from..).and_then(|rest| memchr::memchr2(self.rarest.0, self.rarest.1, rest)) {
            let start = from + found - self.at;
            let here = bytes.get(start..start + self.needle.len())?;
            if self.is_needle(here) {
                return Some(start..start + self.needle.len());
            }
            from += found + 1;
        }
        None
    }
}
