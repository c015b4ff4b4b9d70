//! Which letters stand together in a unit, so that a search need not open units that cannot hold what it looks for.
//!
//! Every four letters in a row, without case and accents, are remembered as one bit of some thousand for each unit.
//! Where a bit of a needle's letters is missing, the needle is not there; where none is missing, it may be. What was
//! appended since is not known, and is always looked at. Only needles of plain letters are told apart that way.

use std::ops::Range;

use memchr::memmem;

use crate::domain::query::fold::{Case, fold};
use crate::domain::query::sieve::next_mark;
use crate::domain::query::{Form, Needle};

/// Letters in a row.
const ROW: u32 = 4;

/// Bits of a letter. Digits are none: ids and digests would fill all rows there are.
const LETTER: u32 = 5;

/// All rows there can be.
const ROWS: usize = 1 << (ROW * LETTER);

/// What is no letter.
const NONE: u8 = u8::MAX;

/// Letters as numbers.
static LETTERS: [u8; 256] = letters();

const fn letters() -> [u8; 256] {
    let mut numbers = [NONE; 256];
    let (mut at, mut number) = (0, 0);
    while at < 26 {
        numbers[b'a' as usize + at] = number;
        numbers[b'A' as usize + at] = number;
        (at, number) = (at + 1, number + 1);
    }
    numbers[b'_' as usize] = number;
    numbers
}

/// The rows of letters of a needle; empty where it has none by which it could be ruled out.
pub fn rows(needle: &Needle) -> Vec<u32> {
    let mut rows = Vec::new();
    if needle.form != Form::Regex && needle.text.is_ascii() {
        each_row(needle.text.as_bytes(), |row| rows.push(row));
    }
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Tells of each row, more than once where it occurs more than once.
#[inline]
fn each_row(bytes: &[u8], mut tell: impl FnMut(u32)) {
    const MASK: u32 = (1 << (ROW * LETTER)) - 1;
    let (mut row, mut length) = (0, 0);
    for &byte in bytes {
        let letter = LETTERS[usize::from(byte)];
        if letter == NONE {
            length = 0;
            continue;
        }
        row = (row << LETTER | u32::from(letter)) & MASK;
        length += 1;
        if length >= ROW {
            tell(row);
        }
    }
}

/// The rows of a unit, as they are gathered, stretch by stretch.
#[derive(Debug)]
pub struct Gathered {
    rows: Vec<u64>,
    /// Bytes that were looked at, and those of them that had to be folded.
    bytes: usize,
    folded: usize,
    segments: Vec<u8>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { rows: vec![0; ROWS / 64], bytes: 0, folded: 0, segments: Vec::new() }
    }
}

/// How far around a letter that folds to another one the rows reach that it is part of, in bytes.
const REACH: usize = 64;

/// Bytes after which a segment is ended: in more, any letters stand together.
const SEGMENT: usize = 1 << 20;

impl Gathered {
    /// Takes in raw records, those of a file up to an offset. Images and signatures in them are nobody's words.
    pub fn add_records(&mut self, bytes: &[u8], end: u64) {
        let mut from = 0;
        let mut blobs = SEALED.map(|field| next_blob(bytes, field, 0));
        while let Some((start, number)) =
            (0..).zip(&blobs).filter_map(|(at, blob)| Some((blob.as_ref()?.start, at))).min()
        {
            let end = blobs[number].as_ref().map_or(bytes.len(), |blob| blob.end);
            // The fields are told apart by their quotes: no value holds another.
            self.add_part(&bytes[from..start]);
            blobs[number] = next_blob(bytes, SEALED[number], end);
            from = end;
        }
        self.add_part(&bytes[from..]);
        self.end_full(end);
    }

    /// Takes in text.
    pub fn add_text(&mut self, text: &[u8]) {
        self.add_part(text);
        self.end_full(0);
    }

    fn add_part(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.add_plain(bytes);
        self.add_folded(bytes);
    }

    fn end_full(&mut self, end: u64) {
        if self.bytes >= SEGMENT {
            self.end_segment(end);
        }
    }

    fn add_plain(&mut self, bytes: &[u8]) {
        let rows = &mut self.rows[..];
        each_row(bytes, |row| rows[row as usize / 64] |= 1 << (row % 64));
    }

    /// Adds what letters that fold to others mean, escaped or not, with what stands around them.
    fn add_folded(&mut self, bytes: &[u8]) {
        let mut strange =
            Strange { bytes, escape: memmem::find(bytes, ESCAPE), mark: next_mark(bytes, 0..bytes.len()) };
        while let Some(first) = strange.next(0) {
            let mut last = first;
            while let Some(next) = strange.next(last + 1).filter(|next| *next < last + REACH) {
                last = next;
            }
            let stretch = &bytes[first.saturating_sub(REACH)..bytes.len().min(last + REACH)];
            self.folded += stretch.len();
            if self.is_vague() {
                return;
            }
            for chunk in stretch.utf8_chunks() {
                self.add_plain(fold(&unescape(chunk.valid()), Case::Ignored).as_bytes());
            }
            strange.skip(last + 1);
        }
    }

    /// Mostly of a script where folding takes long and tells little.
    fn is_vague(&self) -> bool {
        self.folded > self.bytes / 4 + (64 << 10)
    }

    /// Ends a segment: its end, how many bytes of bits it has, and these; none where they rule out nothing.
    fn end_segment(&mut self, end: u64) {
        let bits = if self.is_vague() { Vec::new() } else { self.bits() };
        self.segments.extend_from_slice(&end.to_le_bytes());
        self.segments.extend_from_slice(&u32::try_from(bits.len()).unwrap_or_default().to_le_bytes());
        self.segments.extend_from_slice(&bits);
        self.rows.fill(0);
        (self.bytes, self.folded) = (0, 0);
    }

    fn bits(&self) -> Vec<u8> {
        let count: usize = self.rows.iter().map(|word| word.count_ones() as usize).sum();
        // More would tell apart better, but take more room than the talk may take altogether.
        let room = (self.bytes / 96).max(64);
        let mut bits = vec![0; (count * 3 / 2).clamp(64, ROWS).div_ceil(8).min(room)];
        let len = bits.len();
        for (at, word) in (0u32..).zip(&self.rows) {
            let mut rest = *word;
            while rest != 0 {
                let (byte, bit) = place(at * 64 + rest.trailing_zeros(), len);
                bits[byte] |= bit;
                rest &= rest - 1;
            }
        }
        bits
    }

    /// All segments, to be stored; begins anew. The last one ends at `end`.
    pub fn finish(&mut self, end: u64) -> Vec<u8> {
        if self.bytes > 0 || self.segments.is_empty() {
            self.end_segment(end);
        }
        std::mem::take(&mut self.segments)
    }
}

/// Fields in which agents keep images, signatures and sealed reasoning, none of which is a text to be found. In a text
/// their quotes would be escaped.
const SEALED: [&[u8]; 3] = [b"\"data\":\"", b"\"signature\":\"", b"\"encrypted_content\":\""];

/// Shortest value of such a field that is left out: it must fill all rows there are, were it not.
const BLOB: usize = 256;

/// The next value of a field at or after `from` that is sealed: nothing but base64.
fn next_blob(bytes: &[u8], field: &[u8], from: usize) -> Option<Range<usize>> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let mut at = from;
    loop {
        let start = at + memmem::find(&bytes[at..], field)? + field.len();
        let end = bytes[start..].iter().position(|byte| !is_base64(byte)).map_or(bytes.len(), |len| start + len);
        if end - start >= BLOB && bytes.get(end) == Some(&b'"') {
            return Some(start..end);
        }
        at = start;
    }
}

/// Begins an escaped letter.
const ESCAPE: &[u8] = b"\\u";

/// The places of letters that fold to others, or may.
struct Strange<'a> {
    bytes: &'a [u8],
    mark: Option<usize>,
    escape: Option<usize>,
}

impl Strange<'_> {
    /// The next one at or after `from`.
    fn next(&mut self, from: usize) -> Option<usize> {
        self.skip(from);
        self.mark.into_iter().chain(self.escape).min()
    }

    /// Goes to `from`.
    fn skip(&mut self, from: usize) {
        if self.mark.is_some_and(|mark| mark < from) {
            self.mark = next_mark(self.bytes, from..self.bytes.len());
        }
        while self.escape.is_some_and(|at| at < from || self.bytes[at..].starts_with(b"\\u00") && self.is_ascii(at)) {
            let next = self.escape.map_or(0, |at| from.max(at + 1)).min(self.bytes.len());
            self.escape = memmem::find(&self.bytes[next..], ESCAPE).map(|at| next + at);
        }
    }

    /// Whether the escaped letter at a place is a control character, or another one that folds to nothing else.
    fn is_ascii(&self, at: usize) -> bool {
        self.bytes.get(at + 4).is_some_and(|digit| (b'0'..b'8').contains(digit))
    }
}

/// A text without escapes, as JSON writes them; what is none stays as it is.
fn unescape(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut high = None;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let unit = tail.strip_prefix('u').and_then(|tail| u16::from_str_radix(tail.get(..4)?, 16).ok());
        let Some(unit) = unit else {
            // A line's end, a quote, or the like.
            plain.push(' ');
            rest = tail.get(tail.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
            continue;
        };
        let pair = high.take().into_iter().chain([unit]);
        for letter in char::decode_utf16(pair) {
            match letter {
                Ok(letter) => plain.push(letter),
                Err(error) => high = Some(error.unpaired_surrogate()),
            }
        }
        rest = &tail[5..];
    }
    plain.push_str(rest);
    plain.into()
}

/// Where the bit of a row is in so many bytes: the byte, and the bit in it.
fn place(row: u32, bytes: usize) -> (usize, u8) {
    // An odd factor sends each row to another number, far from those of its neighbours.
    let spread = u64::from(row.wrapping_mul(0x9e37_79b1)) & (ROWS as u64 - 1);
    let bit = usize::try_from((spread * bytes as u64 * 8) >> (ROW * LETTER)).unwrap_or_default();
    (bit / 8, 1 << (bit % 8))
}

/// What is known of a stretch of a unit.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The offset at which it ends; 0 in what has none.
    pub end: u64,
    bits: &'a [u8],
}

impl Segment<'_> {
    /// Whether all of some rows may stand there.
    pub fn may_hold(&self, rows: &[u32]) -> bool {
        let is_set = |row: &u32| {
            let (byte, bit) = place(*row, self.bits.len());
            self.bits[byte] & bit != 0
        };
        self.bits.is_empty() || rows.iter().all(is_set)
    }
}

/// The segments of what is stored. Where that is damaged, one that may hold everything.
pub fn segments(stored: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = stored;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut split = || {
            let (end, behind) = rest.split_first_chunk::<8>()?;
            let (len, behind) = behind.split_first_chunk::<4>()?;
            let (bits, behind) = behind.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
            rest = behind;
            Some(Segment { end: u64::from_le_bytes(*end), bits })
        };
        let segment = split();
        if segment.is_none() {
            rest = &[];
        }
        Some(segment.unwrap_or(Segment { end: 0, bits: &[] }))
    })
}
