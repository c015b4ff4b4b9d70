//! N-gram filters of sources, so that a search opens only files that may contain its words.
//!
//! Each 4-gram of letters, without case and accents, sets three bits of some thousand per segment of the source. A
//! missing bit proves that the word is absent; otherwise it may occur. Appended bytes are not covered and always searched. Only
//! words of plain letters have n-grams.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::prefilter::JsonPrefilter;
use crate::domain::query::fold::{Case, fold};
use crate::domain::query::foldable::next_foldable;
use crate::domain::query::{Needle, NeedleForm};

/// Letters per n-gram.
const GRAM_LEN: u32 = 4;

/// Bits per letter. Digits are excluded, because ids and digests would set all bits.
const LETTER_BITS: u32 = 5;

/// Number of possible n-grams.
const GRAM_SPACE: usize = 1 << (GRAM_LEN * LETTER_BITS);

/// Code of other bytes.
const NOT_A_LETTER: u8 = u8::MAX;

/// Letter codes by byte.
static LETTER_CODES: [u8; 256] = letter_codes();

const fn letter_codes() -> [u8; 256] {
    let mut numbers = [NOT_A_LETTER; 256];
    let (mut at, mut number) = (0, 0);
    while at < 26 {
        numbers[b'a' as usize + at] = number;
        numbers[b'A' as usize + at] = number;
        (at, number) = (at + 1, number + 1);
    }
    numbers[b'_' as usize] = number;
    numbers
}

/// N-grams of a needle. Every match contains all of one alternative; without alternatives nothing is known.
#[derive(Debug, Default)]
pub(super) struct NeedleGrams(Vec<Vec<u32>>);

impl NeedleGrams {
    /// Returns the n-grams of a needle, or of the literals that its matches contain.
    pub(super) fn new(needle: &Needle, prefilter: Option<&JsonPrefilter>) -> Self {
        let is_plain = needle.form != NeedleForm::Regex && needle.text.is_ascii();
        let texts: Option<Vec<Vec<u8>>> = if is_plain {
            Some(vec![needle.text.clone().into_bytes()])
        } else {
            prefilter
                .and_then(|prefilter| prefilter.literals().iter().map(super::prefilter::Literal::plain_ascii).collect())
        };
        let alternatives: Vec<Vec<u32>> = texts.unwrap_or_default().iter().map(|text| grams(text)).collect();
        let is_known = alternatives.iter().all(|grams| !grams.is_empty());
        Self(if is_known { alternatives } else { Vec::new() })
    }

    /// Returns true if nothing is known about matches.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the segments that may contain a match, as bits. `row` returns those with an n-gram, by its
    /// [hash](HASH_BITS).
    pub(super) fn candidates(&self, mut row: impl FnMut(u32) -> u64) -> u64 {
        let of_alternative = |grams: &Vec<u32>| {
            let mut candidates = u64::MAX;
            for hash in grams.iter().flat_map(|gram| hashes(*gram)) {
                if candidates == 0 {
                    break;
                }
                candidates &= row(hash);
            }
            candidates
        };
        if self.is_empty() { u64::MAX } else { self.0.iter().map(of_alternative).fold(0, |all, one| all | one) }
    }
}

fn grams(text: &[u8]) -> Vec<u32> {
    let mut grams = Vec::new();
    each_gram(text, |gram| grams.push(gram));
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Calls `sink` with each n-gram, including repeated ones.
#[inline]
fn each_gram(bytes: &[u8], mut sink: impl FnMut(u32)) {
    const MASK: u32 = (1 << (GRAM_LEN * LETTER_BITS)) - 1;
    let (mut gram, mut length) = (0, 0);
    for &byte in bytes {
        let letter = LETTER_CODES[usize::from(byte)];
        if letter == NOT_A_LETTER {
            length = 0;
            continue;
        }
        gram = (gram << LETTER_BITS | u32::from(letter)) & MASK;
        length += 1;
        if length >= GRAM_LEN {
            sink(gram);
        }
    }
}

/// Builder of filters, segment by segment.
#[derive(Debug)]
pub(super) struct NgramFilterBuilder {
    grams: Vec<u64>,
    /// Added bytes of this segment, and the folded ones among them.
    bytes: usize,
    folded: usize,
    segments: Vec<FilterSegment>,
    /// Starts of the values that are skipped; see [`Self::begin`].
    opaque: Vec<Vec<u8>>,
    /// Sessions in this segment.
    sessions: Vec<String>,
    density: FilterDensity,
}

impl Default for NgramFilterBuilder {
    fn default() -> Self {
        Self {
            grams: vec![0; GRAM_SPACE / 64],
            bytes: 0,
            folded: 0,
            segments: Vec::new(),
            opaque: Vec::new(),
            sessions: Vec::new(),
            density: FilterDensity::COMPACT,
        }
    }
}

/// Size of a filter relative to its source: the larger, the fewer n-grams share a bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterDensity {
    /// Minimum bytes of the source per byte of the filter.
    source_bytes: usize,
    /// Number of bits per n-gram.
    bits: usize,
    /// Minimum bytes of a filter.
    min_bytes: usize,
}

impl FilterDensity {
    /// Compact filters: larger ones would prune more, but take up more of the disk.
    pub(super) const COMPACT: Self = Self { source_bytes: 32, bits: 6, min_bytes: 64 };

    /// Filters for sources where a false match is costly.
    pub(super) const SPARSE: Self = Self { source_bytes: 16, bits: 8, min_bytes: 512 };
}

/// Context in bytes around a letter that folds to another one, for the n-grams across it.
const FOLD_CONTEXT: usize = 64;

/// Bytes per segment, because longer ones contain nearly all n-grams.
const SEGMENT_BYTES: usize = 1 << 20;

impl NgramFilterBuilder {
    /// Begins the filter of a source. `opaque_fields`: see [`crate::agent::Texts::opaque_fields`].
    pub(super) fn begin(&mut self, opaque_fields: &[&str], density: FilterDensity) {
        // In a text the quotes would be escaped, so that only fields are skipped.
        self.opaque = opaque_fields.iter().map(|name| format!("\"{name}\":\"").into_bytes()).collect();
        self.density = density;
    }

    /// Adds raw records, up to a file offset. The values of opaque fields are skipped.
    pub(super) fn add_records(&mut self, bytes: &[u8], end: u64) {
        let opaque = std::mem::take(&mut self.opaque);
        let mut from = 0;
        let mut blobs: Vec<_> = opaque.iter().map(|field| next_blob(bytes, field, 0)).collect();
        while let Some((start, number)) =
            (0..).zip(&blobs).filter_map(|(at, blob)| Some((blob.as_ref()?.start, at))).min()
        {
            let end = blobs[number].as_ref().map_or(bytes.len(), |blob| blob.end);
            self.add_part(&bytes[from..start]);
            blobs[number] = next_blob(bytes, &opaque[number], end);
            from = end;
        }
        self.add_part(&bytes[from..]);
        self.opaque = opaque;
        self.end_full(end);
    }

    /// Adds a session whose record or text follows, in a source of many sessions.
    pub(super) fn add_session(&mut self, id: &str) {
        if self.sessions.last().is_none_or(|last| last != id) {
            self.sessions.push(id.to_owned());
        }
    }

    /// Adds a text.
    pub(super) fn add_text(&mut self, text: &[u8]) {
        self.add_part(text);
        self.end_full(0);
    }

    fn add_part(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.add_plain(bytes);
        self.add_folded(bytes);
    }

    fn end_full(&mut self, end: u64) {
        if self.bytes >= SEGMENT_BYTES {
            self.end_segment(end);
        }
    }

    fn add_plain(&mut self, bytes: &[u8]) {
        let grams = &mut self.grams[..];
        each_gram(bytes, |gram| grams[gram as usize / 64] |= 1 << (gram % 64));
    }

    /// Adds the n-grams of letters that fold to others, escaped or not, with their context.
    fn add_folded(&mut self, bytes: &[u8]) {
        let mut candidates =
            FoldCandidates { bytes, escape: memmem::find(bytes, ESCAPE), mark: next_foldable(bytes, 0..bytes.len()) };
        while let Some(first) = candidates.next(0) {
            let mut last = first;
            while let Some(next) = candidates.next(last + 1).filter(|next| *next < last + FOLD_CONTEXT) {
                last = next;
            }
            let stretch = &bytes[first.saturating_sub(FOLD_CONTEXT)..bytes.len().min(last + FOLD_CONTEXT)];
            self.folded += stretch.len();
            if self.is_mostly_folded() {
                return;
            }
            for chunk in stretch.utf8_chunks() {
                self.add_plain(fold(&unescape(chunk.valid()), Case::Ignored).as_bytes());
            }
            candidates.skip(last + 1);
        }
    }

    /// Returns true for scripts where folding is slow and the filter would be of little use.
    fn is_mostly_folded(&self) -> bool {
        self.folded > self.bytes / 4 + (64 << 10)
    }

    /// Ends a segment. A segment without bits prunes nothing.
    fn end_segment(&mut self, end: u64) {
        let bits = if self.is_mostly_folded() { Vec::new() } else { self.bits() };
        self.sessions.sort_unstable();
        self.sessions.dedup();
        self.segments.push(FilterSegment { end, bits, sessions: std::mem::take(&mut self.sessions) });
        self.grams.fill(0);
        (self.bytes, self.folded) = (0, 0);
    }

    fn bits(&self) -> Vec<u8> {
        let count: usize = self.grams.iter().map(|word| word.count_ones() as usize).sum();
        let FilterDensity { source_bytes, bits, min_bytes } = self.density;
        let room = (self.bytes / source_bytes).max(min_bytes) * 8;
        let len = nearest_power_of_two((count * bits).clamp(MIN_BITS, GRAM_SPACE).min(room));
        let mut bits = vec![0; len / 8];
        for (at, word) in (0u32..).zip(&self.grams) {
            let mut rest = *word;
            while rest != 0 {
                for hash in hashes(at * 64 + rest.trailing_zeros()) {
                    let bit = hash >> (HASH_BITS - len.ilog2());
                    bits[bit as usize / 8] |= 1 << (bit % 8);
                }
                rest &= rest - 1;
            }
        }
        bits
    }

    /// Returns all segments and resets the builder. The last segment ends at `end`.
    pub(super) fn finish(&mut self, end: u64) -> Vec<FilterSegment> {
        if self.bytes > 0 || self.segments.is_empty() {
            self.end_segment(end);
        }
        std::mem::take(&mut self.segments)
    }
}

/// Minimum number of bits in a filter.
const MIN_BITS: usize = 64;

/// Rounds to the power of two with the smaller ratio.
fn nearest_power_of_two(number: usize) -> usize {
    let next = number.next_power_of_two();
    // The square root of one half.
    if number * 100 < next * 71 { next / 2 } else { next }
}

/// Minimum length of a skipped value, because shorter ones set few bits.
const MIN_BLOB_BYTES: usize = 256;

/// Returns the next base64 value of a field at or after `from`.
fn next_blob(bytes: &[u8], field: &[u8], from: usize) -> Option<Range<usize>> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let mut at = from;
    loop {
        let start = at + memmem::find(&bytes[at..], field)? + field.len();
        let end = bytes[start..].iter().position(|byte| !is_base64(byte)).map_or(bytes.len(), |len| start + len);
        if end - start >= MIN_BLOB_BYTES && bytes.get(end) == Some(&b'"') {
            return Some(start..end);
        }
        at = start;
    }
}

/// Start of an escaped letter.
const ESCAPE: &[u8] = b"\\u";

/// Positions of letters that fold to others, or may.
struct FoldCandidates<'a> {
    bytes: &'a [u8],
    mark: Option<usize>,
    escape: Option<usize>,
}

impl FoldCandidates<'_> {
    /// Returns the next position at or after `from`.
    fn next(&mut self, from: usize) -> Option<usize> {
        self.skip(from);
        self.mark.into_iter().chain(self.escape).min()
    }

    /// Skips to `from`.
    fn skip(&mut self, from: usize) {
        if self.mark.is_some_and(|mark| mark < from) {
            self.mark = next_foldable(self.bytes, from..self.bytes.len());
        }
        while self.escape.is_some_and(|at| at < from || self.is_in_no_gram(at)) {
            let next = self.escape.map_or(0, |at| from.max(at + 1)).min(self.bytes.len());
            self.escape = memmem::find(&self.bytes[next..], ESCAPE).map(|at| next + at);
        }
    }

    /// Returns true for an escaped ASCII character that belongs to no n-gram, such as a control character or a bracket.
    fn is_in_no_gram(&self, at: usize) -> bool {
        let digits =
            self.bytes[at..].strip_prefix(b"\\u00").and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(|byte| byte.is_ascii() && LETTER_CODES[usize::from(byte)] == NOT_A_LETTER)
    }
}

/// Decodes JSON escapes; invalid ones are kept.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut high = None;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let code_unit = tail.strip_prefix('u').and_then(|tail| u16::from_str_radix(tail.get(..4)?, 16).ok());
        let Some(code_unit) = code_unit else {
            // An escaped newline, quote or the like.
            plain.push(' ');
            rest = tail.get(tail.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
            continue;
        };
        let pair = high.take().into_iter().chain([code_unit]);
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

/// Number of bits of a hash. Its first bits are the number of the bit in a filter.
pub(super) const HASH_BITS: u32 = GRAM_LEN * LETTER_BITS;

/// Factors of the hashes. An odd factor is a bijection that spreads neighbours.
const FACTORS: [u32; 3] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d];

/// Returns the hashes of an n-gram, one per bit that it sets.
fn hashes(gram: u32) -> [u32; 3] {
    FACTORS.map(|factor| gram.wrapping_mul(factor) & ((1 << HASH_BITS) - 1))
}

/// Filter of one segment of a source.
#[derive(Debug)]
pub(super) struct FilterSegment {
    /// End offset of the segment; 0 in sources of records.
    pub end: u64,
    /// Bits, a power of two of them; none: it may contain everything.
    pub bits: Vec<u8>,
    /// Ids of the sessions in it; empty: it may contain any session of its source.
    pub sessions: Vec<String>,
}
