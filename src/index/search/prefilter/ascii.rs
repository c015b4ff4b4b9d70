//! Vectorised prefilter for ASCII literals.
//!
//! The rarest bytes of a literal are compared at all positions of a chunk together. Only chunks in which they occur at
//! the right distance are examined. Letters that fold to ASCII (`é`, `ﬁ`) are recognisable by their bytes and never
//! excluded. The loops over a chunk have no branches, so that the compiler vectorises them.

use std::ops::Range;

use crate::domain::query::fold::Case;
use crate::domain::query::foldable::has_foldable_lead;

/// Positions per chunk, which are compared together.
const CHUNK: usize = 64;

/// Minimum chunks per false stop with two anchors; below, a third anchor pays off.
const MAX_STOP_RATE: u64 = 32;

/// Prefilter for one ASCII literal.
#[derive(Debug)]
pub(super) struct AsciiPrefilter {
    /// Literal, in lower case if case is ignored.
    needle: Box<[u8]>,
    case: Case,
    /// Two or three of its bytes, in order, which are compared first.
    anchors: Vec<Anchor>,
    /// Offset of the rarest byte.
    rarest: usize,
}

/// Byte at its offset in the literal. Bytes are compared after setting the bits of `fold`.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: usize,
    fold: u8,
    byte: u8,
}

impl AsciiPrefilter {
    /// Builds the filter for ASCII text, in lower case if case is ignored. Returns `None` for an empty text.
    pub(super) fn new(text: &str, case: Case) -> Option<Self> {
        let needle: Box<[u8]> = text.as_bytes().into();
        let mut offsets: Vec<usize> = (0..needle.len()).collect();
        offsets.sort_by_key(|&at| byte_frequency(needle[at]));
        let rarest = *offsets.first()?;
        let per_chunk = |offsets: &[usize]| {
            offsets.iter().fold(CHUNK as u64, |chance, &at| chance * byte_frequency(needle[at])) * MAX_STOP_RATE
        };
        let count = if per_chunk(&offsets[..offsets.len().min(2)]) > 10_000_u64.pow(2) { 3 } else { 2 };
        offsets.truncate(count);
        offsets.resize(count.min(offsets.len().max(2)), rarest);
        offsets.sort_unstable();
        let fold = |byte: u8| if case == Case::Ignored && byte.is_ascii_lowercase() { 0x20 } else { 0 };
        let anchors = offsets.into_iter().map(|at| Anchor { at, fold: fold(needle[at]), byte: needle[at] }).collect();
        Some(Self { needle, case, anchors, rarest })
    }

    /// Returns the next range at or after `from` that may match: by the first anchor, a foldable letter, or an escape.
    /// `symbols` includes [`LETTERLIKE_PREFIX`].
    pub(super) fn next(&self, bytes: &[u8], from: usize, symbols: bool) -> Option<Range<usize>> {
        let found = match *self.anchors {
            [a, b] => next_chunk([a, b], bytes, from, symbols),
            [a, b, c, ..] => next_chunk([a, b, c], bytes, from, symbols),
            [] | [_] => Err(from),
        };
        match found {
            Ok(at) => Some(at..at + CHUNK),
            // The rest is shorter than a chunk.
            Err(tail) => Some(tail..bytes.len()).filter(|tail| !tail.is_empty()),
        }
    }

    /// Returns the first match, not before `floor`, whose first anchor is in `range`.
    pub(super) fn find(&self, bytes: &[u8], floor: usize, range: Range<usize>) -> Option<usize> {
        let first = self.anchors.first()?.at;
        let shift = |at: usize| (at + self.rarest).checked_sub(first);
        let from = shift(range.start).unwrap_or(0).max(floor + self.rarest);
        let to = shift(range.end).unwrap_or(0).min(bytes.len());
        let part = bytes.get(from..to)?;
        let rare = self.needle[self.rarest];
        let upper = if self.case == Case::Ignored { rare.to_ascii_uppercase() } else { rare };
        memchr::memchr2_iter(rare, upper, part)
            .map(|at| from + at - self.rarest)
            .find(|&at| self.is_match_at(bytes, at))
    }

    /// Returns true if the literal occurs at an offset.
    pub(super) fn is_match_at(&self, bytes: &[u8], at: usize) -> bool {
        let there = bytes.get(at..at + self.needle.len());
        there.is_some_and(|there| match self.case {
            Case::Ignored => there.eq_ignore_ascii_case(&self.needle),
            Case::Exact => *there == *self.needle,
        })
    }
}

/// Returns the offset of the next chunk that may match. Fails with the start of the rest that is too short for a chunk.
fn next_chunk<const N: usize>(anchors: [Anchor; N], bytes: &[u8], from: usize, symbols: bool) -> Result<usize, usize> {
    // Positions refer to the first anchor; the others follow it.
    let base = anchors[0].at;
    let chunks = |from: usize| bytes.get(from..).unwrap_or_default().as_chunks::<CHUNK>().0;
    let windows = anchors.map(|anchor| chunks(from + anchor.at - base));
    let after = chunks(from + 1);
    let count = windows.iter().map(|window| window.len()).min().unwrap_or(0).min(after.len());
    let (windows, after) = (windows.map(|window| &window[..count]), &after[..count]);
    for number in 0..count {
        let (here, after) = (&windows[0][number], &after[number]);
        let mut matches = [1; CHUNK];
        for which in 0..N {
            let (window, Anchor { fold, byte, .. }) = (&windows[which][number], anchors[which]);
            for at in 0..CHUNK {
                matches[at] &= u8::from(window[at] | fold == byte);
            }
        }
        let (mut stop, mut high) = (0, 0);
        for at in 0..CHUNK {
            stop |= matches[at] | is_escape(here[at], after[at]);
            high |= here[at];
        }
        if stop != 0 || (high >= 0x80 && (has_foldable_lead(here) || (symbols && has_letterlike(here, after)))) {
            return Ok(from + number * CHUNK);
        }
    }
    Err(from + count * CHUNK)
}

/// Returns 1 if an escaped letter such as `\u00e9` starts here.
#[inline]
fn is_escape(here: u8, after: u8) -> u8 {
    u8::from(here == b'\\') & u8::from(after == b'u')
}

/// Prefix of the letterlike symbols `K` (Kelvin) and `Å` (Ångström), which fold to letters.
pub(super) const LETTERLIKE_PREFIX: [u8; 2] = [0xe2, 0x84];

#[inline]
fn has_letterlike(here: &[u8; CHUNK], after: &[u8; CHUNK]) -> bool {
    let mut any = 0;
    for at in 0..CHUNK {
        any |= u8::from(here[at] == LETTERLIKE_PREFIX[0]) & u8::from(after[at] == LETTERLIKE_PREFIX[1]);
    }
    any != 0
}

/// Returns the next run of chunks with a non-ASCII byte or an escape (`\u00e9`).
pub(super) fn next_non_ascii(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let windows = [from, from + 1].map(|from| bytes.get(from..).unwrap_or_default().as_chunks::<CHUNK>().0);
    let count = windows[1].len();
    let has_non_ascii = |number: usize| {
        let (here, after) = (&windows[0][number], &windows[1][number]);
        let mut any = 0;
        for at in 0..CHUNK {
            any |= (here[at] & 0x80) | is_escape(here[at], after[at]);
        }
        any != 0
    };
    let first = (0..count).find(|&number| has_non_ascii(number));
    let end = (first.map_or(count, |first| first + 1)..count).find(|&number| !has_non_ascii(number));
    let at = |number: usize| from + number * CHUNK;
    let range = at(first.unwrap_or(count))..end.map_or(bytes.len(), at);
    Some(range).filter(|range| !range.is_empty())
}

/// Frequency of a byte in transcripts, per 10,000 bytes; lower-case letters include upper case.
fn byte_frequency(byte: u8) -> u64 {
    const LOWERCASE: [u16; 26] = [
        362, 115, 232, 225, 650, 167, 115, 143, 323, 42, 87, 256, 173, 484, 330, 189, 53, 368, 393, 492, 196, 99, 90,
        77, 101, 50,
    ];
    match byte {
        b'a'..=b'z' => LOWERCASE[usize::from(byte - b'a')].into(),
        // Case-sensitive searches only.
        b'A'..=b'Z' => 30,
        b'0'..=b'9' => 80,
        b' ' => 1_500,
        b'"' | b'\\' | b':' => 220,
        b'_' | b',' | b'/' | b'.' | b'-' => 120,
        _ => 40,
    }
}
