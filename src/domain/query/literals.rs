//! Text that must stand in whatever a regular expression matches, so that the rest need not be looked at.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::fold::{Case, fold};
use super::matcher::{NEST, expression_case};
use super::raw::longest_part;

/// Most alternatives that are sought one by one.
const MOST: usize = 8;

/// Most letters of a class that may be the same but for case, and most bytes of one text.
const FORMS: usize = 8;
const LONGEST: usize = 256;

/// What every match holds.
#[derive(Debug)]
pub struct Required {
    /// One of these.
    pub texts: Vec<String>,
    /// How they are compared.
    pub case: Case,
    /// Symbols (`K`) match letters.
    pub symbols: bool,
}

/// What every match of an expression holds; `None` where there is nothing such.
pub fn required(expression: &str) -> Option<Required> {
    let case = expression_case(expression);
    let hir = ParserBuilder::new()
        .case_insensitive(case == Case::Ignored)
        .multi_line(true)
        .utf8(false)
        .nest_limit(NEST)
        .build()
        .parse(expression)
        .ok()?;
    let mut seen = Seen { ignored: case == Case::Ignored, symbols: false };
    let texts = match seen.piece(&hir) {
        Piece::Text(text) => vec![text],
        Piece::OneOf(texts) => texts,
        Piece::Nothing => return None,
    };
    let case = if seen.ignored { Case::Ignored } else { Case::Exact };
    Some(Required { texts, case, symbols: seen.symbols }).filter(|required| quality(&required.texts) > 0)
}

/// What a part of an expression demands.
enum Piece {
    /// It matches this text and no other; perhaps an empty one.
    Text(String),
    /// What it matches holds one of these.
    OneOf(Vec<String>),
    /// Nothing that is known.
    Nothing,
}

/// What was met on the way.
struct Seen {
    /// Letters whose case does not count.
    ignored: bool,
    /// Symbols that count as letters.
    symbols: bool,
}

impl Seen {
    fn piece(&mut self, hir: &Hir) -> Piece {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Piece::Text(String::new()),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) if text.chars().all(is_plain) => Piece::Text(text.to_owned()),
                // Of letters that fold to others only those beside them are sought.
                Ok(text) => best(text.split(|c| !is_plain(c)).map(|part| vec![part.to_owned()])),
                Err(_) => Piece::Nothing,
            },
            HirKind::Class(class) => self.class(class),
            HirKind::Capture(capture) => self.piece(&capture.sub),
            HirKind::Repetition(repetition) => self.repetition(repetition),
            HirKind::Concat(parts) => self.concat(parts),
            HirKind::Alternation(parts) => self.alternation(parts),
        }
    }

    /// A class is a letter where its members differ in case only.
    fn class(&mut self, class: &Class) -> Piece {
        let Class::Unicode(class) = class else { return Piece::Nothing };
        let letters: Vec<char> = class.iter().flat_map(|range| range.start()..=range.end()).take(FORMS + 1).collect();
        let mut folded = letters.iter().map(|letter| fold(letter.encode_utf8(&mut [0; 4]), Case::Ignored));
        let Some(first) = folded.next() else { return Piece::Nothing };
        if letters.len() > FORMS || !first.chars().all(is_plain) || folded.any(|other| other != first) {
            return Piece::Nothing;
        }
        self.ignored = true;
        self.symbols |= letters.iter().any(|letter| ('\u{2100}'..'\u{2150}').contains(letter));
        Piece::Text(first)
    }

    fn repetition(&mut self, repetition: &Repetition) -> Piece {
        let times = repetition.min as usize;
        match self.piece(&repetition.sub) {
            _ if times == 0 => Piece::Nothing,
            Piece::Text(text) if repetition.max == Some(repetition.min) && text.len() * times <= LONGEST => {
                Piece::Text(text.repeat(times))
            }
            Piece::Text(text) => Piece::OneOf(vec![text]),
            other => other,
        }
    }

    fn concat(&mut self, parts: &[Hir]) -> Piece {
        let (mut run, mut found, mut whole) = (String::new(), Vec::new(), true);
        for part in parts {
            match self.piece(part) {
                Piece::Text(text) => {
                    run.push_str(&text);
                    continue;
                }
                Piece::OneOf(texts) => found.push(texts),
                Piece::Nothing => {}
            }
            whole = false;
            found.push(vec![std::mem::take(&mut run)]);
        }
        if whole && run.len() <= LONGEST {
            return Piece::Text(run);
        }
        found.push(vec![run]);
        best(found.into_iter())
    }

    fn alternation(&mut self, parts: &[Hir]) -> Piece {
        let mut texts = Vec::new();
        for part in parts {
            match self.piece(part) {
                Piece::Text(text) => texts.push(text),
                Piece::OneOf(more) => texts.extend(more),
                Piece::Nothing => return Piece::Nothing,
            }
        }
        if texts.len() > MOST { Piece::Nothing } else { best(std::iter::once(texts)) }
    }
}

/// Those alternatives whose worst tells most.
fn best(found: impl Iterator<Item = Vec<String>>) -> Piece {
    let best = found.max_by_key(|texts| (quality(texts), std::cmp::Reverse(texts.len())));
    best.filter(|texts| quality(texts) > 0).map_or(Piece::Nothing, Piece::OneOf)
}

fn quality(texts: &[String]) -> usize {
    texts.iter().map(|text| longest_part(text).map_or(0, str::len)).min().unwrap_or(0)
}

/// A letter that is found in raw text by what it folds to.
fn is_plain(letter: char) -> bool {
    let folded = fold(letter.encode_utf8(&mut [0; 4]), Case::Ignored);
    // Jamo become syllables beside others of their kind.
    letter.is_ascii() || (!('\u{1100}'..'\u{1200}').contains(&letter) && letter.to_lowercase().eq(folded.chars()))
}
