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
use super::{Form, Needle};
use crate::stdx::text::{boundary_after, boundary_before};

/// Bounds of a compiled pattern, so that no pattern can be expensive.
const PATTERN_BYTES: usize = 2 << 20;

/// A needle, ready to be sought.
#[derive(Debug)]
pub struct Matcher {
    direct: Regex,
    /// The needle folded, for the places where folding matters; `None` for a regular expression.
    folded: Option<(String, Case)>,
}

impl Matcher {
    /// Prepares a needle. Fails with what is wrong with a regular expression, in one line.
    pub fn new(needle: &Needle) -> Result<Self, String> {
        let case = Case::smart(&needle.text);
        if needle.form == Form::Regex {
            return Ok(Self { direct: expression(&needle.text)?, folded: None });
        }
        let folded = fold(needle.text.trim(), case);
        if folded.trim().is_empty() {
            return Ok(Self { direct: compile(&regex::escape(&needle.text), case, true)?, folded: None });
        }
        Ok(Self { direct: compile(&pattern(&folded, case), case, !folded.is_ascii())?, folded: Some((folded, case)) })
    }

    /// The first match that begins at `from` or later. `from` is a character's boundary.
    pub fn find_at(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let direct = self.direct.find_at(text.as_bytes(), from).map(|found| found.range());
        let Some((folded, case)) = &self.folded else { return direct };
        let to = direct.as_ref().map_or(text.len(), |found| found.end);
        match (folded_find(text, from..to, folded, *case), direct) {
            (Some(folded), Some(direct)) if folded.start > direct.start => Some(direct),
            (Some(folded), _) => Some(folded),
            (None, direct) => direct,
        }
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
        if needle.form == Form::Regex {
            return None;
        }
        Raw::new(&needle.text)
    }
}

/// Tells raw bytes of JSON that may hold a needle from those that do not, without decoding them.
#[derive(Debug)]
pub struct Raw {
    direct: Regex,
    folded: String,
    case: Case,
}

impl Raw {
    /// By the longest part of the needle that no JSON writer escapes; `None` where there is none.
    fn new(needle: &str) -> Option<Self> {
        let case = Case::smart(needle);
        let folded = fold(needle, case);
        let escaped = |c: char| c.is_whitespace() || c.is_control() || "\"\\/<>&'".contains(c);
        let atom = folded.split(escaped).max_by_key(|atom| atom.len()).filter(|atom| !atom.is_empty())?;
        let mut alternatives = pattern(atom, case);
        if !atom.is_ascii() {
            // Writers that keep to ASCII escape such letters; composed, in either case.
            for spelling in [atom.to_owned(), needle.split(escaped).max_by_key(|part| part.len())?.to_owned()] {
                let _ = write!(alternatives, "|(?i:{})", escapes(&spelling));
            }
        }
        let direct = compile(&alternatives, case, !atom.is_ascii()).ok()?;
        Some(Self { direct, folded: atom.to_owned(), case })
    }

    /// The first place at or after `from` where a match may lie.
    pub fn find_at(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let direct = self.direct.find_at(bytes, from).map(|found| found.start());
        let to = direct.unwrap_or(bytes.len());
        folded_find_bytes(bytes, from..to, &self.folded, self.case).map(|range| range.start).or(direct)
    }
}

fn next_boundary(text: &str, at: usize) -> usize {
    (at + 1..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn compile(pattern: &str, case: Case, unicode: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Ignored)
        .unicode(unicode)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .nest_limit(64)
        .build()
        .map_err(|error| one_line(&error))
}

fn expression(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(Case::smart(&literal_letters(text)) == Case::Ignored)
        .multi_line(true)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .nest_limit(64)
        .build()
        .map_err(|error| one_line(&error))
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
fn pattern(folded: &str, case: Case) -> String {
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

fn escapes(text: &str) -> String {
    let mut escaped = String::new();
    for unit in text.encode_utf16() {
        let plain = u8::try_from(unit).ok().filter(u8::is_ascii).map(char::from);
        match plain {
            Some(c) => escaped.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            None => {
                let _ = write!(escaped, r"\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// For each letter the single letters that fold to it, by whether case counts.
static FORMS: LazyLock<[HashMap<char, Vec<char>>; 2]> = LazyLock::new(|| {
    [Case::Exact, Case::Ignored].map(|case| {
        let mut forms: HashMap<char, Vec<char>> = HashMap::new();
        let letters = ('\u{c0}'..'\u{590}').chain('\u{1e00}'..'\u{2000}').chain('\u{ff00}'..'\u{fff0}');
        for letter in letters {
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

/// Bytes that begin a letter which folds to something else: accented Latin, combining marks, jamo, full width.
#[expect(clippy::needless_bitwise_bool, reason = "without branches it is done for many bytes at once")]
fn betrays(byte: u8) -> bool {
    (byte.wrapping_sub(0xc3) <= 10) | (byte == 0xe1) | (byte == 0xef)
}

/// The next such byte. Written so that the compiler looks at many bytes at once.
fn next_mark(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    const CHUNK: usize = 64;
    let part = bytes.get(range.clone())?;
    let mut at = 0;
    for chunk in part.chunks(CHUNK) {
        if chunk.iter().fold(false, |any, &byte| any | betrays(byte)) {
            let found = chunk.iter().position(|&byte| betrays(byte))?;
            return Some(range.start + at + found);
        }
        at += CHUNK;
    }
    None
}

/// Longest stretch that is folded at once.
const STRETCH: usize = 16 << 10;

/// The first match within `range` that only folding finds.
fn folded_find(text: &str, range: Range<usize>, needle: &str, case: Case) -> Option<Range<usize>> {
    // A letter may take three bytes and a mark two more.
    let reach = needle.len() * 4 + 8;
    let mut from = range.start;
    while let Some(mark) = next_mark(text.as_bytes(), from..range.end) {
        let start = boundary_before(text, mark.saturating_sub(reach).max(range.start));
        let mut end = mark + reach;
        while end < start + STRETCH
            && let Some(next) = next_mark(text.as_bytes(), end.saturating_sub(reach).max(mark + 1)..end.min(text.len()))
            && next + reach > end
        {
            end = next + reach;
        }
        let end = boundary_after(text, end.min(text.len()));
        let folded = Folded::new(&text[start..end], case);
        if let Some(at) = memchr::memmem::find(folded.text.as_bytes(), needle.as_bytes()) {
            let found = folded.original(at..at + needle.len());
            return Some(start + found.start..start + found.end);
        }
        // The next stretch overlaps this one by a needle's length, but always moves on.
        from = end.saturating_sub(reach).max(mark + 1);
    }
    None
}

fn folded_find_bytes(bytes: &[u8], range: Range<usize>, needle: &str, case: Case) -> Option<Range<usize>> {
    next_mark(bytes, range.clone())?;
    let mut offset = range.start;
    for chunk in bytes[range].utf8_chunks() {
        let text = chunk.valid();
        if let Some(found) = folded_find(text, 0..text.len(), needle, case) {
            return Some(offset + found.start..offset + found.end);
        }
        offset += text.len() + chunk.invalid().len();
    }
    None
}
