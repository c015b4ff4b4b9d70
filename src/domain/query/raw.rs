//! Tells raw records of JSON that may hold a needle from those that do not, without decoding them.
//!
//! It may say yes for nothing: what it lets through is decoded and compared by a [`Matcher`](super::Matcher). It must
//! never say no to what a matcher would find in the decoded text.

use std::ops::Range;

use regex::bytes::Regex;

use super::fold::{Case, fold};
use super::literals::{Required, required};
use super::matcher::{compile, folded_find, folded_letter, pattern, verbatim};
use super::sieve::{SYMBOLS, Sieve, has_marks, next_beyond_ascii};
use super::{Form, Needle};

/// Rules records out. Whatever matches the needle holds one of its atoms.
#[derive(Debug)]
pub struct Raw {
    atoms: Vec<Atom>,
}

/// A part of a needle that stands in raw records as it does in the text, or with letters escaped (`\u00e9`).
#[derive(Debug)]
pub struct Atom {
    folded: String,
    case: Case,
    by: By,
    /// Symbols count as the letters that they look like.
    symbols: bool,
}

#[derive(Debug)]
enum By {
    /// The atom is ASCII.
    Sieve(Sieve),
    /// It is not: this finds its direct spellings.
    Pattern(Regex),
}

impl Raw {
    /// By parts of the needle that no JSON writer escapes; `None` where there are none.
    pub fn new(needle: &Needle) -> Option<Self> {
        if needle.form == Form::Regex {
            let Required { texts, case, symbols } = required(&needle.text)?;
            let atoms = texts.iter().map(|text| Atom::new(text, case).map(|atom| Atom { symbols, ..atom }));
            return Some(Self { atoms: atoms.collect::<Option<_>>()? });
        }
        let case = Case::smart(&needle.text);
        let mut atoms = vec![Atom::new(&needle.text, case)?];
        atoms.extend(verbatim(&needle.text).and_then(|text| Atom::verbatim(text, case)));
        Some(Self { atoms })
    }

    /// One of them is in whatever matches.
    pub fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// Whether there may be a match.
    pub fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.atoms.iter().any(|atom| atom.find_at(bytes, 0).is_some())
    }
}

impl Atom {
    fn new(text: &str, case: Case) -> Option<Self> {
        let folded = fold(text, case);
        let atom = longest_part(&folded)?.to_owned();
        let by = if atom.is_ascii() {
            By::Sieve(Sieve::new(&atom, case)?)
        } else {
            By::Pattern(compile(&pattern(&atom, case), case, true).ok()?)
        };
        Some(Self { folded: atom, case, by, symbols: false })
    }

    /// For text that is found as it is written. Where nothing of it is beyond ASCII but white space, what it folds to
    /// stands in it.
    fn verbatim(text: &str, case: Case) -> Option<Self> {
        let part = text.split(is_escaped).filter(|part| !part.is_ascii()).max_by_key(|part| part.len())?;
        let by = By::Pattern(compile(&regex::escape(part), case, true).ok()?);
        Some(Self { folded: part.to_owned(), case, by, symbols: false })
    }

    /// The first place at or after `from` where a match may lie.
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
        match &self.by {
            By::Sieve(sieve) => sieve.next(bytes, from, self.may_be_symbols()),
            By::Pattern(_) => next_beyond_ascii(bytes, from),
        }
    }

    /// Whether letters of it have spellings among [`SYMBOLS`].
    fn may_be_symbols(&self) -> bool {
        self.symbols || self.folded.contains(['a', 'A', 'k', 'K'])
    }

    /// The first match in what was not ruled out.
    fn find(&self, bytes: &[u8], floor: usize, range: Range<usize>) -> Option<usize> {
        let direct = match &self.by {
            By::Sieve(sieve) => sieve.find(bytes, floor, range.clone()),
            By::Pattern(pattern) => {
                let reach = self.folded.len() * 4 + 8;
                let end = (range.end + reach).min(bytes.len());
                let start = range.start.saturating_sub(reach).max(floor);
                pattern.find_at(&bytes[..end], start).map(|found| found.start())
            }
        };
        let escaped = self.find_escaped(bytes, range.clone());
        let symbol = || memchr::memmem::find(&bytes[range.start..(range.end + 1).min(bytes.len())], &SYMBOLS);
        let symbol = if self.may_be_symbols() { symbol().map(|at| range.start + at) } else { None };
        let folded = folded_find(bytes, floor, range, &self.folded, self.case).map(|found| found.start);
        direct.into_iter().chain(folded).chain(escaped).chain(symbol).min()
    }

    /// The first escaped letter in a range that may be one of the atom's.
    fn find_escaped(&self, bytes: &[u8], range: Range<usize>) -> Option<usize> {
        memchr::memchr_iter(b'\\', &bytes[range.clone()]).map(|at| range.start + at).find(|&at| {
            match escaped_letter(&bytes[at..]) {
                None => false,
                // Half of a letter beyond 16 bits.
                Some(Err(_)) => self.folded.chars().any(|letter| letter >= '\u{10000}'),
                Some(Ok(letter)) => {
                    let folded = folded_letter(letter, self.case);
                    self.folded.contains(letter) || folded.is_empty() || folded.chars().any(|c| self.folded.contains(c))
                }
            }
        })
    }

    /// The atom as ASCII in lower case, where it is found by nothing else than its letters and what folds to them.
    pub fn letters(&self) -> Option<Vec<u8>> {
        let plain = matches!(self.by, By::Sieve(_)) && !self.symbols;
        plain.then(|| self.folded.to_ascii_lowercase().into_bytes())
    }
}

/// A letter beyond ASCII that is escaped at the beginning of raw bytes, or the half of one.
fn escaped_letter(bytes: &[u8]) -> Option<Result<char, u32>> {
    let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?.get(..4)?).ok()?;
    let code = u32::from_str_radix(digits, 16).ok().filter(|code| *code >= 0x80)?;
    Some(char::from_u32(code).ok_or(code))
}

/// The text of a raw record folded, where it holds letters that fold to others; of the rest its bytes tell.
pub fn folded_record(bytes: &[u8]) -> Option<String> {
    let escapes: Vec<(usize, char)> = memchr::memmem::find_iter(bytes, b"\\u")
        .filter_map(|at| Some((at, escaped_letter(&bytes[at..])?.unwrap_or(' '))))
        .collect();
    if escapes.is_empty() && !has_marks(bytes) {
        return None;
    }
    let (mut text, mut from) = (String::new(), 0);
    for (at, letter) in escapes {
        text.push_str(&String::from_utf8_lossy(&bytes[from..at]));
        text.push(letter);
        from = at + 6;
    }
    text.push_str(&String::from_utf8_lossy(&bytes[from..]));
    Some(fold(&text, Case::Ignored))
}

/// Letters that JSON writers escape, or may.
pub fn is_escaped(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"\\/<>&'".contains(c)
}

/// The longest part of a text that stands in JSON as it is.
pub fn longest_part(text: &str) -> Option<&str> {
    text.split(is_escaped).max_by_key(|part| part.len()).filter(|part| !part.is_empty())
}
