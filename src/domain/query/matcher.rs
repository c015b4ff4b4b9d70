//! Finds a needle in text. One rule for the index, for raw files and for the open transcript.
//!
//! A needle's letters are sought as they are, without case where that does not count, by an automaton that looks at
//! many bytes at once. Accented and decomposed spellings are rare and betray themselves by their bytes: only the
//! neighbourhood of such bytes is folded and compared.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::fold::{Case, Folded, fold};
use super::raw::Raw;
use super::sieve::next_mark;
use super::{Form, Needle};

/// Bounds of a compiled pattern, so that no pattern can be expensive.
const PATTERN_BYTES: usize = 2 << 20;

/// How deep a pattern may be nested.
pub(super) const NEST: u32 = 64;

/// A needle, ready to be sought.
#[derive(Clone, Debug)]
pub struct Matcher {
    direct: Regex,
    /// The same for plain letters in short texts, where setting the other one to work takes longer than its work.
    near: Option<Near>,
    /// The needle folded, for the places where folding matters; `None` for a regular expression.
    folded: Option<(String, Case)>,
    /// The needle as it was written, where that is found too; see [`verbatim`].
    verbatim: Option<String>,
}

impl Matcher {
    /// Prepares a needle. Fails with what is wrong with a regular expression, in one line.
    pub fn new(needle: &Needle) -> Result<Self, String> {
        let case = Case::smart(&needle.text);
        if needle.form == Form::Regex {
            return Ok(Self { direct: expression(&needle.text)?, near: None, folded: None, verbatim: None });
        }
        let folded = fold(needle.text.trim(), case);
        if folded.trim().is_empty() {
            let direct = compile(&regex::escape(&needle.text), case, true)?;
            return Ok(Self { direct, near: None, folded: None, verbatim: None });
        }
        let verbatim = verbatim(&needle.text).map(str::to_owned);
        let (direct, near) = match &verbatim {
            None => (compile(&pattern(&folded, case), case, !folded.is_ascii())?, Near::new(&folded, case)),
            Some(text) => (compile(&format!("{}|{}", pattern(&folded, case), regex::escape(text)), case, true)?, None),
        };
        Ok(Self { direct, near, folded: Some((folded, case)), verbatim })
    }

    /// The first match in a short text at or after `from`: the same as [`find_in`](Self::find_in), and quicker there.
    pub fn find_near(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        match &self.near {
            Some(near) => self.with_folded(bytes, from, near.find(bytes, from)),
            None => self.find_in(bytes, from),
        }
    }

    /// Whether it only goes on where `other` ends, so that it is nowhere before the first match of that.
    pub fn goes_on(&self, other: &Self) -> bool {
        let (Some((mine, case)), Some((others, other_case))) = (&self.folded, &other.folded) else { return false };
        case == other_case && mine.starts_with(others.as_str())
    }

    /// The first match that begins at `from` or later. `from` is a character's boundary.
    pub fn find_at(&self, text: &str, from: usize) -> Option<Range<usize>> {
        self.find_in(text.as_bytes(), from)
    }

    /// The same in bytes that are text, or nearly so.
    pub fn find_in(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        self.with_folded(bytes, from, self.direct.find_at(bytes, from).map(|found| found.range()))
    }

    /// The first match, where `direct` is the first one that needs no folding.
    fn with_folded(&self, bytes: &[u8], from: usize, direct: Option<Range<usize>>) -> Option<Range<usize>> {
        let Some((folded, case)) = &self.folded else { return direct };
        let to = direct.as_ref().map_or(bytes.len(), |found| found.end);
        match (folded_find(bytes, from, from..to, folded, *case), direct) {
            (Some(folded), Some(direct)) if folded.start > direct.start => Some(direct),
            (Some(folded), _) => Some(folded),
            (None, direct) => direct,
        }
    }

    /// Whether whatever matches this also matches `other`: it only asks for more.
    pub fn narrows(&self, other: &Self) -> bool {
        let (Some((mine, case)), Some((others, other_case))) = (&self.folded, &other.folded) else { return false };
        // What is found as it was written is not found by what that folds to.
        if self.verbatim.is_some() {
            return false;
        }
        // A space matches any white space, so it is no part of a longer stretch of letters.
        (case == other_case || *other_case == Case::Ignored) && fold(mine, *other_case).contains(others.as_str())
    }

    /// Whether it occurs at all.
    pub fn is_in(&self, text: &str) -> bool {
        self.find_at(text, 0).is_some()
    }

    /// All matches that do not overlap, at most `most` of them. Empty matches do not count.
    pub fn find_all(&self, text: &str, most: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(range) = (found.len() < most).then(|| self.find_at(text, from)).flatten() {
            from = if range.is_empty() { next_boundary(text, range.end) } else { range.end };
            if !range.is_empty() {
                found.push(range);
            } else if from >= text.len() {
                break;
            }
        }
        found
    }

    /// Whether a raw JSON record may hold a match: never wrong when it says no.
    pub fn raw(needle: &Needle) -> Option<Raw> {
        Raw::new(needle)
    }
}

/// Plain letters, sought by the one of them that is least frequent.
#[derive(Clone, Debug)]
struct Near {
    needle: Box<[u8]>,
    case: Case,
    /// The letter's place.
    at: usize,
    /// It, in both cases where that does not count.
    letters: (u8, u8),
}

/// Letters of English text, the most frequent first; all others are rarer.
const FREQUENT: &[u8] = b" etaoinsrhldcumfpgwybvk-_./";

impl Near {
    /// Of a folded needle. `None` where it is not made of plain letters only.
    fn new(folded: &str, case: Case) -> Option<Self> {
        if !folded.is_ascii() || folded.contains(' ') {
            return None;
        }
        let rank = |byte: &u8| FREQUENT.iter().position(|other| other.eq_ignore_ascii_case(byte)).unwrap_or(usize::MAX);
        let (at, letter) = folded.bytes().enumerate().max_by_key(|(_, byte)| rank(byte))?;
        let letters = match case {
            Case::Exact => (letter, letter),
            Case::Ignored => (letter.to_ascii_lowercase(), letter.to_ascii_uppercase()),
        };
        Some(Self { needle: folded.as_bytes().into(), case, at, letters })
    }

    #[inline]
    fn is(&self, bytes: &[u8]) -> bool {
        match self.case {
            Case::Exact => *bytes == *self.needle,
            Case::Ignored => bytes.eq_ignore_ascii_case(&self.needle),
        }
    }

    fn find(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        // Where the last one was that asked for less.
        if bytes.get(from..from + self.needle.len()).is_some_and(|here| self.is(here)) {
            return Some(from..from + self.needle.len());
        }
        let mut from = from + self.at;
        while let Some(found) = bytes.get(from..).and_then(|rest| memchr::memchr2(self.letters.0, self.letters.1, rest))
        {
            let start = from + found - self.at;
            let here = bytes.get(start..start + self.needle.len())?;
            if self.is(here) {
                return Some(start..start + self.needle.len());
            }
            from += found + 1;
        }
        None
    }
}

/// The needle, where folding would not find it even where it stands letter by letter: it has letters that fold to
/// others but betray themselves by no byte (`²`, `…`, Arabic vowel signs).
pub(super) fn verbatim(needle: &str) -> Option<&str> {
    let needle = needle.trim();
    let strange = |c: char| !c.is_ascii() && !FORMED.iter().any(|range| range.contains(&c));
    let changed = || match Case::smart(needle) {
        Case::Ignored => needle.to_lowercase() != fold(needle, Case::Ignored),
        Case::Exact => needle != fold(needle, Case::Exact),
    };
    (needle.chars().any(strange) && changed()).then_some(needle)
}

fn next_boundary(text: &str, at: usize) -> usize {
    (at + 1..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

pub(super) fn compile(pattern: &str, case: Case, unicode: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Ignored)
        .unicode(unicode)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .nest_limit(NEST)
        .build()
        .map_err(|error| one_line(&error))
}

fn expression(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(expression_case(text) == Case::Ignored)
        .multi_line(true)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .nest_limit(NEST)
        .build()
        .map_err(|error| one_line(&error))
}

/// Whether case counts in a regular expression.
pub(super) fn expression_case(text: &str) -> Case {
    Case::smart(&literal_letters(text))
}

/// A regular expression without its classes such as `\W`, whose capitals mean nothing for case.
fn literal_letters(text: &str) -> String {
    let mut escaped = false;
    text.chars()
        .filter(|c| {
            let kept = !escaped;
            escaped = *c == '\\' && !escaped;
            kept
        })
        .collect()
}

fn one_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "this regular expression is too big".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
            format!("not a regular expression: {}", reason.unwrap_or("it cannot be understood"))
        }
    }
}

/// A pattern for a folded text: spaces match any white space, each letter all its accented forms unless the text is
/// plain ASCII (whose accented forms are found by [`folded_find`]).
pub(super) fn pattern(folded: &str, case: Case) -> String {
    let mut pattern = String::with_capacity(folded.len() * 2);
    for c in folded.chars() {
        match c {
            ' ' => pattern.push_str(r"\s+"),
            c if folded.is_ascii() => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            c => match FORMS[case as usize].get(&c) {
                Some(forms) => {
                    let _ = write!(pattern, "[{c}{}]", forms.iter().collect::<String>());
                }
                None => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            },
        }
    }
    pattern
}

/// Where the letters lie of which all forms are known.
const FORMED: [Range<char>; 3] = ['\u{c0}'..'\u{590}', '\u{1e00}'..'\u{2000}', '\u{ff00}'..'\u{fff0}'];

/// For each letter the single letters that fold to it, by whether case counts.
static FORMS: LazyLock<[HashMap<char, Vec<char>>; 2]> = LazyLock::new(|| {
    [Case::Exact, Case::Ignored].map(|case| {
        let mut forms: HashMap<char, Vec<char>> = HashMap::new();
        for letter in FORMED.into_iter().flatten() {
            let folded = fold(letter.encode_utf8(&mut [0; 4]), case);
            let mut chars = folded.chars();
            if let (Some(base), None) = (chars.next(), chars.next())
                && base != letter
                && base.is_alphanumeric()
            {
                forms.entry(base).or_default().push(letter);
            }
        }
        forms
    })
});

/// The first match, not before `floor`, that only folding finds, by the letters that betray one within `range`. Bytes
/// that are no text match nothing.
pub(super) fn folded_find(
    bytes: &[u8],
    floor: usize,
    range: Range<usize>,
    needle: &str,
    case: Case,
) -> Option<Range<usize>> {
    // A letter may take three bytes and a mark two more.
    let reach = needle.len() * 4 + 8;
    let mut from = range.start;
    while let Some(mark) = next_mark(bytes, from..range.end) {
        from = mark + 1;
        if !is_plausible(bytes, mark, needle, case) {
            continue;
        }
        let is_boundary = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
        let start = (floor..=mark.saturating_sub(reach).max(floor)).rev().find(is_boundary)?;
        let end = (mark + reach..bytes.len()).find(is_boundary).unwrap_or(bytes.len());
        let mut offset = start;
        for chunk in bytes[start..end].utf8_chunks() {
            let folded = Folded::new(chunk.valid(), case);
            if let Some(at) = memchr::memmem::find(folded.text.as_bytes(), needle.as_bytes()) {
                let found = folded.original(at..at + needle.len());
                return Some(offset + found.start..offset + found.end);
            }
            offset += chunk.valid().len() + chunk.invalid().len();
        }
    }
    None
}

/// The letter whose bytes begin at `at`.
fn letter_at(bytes: &[u8], at: usize) -> Option<char> {
    let len = match bytes.get(at)? {
        ..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    std::str::from_utf8(bytes.get(at..at + len)?).ok()?.chars().next()
}

/// A quick look whether the letter at `at` may be part of a match: what it folds to stands in the needle, between
/// the neighbours that it has in the text. Only letters that are plain ASCII, in both, can rule it out.
fn is_plausible(bytes: &[u8], at: usize, needle: &str, case: Case) -> bool {
    let Some(letter) = letter_at(bytes, at) else { return false };
    // Letters of which Hangul syllables are composed mean nothing by themselves.
    if ('\u{1100}'..='\u{11ff}').contains(&letter) {
        return true;
    }
    let mut folded = folded_letter(letter, case);
    let mut begin = at;
    if folded.is_empty() {
        // A mark: what matters is the letter before it.
        let base = (at.saturating_sub(4)..at).rev().find(|at| bytes[*at] & 0xc0 != 0x80);
        let Some((place, base)) = base.and_then(|at| Some((at, letter_at(bytes, at)?))) else { return false };
        begin = place;
        folded = folded_letter(base, case);
    }
    let after = bytes.get(at + letter.len_utf8()).copied();
    let before = begin.checked_sub(1).map(|at| bytes[at]);
    let agrees = |wanted: Option<u8>, found: Option<u8>| match (wanted, found) {
        // A backslash may begin an escaped letter, and a space any white space.
        (None | Some(b' '), _) | (_, Some(b'\\' | 0x80..)) => true,
        (Some(0x80..), Some(_)) => false,
        (Some(wanted), Some(found)) if case == Case::Ignored => wanted == found.to_ascii_lowercase(),
        (wanted, found) => wanted == found,
    };
    let wanted = needle.as_bytes();
    match folded.chars().count() {
        // Marks upon marks.
        0 => true,
        1 => needle.match_indices(&*folded).any(|(place, _)| {
            let left = place.checked_sub(1).map(|place| wanted[place]);
            agrees(left, before) && agrees(wanted.get(place + folded.len()).copied(), after)
        }),
        // A match may begin or end within what one letter folds to.
        _ => folded.chars().any(|letter| needle.contains(letter)),
    }
}

/// What a letter folds to by itself.
pub(super) fn folded_letter(letter: char, case: Case) -> std::borrow::Cow<'static, str> {
    let known = LETTERS[case as usize].get((letter as usize).wrapping_sub(FIRST_LETTER));
    match known {
        Some(folded) => folded.as_str().into(),
        None => fold(letter.encode_utf8(&mut [0; 4]), case).into(),
    }
}

/// The first letter of [`LETTERS`]: `À`.
const FIRST_LETTER: usize = 0xc0;

/// What the letters of Latin, Greek and Cyrillic fold to, and combining marks: nearly all that are asked for.
static LETTERS: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| {
    [Case::Exact, Case::Ignored].map(|case| {
        let letters = (FIRST_LETTER..0x530).filter_map(|code| char::from_u32(u32::try_from(code).ok()?));
        letters.map(|letter| fold(letter.encode_utf8(&mut [0; 4]), case)).collect()
    })
});
