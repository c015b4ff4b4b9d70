//! Rules out most of what is looked through, many bytes at once.
//!
//! The rarest bytes of what is looked for are compared at all places of a chunk together; only chunks in which they
//! stand as they should are looked at closely. Letters that fold to ASCII (`é`, `ﬁ`) betray themselves by their bytes
//! and are never ruled out. The loops over a chunk have no branches, so that the compiler makes vectors of them.

use std::ops::Range;

use super::fold::Case;

/// Places that are compared together.
const CHUNK: usize = 64;

/// Stopping for nothing at more than one of so many chunks, a third byte is worth comparing.
const RARELY: u64 = 32;

/// Text of ASCII letters to be sought.
#[derive(Debug)]
pub struct Sieve {
    /// In lower case where case does not count.
    letters: Box<[u8]>,
    case: Case,
    /// Two or three of them, in order: those that are compared first.
    anchors: Vec<Anchor>,
    /// The rarest of all, by its place.
    rarest: usize,
}

/// A byte at its place in the text. Another equals it that does so when the bits of `fold` are set.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: usize,
    fold: u8,
    byte: u8,
}

impl Sieve {
    /// For a text of ASCII, in lower case where case does not count. `None` where there is no text.
    pub fn new(text: &str, case: Case) -> Option<Self> {
        let letters: Box<[u8]> = text.as_bytes().into();
        let mut places: Vec<usize> = (0..letters.len()).collect();
        places.sort_by_key(|&at| often(letters[at]));
        let rarest = *places.first()?;
        let per_chunk =
            |places: &[usize]| places.iter().fold(CHUNK as u64, |chance, &at| chance * often(letters[at])) * RARELY;
        let count = if per_chunk(&places[..places.len().min(2)]) > 10_000_u64.pow(2) { 3 } else { 2 };
        places.truncate(count);
        places.resize(count.min(places.len().max(2)), rarest);
        places.sort_unstable();
        let fold = |byte: u8| if case == Case::Ignored && byte.is_ascii_lowercase() { 0x20 } else { 0 };
        let anchors = places.into_iter().map(|at| Anchor { at, fold: fold(letters[at]), byte: letters[at] }).collect();
        Some(Self { letters, case, anchors, rarest })
    }

    /// The next places at or after `from` that are not ruled out: where the first anchor may stand, or a letter that
    /// folds to others, or an escaped one. `symbols`: see [`SYMBOLS`].
    pub fn next(&self, bytes: &[u8], from: usize, symbols: bool) -> Option<Range<usize>> {
        let found = match *self.anchors {
            [a, b] => next_chunk([a, b], bytes, from, symbols),
            [a, b, c, ..] => next_chunk([a, b, c], bytes, from, symbols),
            [] | [_] => Err(from),
        };
        match found {
            Ok(at) => Some(at..at + CHUNK),
            // Less than a chunk is left.
            Err(tail) => Some(tail..bytes.len()).filter(|tail| !tail.is_empty()),
        }
    }

    /// The first place, not before `floor`, where the text stands with its first anchor in `range`.
    pub fn find(&self, bytes: &[u8], floor: usize, range: Range<usize>) -> Option<usize> {
        let first = self.anchors.first()?.at;
        let shift = |at: usize| (at + self.rarest).checked_sub(first);
        let from = shift(range.start).unwrap_or(0).max(floor + self.rarest);
        let to = shift(range.end).unwrap_or(0).min(bytes.len());
        let part = bytes.get(from..to)?;
        let rare = self.letters[self.rarest];
        let upper = if self.case == Case::Ignored { rare.to_ascii_uppercase() } else { rare };
        memchr::memchr2_iter(rare, upper, part).map(|at| from + at - self.rarest).find(|&at| self.stands(bytes, at))
    }

    fn stands(&self, bytes: &[u8], at: usize) -> bool {
        let there = bytes.get(at..at + self.letters.len());
        there.is_some_and(|there| match self.case {
            Case::Ignored => there.eq_ignore_ascii_case(&self.letters),
            Case::Exact => *there == *self.letters,
        })
    }
}

/// The first chunk at or after `from` in which the anchors stand, or that holds another reason to look closely; else
/// where the rest begins that is too short for a chunk.
fn next_chunk<const N: usize>(anchors: [Anchor; N], bytes: &[u8], from: usize, symbols: bool) -> Result<usize, usize> {
    // Places are those of the first anchor; the others stand behind it.
    let base = anchors[0].at;
    let chunks = |from: usize| bytes.get(from..).unwrap_or_default().as_chunks::<CHUNK>().0;
    let windows = anchors.map(|anchor| chunks(from + anchor.at - base));
    let after = chunks(from + 1);
    let count = windows.iter().map(|window| window.len()).min().unwrap_or(0).min(after.len());
    let (windows, after) = (windows.map(|window| &window[..count]), &after[..count]);
    for number in 0..count {
        let (here, after) = (&windows[0][number], &after[number]);
        let mut stands = [1; CHUNK];
        for which in 0..N {
            let (window, Anchor { fold, byte, .. }) = (&windows[which][number], anchors[which]);
            for at in 0..CHUNK {
                stands[at] &= u8::from(window[at] | fold == byte);
            }
        }
        let (mut stop, mut high) = (0, 0);
        for at in 0..CHUNK {
            stop |= stands[at] | is_escape(here[at], after[at]);
            high |= here[at];
        }
        if stop != 0 || (high >= 0x80 && (is_betrayed(here) || (symbols && has_symbol(here, after)))) {
            return Ok(from + number * CHUNK);
        }
    }
    Err(from + count * CHUNK)
}

/// Whether a letter is escaped here, as in `\u00e9`.
#[inline]
fn is_escape(here: u8, after: u8) -> u8 {
    u8::from(here == b'\\') & u8::from(after == b'u')
}

/// What the symbols begin with that are other spellings of letters: `K` (Kelvin), `Å` (Ångström).
pub const SYMBOLS: [u8; 2] = [0xe2, 0x84];

#[inline]
fn has_symbol(here: &[u8; CHUNK], after: &[u8; CHUNK]) -> bool {
    let mut any = 0;
    for at in 0..CHUNK {
        any |= u8::from(here[at] == SYMBOLS[0]) & u8::from(after[at] == SYMBOLS[1]);
    }
    any != 0
}

/// The next run of chunks with a byte beyond ASCII or an escape (`\u00e9`) in them.
pub fn next_beyond_ascii(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let windows = [from, from + 1].map(|from| bytes.get(from..).unwrap_or_default().as_chunks::<CHUNK>().0);
    let count = windows[1].len();
    let holds = |number: usize| {
        let (here, after) = (&windows[0][number], &windows[1][number]);
        let mut any = 0;
        for at in 0..CHUNK {
            any |= (here[at] & 0x80) | is_escape(here[at], after[at]);
        }
        any != 0
    };
    let first = (0..count).find(|&number| holds(number));
    let end = (first.map_or(count, |first| first + 1)..count).find(|&number| !holds(number));
    let at = |number: usize| from + number * CHUNK;
    let range = at(first.unwrap_or(count))..end.map_or(bytes.len(), at);
    Some(range).filter(|range| !range.is_empty())
}

/// Bytes that begin a letter which folds to something else: accented Latin, combining marks, jamo, full width.
#[expect(clippy::needless_bitwise_bool, reason = "without branches it is done for many bytes at once")]
#[inline]
fn betrays(byte: u8) -> bool {
    (byte.wrapping_sub(0xc3) <= 10) | (byte == 0xe1) | (byte == 0xef)
}

#[inline]
fn is_betrayed(chunk: &[u8]) -> bool {
    chunk.iter().fold(false, |any, &byte| any | betrays(byte))
}

/// Whether letters of such bytes may be in a text.
pub fn has_marks(text: &[u8]) -> bool {
    text.chunks(CHUNK).any(is_betrayed)
}

/// The next such byte.
pub fn next_mark(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let part = bytes.get(range.clone())?;
    let (number, chunk) = part.chunks(CHUNK).enumerate().find(|(_, chunk)| is_betrayed(chunk))?;
    Some(range.start + number * CHUNK + chunk.iter().position(|&byte| betrays(byte))?)
}

/// How often a byte stands in transcripts, in one of 10,000 bytes; the small letters' figures are for both cases.
fn often(byte: u8) -> u64 {
    const LETTERS: [u16; 26] = [
        362, 115, 232, 225, 650, 167, 115, 143, 323, 42, 87, 256, 173, 484, 330, 189, 53, 368, 393, 492, 196, 99, 90,
        77, 101, 50,
    ];
    match byte {
        b'a'..=b'z' => LETTERS[usize::from(byte - b'a')].into(),
        // Where case counts.
        b'A'..=b'Z' => 30,
        b'0'..=b'9' => 80,
        b' ' => 1_500,
        b'"' | b'\\' | b':' => 220,
        b'_' | b',' | b'/' | b'.' | b'-' => 120,
        _ => 40,
    }
}
