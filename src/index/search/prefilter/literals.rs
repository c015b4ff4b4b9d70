//! Required literals of a regular expression: texts that every match contains, for prefiltering.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::longest_part;
use crate::domain::query::fold::{Case, fold};
use crate::domain::query::matcher::{MAX_NESTING, expression_case};

/// Maximum alternatives per expression, because each is searched for separately.
const MAX_ALTERNATIVES: usize = 8;

/// Maximum letters of a class that differ in case only, because letters have few spellings.
const MAX_CLASS_CHARS: usize = 8;

/// Maximum bytes of one literal, because longer ones exclude hardly more.
const MAX_LITERAL_BYTES: usize = 256;

/// Literals of which every match contains at least one.
#[derive(Debug)]
pub(super) struct RequiredLiterals {
    /// Alternative literals.
    pub texts: Vec<String>,
    /// Case sensitivity of the comparison.
    pub case: Case,
    /// True if letterlike symbols such as `K` (Kelvin) match letters.
    pub letterlike: bool,
}

/// Extracts the required literals of an expression. Returns `None` if there are none.
pub(super) fn required(expression: &str) -> Option<RequiredLiterals> {
    let case = expression_case(expression);
    let hir = ParserBuilder::new()
        .case_insensitive(case == Case::Ignored)
        .multi_line(true)
        .utf8(false)
        .nest_limit(MAX_NESTING)
        .build()
        .parse(expression)
        .ok()?;
    let mut seen = Extractor { ignored: case == Case::Ignored, letterlike: false };
    let texts = match seen.extract(&hir) {
        Literals::Text(text) => vec![text],
        Literals::OneOf(texts) => texts,
        Literals::Unknown => return None,
    };
    let case = if seen.ignored { Case::Ignored } else { Case::Exact };
    Some(RequiredLiterals { texts, case, letterlike: seen.letterlike }).filter(|required| quality(&required.texts) > 0)
}

/// Literals of a subexpression.
enum Literals {
    /// The subexpression matches exactly this text, which may be empty.
    Text(String),
    /// Every match contains one of these texts.
    OneOf(Vec<String>),
    /// No literal is known.
    Unknown,
}

/// Extraction state.
struct Extractor {
    /// True if a class ignores case.
    ignored: bool,
    /// True if a class contains letterlike symbols.
    letterlike: bool,
}

impl Extractor {
    fn extract(&mut self, hir: &Hir) -> Literals {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Literals::Text(String::new()),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) if text.chars().all(is_fold_stable) => Literals::Text(text.to_owned()),
                // Letters that fold to others have several spellings; use the text around them.
                Ok(text) => best(text.split(|c| !is_fold_stable(c)).map(|part| vec![part.to_owned()])),
                Err(_) => Literals::Unknown,
            },
            HirKind::Class(class) => self.class(class),
            HirKind::Capture(capture) => self.extract(&capture.sub),
            HirKind::Repetition(repetition) => self.repetition(repetition),
            HirKind::Concat(parts) => self.concat(parts),
            HirKind::Alternation(parts) => self.alternation(parts),
        }
    }

    /// Treats a class as one letter if its members differ in case only.
    fn class(&mut self, class: &Class) -> Literals {
        let Class::Unicode(class) = class else { return Literals::Unknown };
        let chars: Vec<char> =
            class.iter().flat_map(|range| range.start()..=range.end()).take(MAX_CLASS_CHARS + 1).collect();
        let mut folded = chars.iter().map(|letter| fold(letter.encode_utf8(&mut [0; 4]), Case::Ignored));
        let Some(first) = folded.next() else { return Literals::Unknown };
        if chars.len() > MAX_CLASS_CHARS || !first.chars().all(is_fold_stable) || folded.any(|other| other != first) {
            return Literals::Unknown;
        }
        self.ignored = true;
        self.letterlike |= chars.iter().any(|letter| ('\u{2100}'..'\u{2150}').contains(letter));
        Literals::Text(first)
    }

    fn repetition(&mut self, repetition: &Repetition) -> Literals {
        let times = repetition.min as usize;
        match self.extract(&repetition.sub) {
            _ if times == 0 => Literals::Unknown,
            Literals::Text(text)
                if repetition.max == Some(repetition.min) && text.len() * times <= MAX_LITERAL_BYTES =>
            {
                Literals::Text(text.repeat(times))
            }
            Literals::Text(text) => Literals::OneOf(vec![text]),
            other => other,
        }
    }

    fn concat(&mut self, parts: &[Hir]) -> Literals {
        let (mut run, mut found, mut whole) = (String::new(), Vec::new(), true);
        for part in parts {
            match self.extract(part) {
                Literals::Text(text) => {
                    run.push_str(&text);
                    continue;
                }
                Literals::OneOf(texts) => found.push(texts),
                Literals::Unknown => {}
            }
            whole = false;
            found.push(vec![std::mem::take(&mut run)]);
        }
        if whole && run.len() <= MAX_LITERAL_BYTES {
            return Literals::Text(run);
        }
        found.push(vec![run]);
        best(found.into_iter())
    }

    fn alternation(&mut self, parts: &[Hir]) -> Literals {
        let mut texts = Vec::new();
        for part in parts {
            match self.extract(part) {
                Literals::Text(text) => texts.push(text),
                Literals::OneOf(more) => texts.extend(more),
                Literals::Unknown => return Literals::Unknown,
            }
        }
        if texts.len() > MAX_ALTERNATIVES { Literals::Unknown } else { best(std::iter::once(texts)) }
    }
}

/// Selects the alternatives whose shortest literal is the longest.
fn best(found: impl Iterator<Item = Vec<String>>) -> Literals {
    let best = found.max_by_key(|texts| (quality(texts), std::cmp::Reverse(texts.len())));
    best.filter(|texts| quality(texts) > 0).map_or(Literals::Unknown, Literals::OneOf)
}

fn quality(texts: &[String]) -> usize {
    texts.iter().map(|text| longest_part(text).map_or(0, str::len)).min().unwrap_or(0)
}

/// Returns true if a letter is found in raw text by its folded form.
fn is_fold_stable(letter: char) -> bool {
    let folded = fold(letter.encode_utf8(&mut [0; 4]), Case::Ignored);
    // Jamo compose to syllables next to others of their kind.
    letter.is_ascii() || (!('\u{1100}'..'\u{1200}').contains(&letter) && letter.to_lowercase().eq(folded.chars()))
}
