//! Prefilter on raw JSON records, without decoding them.
//!
//! False positives are allowed: a [`NeedleMatcher`](crate::domain::query::NeedleMatcher) compares the decoded text. False
//! negatives are not.

mod ascii;
mod literals;
mod rare_byte;

use std::ops::Range;

use regex::bytes::Regex;

use self::ascii::{AsciiPrefilter, LETTERLIKE_PREFIX, next_non_ascii};
use self::literals::{RequiredLiterals, required};
use crate::domain::query::fold::{Case, fold};
use crate::domain::query::matcher::{compile, find_folded, fold_letter, pattern, verbatim, wildcard_parts};
use crate::domain::query::{Needle, NeedleForm};

pub use rare_byte::RareByteFinder;

/// Prefilter of a needle. Every match contains one of its literals.
#[derive(Debug)]
pub struct JsonPrefilter {
    literals: Vec<Literal>,
}

/// Part of a needle that occurs unchanged in raw records, or with escaped letters (`\u00e9`).
#[derive(Debug)]
pub struct Literal {
    folded: String,
    case: Case,
    finder: LiteralFinder,
    /// True if letterlike symbols match letters.
    letterlike: bool,
}

#[derive(Debug)]
enum LiteralFinder {
    /// Finder for an ASCII literal.
    Ascii(AsciiPrefilter),
    /// Finder for the direct spellings of any other literal.
    Pattern(Regex),
}

impl JsonPrefilter {
    /// Builds the filter from the parts of a needle that no JSON writer escapes. Returns `None` if there are none.
    pub fn new(needle: &Needle) -> Option<Self> {
        if needle.form == NeedleForm::Regex {
            let RequiredLiterals { texts, case, letterlike: symbols } = required(&needle.text)?;
            let atoms =
                texts.iter().map(|text| Literal::new(text, case).map(|atom| Literal { letterlike: symbols, ..atom }));
            return Some(Self { literals: atoms.collect::<Option<_>>()? });
        }
        let case = Case::smart(&needle.text);
        if needle.form == NeedleForm::Wildcard {
            // Every match contains all parts.
            let parts = wildcard_parts(&needle.text).filter_map(|part| Literal::new(part, case));
            return Some(Self { literals: vec![parts.max_by_key(|literal| literal.folded.len())?] });
        }
        let mut atoms = vec![Literal::new(&needle.text, case)?];
        atoms.extend(verbatim(&needle.text).and_then(|text| Literal::verbatim(text, case)));
        Some(Self { literals: atoms })
    }

    /// Literals of which every match contains at least one.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// Returns true if the record may contain a match.
    pub fn may_match(&self, bytes: &[u8]) -> bool {
        self.literals.iter().any(|atom| atom.find_at(bytes, 0).is_some())
    }
}

impl Literal {
    fn new(text: &str, case: Case) -> Option<Self> {
        let folded = fold(text, case);
        let atom = longest_part(&folded)?.to_owned();
        let by = if atom.is_ascii() {
            LiteralFinder::Ascii(AsciiPrefilter::new(&atom, case)?)
        } else {
            LiteralFinder::Pattern(compile(&pattern(&atom, case), case, true).ok()?)
        };
        Some(Self { folded: atom, case, finder: by, letterlike: false })
    }

    /// Builds the literal of a text that matches verbatim. Returns `None` if only its white space is not ASCII, because
    /// its folded form then occurs in it.
    fn verbatim(text: &str, case: Case) -> Option<Self> {
        let part = text.split(may_be_escaped).filter(|part| !part.is_ascii()).max_by_key(|part| part.len())?;
        let by = LiteralFinder::Pattern(compile(&regex::escape(part), case, true).ok()?);
        Some(Self { folded: part.to_owned(), case, finder: by, letterlike: false })
    }

    /// Returns true if every direct match of the literal is a match of its needle.
    pub fn is_whole(&self, folded: &str) -> bool {
        self.folded == folded && matches!(self.finder, LiteralFinder::Ascii(_))
    }

    /// Returns true if the literal occurs at an offset, directly.
    pub fn occurs_at(&self, bytes: &[u8], at: usize) -> bool {
        match &self.finder {
            LiteralFinder::Ascii(prefilter) => prefilter.is_match_at(bytes, at),
            LiteralFinder::Pattern(_) => false,
        }
    }

    /// Returns the first candidate position at or after `from`.
    pub fn find_at(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(range) = self.next(bytes, at) {
            at = range.end;
            let found = self.find(bytes, from, range);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn next(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        match &self.finder {
            LiteralFinder::Ascii(prefilter) => prefilter.next(bytes, from, self.may_match_letterlike()),
            LiteralFinder::Pattern(_) => next_non_ascii(bytes, from),
        }
    }

    /// Returns true if letters of the literal have spellings with [`LETTERLIKE_PREFIX`].
    fn may_match_letterlike(&self) -> bool {
        self.letterlike || self.folded.contains(['a', 'A', 'k', 'K'])
    }

    /// Returns the first candidate in a range that was not excluded.
    fn find(&self, bytes: &[u8], floor: usize, range: Range<usize>) -> Option<usize> {
        let direct = match &self.finder {
            LiteralFinder::Ascii(prefilter) => prefilter.find(bytes, floor, range.clone()),
            LiteralFinder::Pattern(pattern) => {
                let reach = self.folded.len() * 4 + 8;
                let end = (range.end + reach).min(bytes.len());
                let start = range.start.saturating_sub(reach).max(floor);
                pattern.find_at(&bytes[..end], start).map(|found| found.start())
            }
        };
        let escaped = self.find_escaped(bytes, range.clone());
        let symbol = || memchr::memmem::find(&bytes[range.start..(range.end + 1).min(bytes.len())], &LETTERLIKE_PREFIX);
        let symbol = if self.may_match_letterlike() { symbol().map(|at| range.start + at) } else { None };
        let folded = find_folded(bytes, floor, range, &self.folded, self.case).map(|found| found.start);
        direct.into_iter().chain(folded).chain(escaped).chain(symbol).min()
    }

    /// Returns the first escaped letter in a range that may belong to the literal.
    fn find_escaped(&self, bytes: &[u8], range: Range<usize>) -> Option<usize> {
        memchr::memchr_iter(b'\\', &bytes[range.clone()]).map(|at| range.start + at).find(|&at| {
            match escaped_letter(&bytes[at..]) {
                None => false,
                // Half of a surrogate pair.
                Some(Err(_)) => self.folded.chars().any(|letter| letter >= '\u{10000}'),
                Some(Ok(letter)) => {
                    let folded = fold_letter(letter, self.case);
                    self.folded.contains(letter) || folded.is_empty() || folded.chars().any(|c| self.folded.contains(c))
                }
            }
        })
    }

    /// Returns the literal as lower-case ASCII, if only its letters and their foldable spellings match it.
    pub fn plain_ascii(&self) -> Option<Vec<u8>> {
        let plain = matches!(self.finder, LiteralFinder::Ascii(_)) && !self.letterlike;
        plain.then(|| self.folded.to_ascii_lowercase().into_bytes())
    }
}

/// Decodes an escaped character at the start of raw bytes, or half of a surrogate pair. Control characters are in no needle.
fn escaped_letter(bytes: &[u8]) -> Option<Result<char, u32>> {
    let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?.get(..4)?).ok()?;
    let code = u32::from_str_radix(digits, 16).ok().filter(|code| *code > 0x20)?;
    Some(char::from_u32(code).ok_or(code))
}

/// Returns true for characters that JSON writers escape or may escape.
fn may_be_escaped(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"\\/<>&'".contains(c)
}

/// Returns the longest part of a text that JSON contains unchanged.
fn longest_part(text: &str) -> Option<&str> {
    text.split(may_be_escaped).max_by_key(|part| part.len()).filter(|part| !part.is_empty())
}
