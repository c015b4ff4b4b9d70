//! Needle matching: one implementation for the index, for raw files and for the open transcript.
//!
//! An automaton finds the letters as they are, ignoring case if required, several bytes at a time. Accented and
//! decomposed spellings are rare and recognisable by their bytes. Only the text around such bytes is folded and
//! compared.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use super::fold::{Case, Folded, fold};
use super::foldable::next_foldable;
use super::{Needle, NeedleForm};

/// Maximum bytes of a compiled pattern, because any input must be cheap to run.
const MAX_PATTERN_BYTES: usize = 2 << 20;

/// Maximum nesting of a pattern, because parsing is recursive.
pub const MAX_NESTING: u32 = 64;

/// A compiled needle.
#[derive(Clone, Debug)]
pub struct NeedleMatcher {
    direct: Regex,
    /// Folded needle and its case sensitivity; `None` for a regular expression.
    folded: Option<(String, Case)>,
    /// Needle as written, if its folded form would not match it; see [`verbatim`].
    verbatim: Option<String>,
}

impl NeedleMatcher {
    /// Compiles a needle. Fails with a one-line description of an invalid regular expression.
    pub fn new(needle: &Needle) -> Result<Self, String> {
        let case = Case::smart(&needle.text);
        if needle.form == NeedleForm::Regex {
            return Ok(Self { direct: expression(&needle.text)?, folded: None, verbatim: None });
        }
        if needle.form == NeedleForm::Wildcard {
            let pattern = wildcard_pattern(&needle.text, case);
            let pattern = if pattern.is_empty() { regex::escape(&needle.text) } else { pattern };
            let direct = compile(&pattern, case, true)?;
            return Ok(Self { direct, folded: None, verbatim: None });
        }
        let folded = fold(needle.text.trim(), case);
        if folded.trim().is_empty() {
            let direct = compile(&regex::escape(&needle.text), case, true)?;
            return Ok(Self { direct, folded: None, verbatim: None });
        }
        let verbatim = verbatim(&needle.text).map(str::to_owned);
        let direct = match &verbatim {
            None => compile(&pattern(&folded, case), case, !folded.is_ascii())?,
            Some(text) => compile(&format!("{}|{}", pattern(&folded, case), regex::escape(text)), case, true)?,
        };
        Ok(Self { direct, folded: Some((folded, case)), verbatim })
    }

    /// Returns the folded needle if it consists of plain ASCII without spaces, and nothing else matches it directly.
    pub fn plain_ascii(&self) -> Option<(&str, Case)> {
        let (folded, case) = self.folded.as_ref().filter(|_| self.verbatim.is_none())?;
        (folded.is_ascii() && !folded.contains(' ')).then_some((folded, *case))
    }

    /// Returns true if the needle starts with the needle of `other`, so that it never matches before `other` does.
    pub fn extends(&self, other: &Self) -> bool {
        let (Some((mine, case)), Some((others, other_case))) = (&self.folded, &other.folded) else { return false };
        case == other_case && mine.starts_with(others.as_str())
    }

    /// Returns the first match at or after `from`, which must be a character boundary.
    pub fn find_at(&self, text: &str, from: usize) -> Option<Range<usize>> {
        self.find_in(text.as_bytes(), from)
    }

    /// Returns the first match in bytes that are text, possibly with invalid parts.
    pub fn find_in(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        self.with_folded(bytes, from, self.direct.find_at(bytes, from).map(|found| found.range()))
    }

    /// Combines the first direct match at or after `from` with the first match that requires folding.
    pub fn with_folded(&self, bytes: &[u8], from: usize, direct: Option<Range<usize>>) -> Option<Range<usize>> {
        let Some((folded, case)) = &self.folded else { return direct };
        let to = direct.as_ref().map_or(bytes.len(), |found| found.end);
        match (find_folded(bytes, from, from..to, folded, *case), direct) {
            (Some(folded), Some(direct)) if folded.start > direct.start => Some(direct),
            (Some(folded), _) => Some(folded),
            (None, direct) => direct,
        }
    }

    /// Returns true if every match of this needle contains a match of `other`.
    pub fn narrows(&self, other: &Self) -> bool {
        let (Some((mine, case)), Some((others, other_case))) = (&self.folded, &other.folded) else { return false };
        // A verbatim match need not contain the folded form.
        if self.verbatim.is_some() {
            return false;
        }
        // A space matches any white space, so a run of letters never spans it.
        (case == other_case || *other_case == Case::Ignored) && fold(mine, *other_case).contains(others.as_str())
    }

    /// Returns true if the text contains a match.
    pub fn is_match(&self, text: &str) -> bool {
        self.find_at(text, 0).is_some()
    }

    /// Returns the non-overlapping, non-empty matches, at most `most`.
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
}

/// Returns the needle if its folded form would not match its own spelling. Such letters fold to others, but no byte
/// shows it (`²`, `…`, Arabic vowel signs).
pub fn verbatim(needle: &str) -> Option<&str> {
    let needle = needle.trim();
    let strange = |c: char| !c.is_ascii() && !FOLDABLE_BLOCKS.iter().any(|range| range.contains(&c));
    let changed = || match Case::smart(needle) {
        Case::Ignored => needle.to_lowercase() != fold(needle, Case::Ignored),
        Case::Exact => needle != fold(needle, Case::Exact),
    };
    (needle.chars().any(strange) && changed()).then_some(needle)
}

fn next_boundary(text: &str, at: usize) -> usize {
    (at + 1..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Compiles a pattern within the limits of this module. Fails with a one-line description of an invalid one.
pub fn compile(pattern: &str, case: Case, unicode: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Ignored)
        .unicode(unicode)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| one_line(&error))
}

fn expression(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(expression_case(text) == Case::Ignored)
        .multi_line(true)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| one_line(&error))
}

/// Case sensitivity of a regular expression.
pub fn expression_case(text: &str) -> Case {
    Case::smart(&without_escapes(text))
}

/// Removes escapes such as `\W`, whose upper-case letters do not affect case sensitivity.
fn without_escapes(text: &str) -> String {
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
        regex::Error::CompiledTooBig(_) => "the regular expression is too big".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
            format!("invalid regular expression: {}", reason.unwrap_or("it cannot be parsed"))
        }
    }
}

/// Pattern for a folded text. A space matches any white space. Each letter matches its accented spellings, unless the
/// text is plain ASCII: [`find_folded`] finds the accented spellings of ASCII.
pub fn pattern(folded: &str, case: Case) -> String {
    let mut pattern = String::with_capacity(folded.len() * 2);
    for c in folded.chars() {
        match c {
            ' ' => pattern.push_str(r"\s+"),
            c if folded.is_ascii() => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            c => match SPELLINGS[case as usize].get(&c) {
                Some(forms) => {
                    let _ = write!(pattern, "[{c}{}]", forms.iter().collect::<String>());
                }
                None => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            },
        }
    }
    pattern
}

/// Parts of a wildcard's text between its `*`.
pub fn wildcard_parts(text: &str) -> impl Iterator<Item = &str> {
    text.split('*').filter(|part| !part.is_empty())
}

/// Pattern for a wildcard. Each letter matches its accented spellings, composed or not: nothing else finds them.
fn wildcard_pattern(text: &str, case: Case) -> String {
    let part = |part: &str| fold(part, case).chars().map(|c| spelled(c, case)).collect::<String>();
    // White space is ASCII here: bytes need less memory than characters, and the parts around the gap are characters.
    wildcard_parts(text).map(part).collect::<Vec<_>>().join(r"(?-u:[^\s])*?")
}

/// Pattern for a folded letter in any spelling.
fn spelled(c: char, case: Case) -> String {
    let letter = regex::escape(c.encode_utf8(&mut [0; 4]));
    if !c.is_alphanumeric() {
        return letter;
    }
    let forms: String = SPELLINGS[case as usize].get(&c).into_iter().flatten().collect();
    format!("[{letter}{forms}][\\u{{300}}-\\u{{36f}}]*")
}

/// Unicode blocks of letters whose spellings are all known.
const FOLDABLE_BLOCKS: [Range<char>; 3] = ['\u{c0}'..'\u{590}', '\u{1e00}'..'\u{2000}', '\u{ff00}'..'\u{fff0}'];

/// Spellings of each folded letter, by case sensitivity.
static SPELLINGS: LazyLock<[HashMap<char, Vec<char>>; 2]> = LazyLock::new(|| {
    [Case::Exact, Case::Ignored].map(|case| {
        let mut forms: HashMap<char, Vec<char>> = HashMap::new();
        for letter in FOLDABLE_BLOCKS.into_iter().flatten() {
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

/// Returns the first match, not before `floor`, that requires folding. Searches around the foldable letters in `range`.
/// Invalid text matches nothing.
pub fn find_folded(bytes: &[u8], floor: usize, range: Range<usize>, needle: &str, case: Case) -> Option<Range<usize>> {
    // A letter takes up to three bytes, and a mark two more.
    let reach = needle.len() * 4 + 8;
    let mut from = range.start;
    while let Some(mark) = next_foldable(bytes, from..range.end) {
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

/// Decodes the letter that starts at `at`.
fn letter_at(bytes: &[u8], at: usize) -> Option<char> {
    let len = match bytes.get(at)? {
        ..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    std::str::from_utf8(bytes.get(at..at + len)?).ok()?.chars().next()
}

/// Returns false if the letter at `at` cannot be part of a match. Compares its folded form and its neighbours with the
/// needle. Only plain ASCII neighbours can exclude a match.
fn is_plausible(bytes: &[u8], at: usize, needle: &str, case: Case) -> bool {
    let Some(letter) = letter_at(bytes, at) else { return false };
    // Jamo that compose Hangul syllables have no meaning by themselves.
    if ('\u{1100}'..='\u{11ff}').contains(&letter) {
        return true;
    }
    let mut folded = fold_letter(letter, case);
    let mut start_of_letter = at;
    if folded.is_empty() {
        // The letter before a mark determines the folded form.
        let base = (at.saturating_sub(4)..at).rev().find(|at| bytes[*at] & 0xc0 != 0x80);
        let Some((place, base)) = base.and_then(|at| Some((at, letter_at(bytes, at)?))) else { return false };
        start_of_letter = place;
        folded = fold_letter(base, case);
    }
    let after = bytes.get(at + letter.len_utf8()).copied();
    let before = start_of_letter.checked_sub(1).map(|at| bytes[at]);
    let agrees = |expected: Option<u8>, found: Option<u8>| match (expected, found) {
        // A backslash may begin an escaped letter, and a space matches any white space.
        (None | Some(b' '), _) | (_, Some(b'\\' | 0x80..)) => true,
        (Some(0x80..), Some(_)) => false,
        (Some(expected), Some(found)) if case == Case::Ignored => expected == found.to_ascii_lowercase(),
        (expected, found) => expected == found,
    };
    let expected = needle.as_bytes();
    match folded.chars().count() {
        // Marks after marks.
        0 => true,
        1 => needle.match_indices(&*folded).any(|(place, _)| {
            let left = place.checked_sub(1).map(|place| expected[place]);
            agrees(left, before) && agrees(expected.get(place + folded.len()).copied(), after)
        }),
        // A match may begin or end within the folded form of one letter.
        _ => folded.chars().any(|letter| needle.contains(letter)),
    }
}

/// Returns the folded form of a single letter.
pub fn fold_letter(letter: char, case: Case) -> std::borrow::Cow<'static, str> {
    let known = FOLDED_CHARS[case as usize].get((letter as usize).wrapping_sub(FIRST_FOLDED_CHAR));
    let folded = || fold(letter.encode_utf8(&mut [0; 4]), case);
    match known {
        Some(known) => known.get_or_init(folded).as_str().into(),
        None => folded().into(),
    }
}

/// First letter of [`FOLDED_CHARS`], `À`, and their number.
const FIRST_FOLDED_CHAR: usize = 0xc0;
const FOLDED_CHAR_COUNT: usize = 0x530 - FIRST_FOLDED_CHAR;

/// Folded forms of Latin, Greek, Cyrillic and combining marks, which cover nearly all lookups. Each is computed when it is
/// needed first, because a short-lived command meets few.
static FOLDED_CHARS: [[OnceLock<String>; FOLDED_CHAR_COUNT]; 2] =
    [const { [const { OnceLock::new() }; FOLDED_CHAR_COUNT] }; 2];
