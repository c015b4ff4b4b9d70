//! A query cut into tokens. Knows quotes, slashes and colons; what a filter's value means is decided elsewhere.

use std::ops::Range;

use super::filter::Field;

/// A part of a query as it was written.
#[derive(Debug)]
pub struct Token {
    /// Its place in the query, the minus sign included.
    pub span: Range<usize>,
    /// A minus sign stands before it.
    pub negated: bool,
    /// What it is.
    pub kind: Kind,
}

/// What a token is.
#[derive(Debug)]
pub enum Kind {
    /// `OR`.
    Or,
    /// A word.
    Word(String),
    /// A quoted text, and whether its quote was closed.
    Phrase(String, bool),
    /// What stands between two slashes.
    Regex(String),
    /// A filter with its values.
    Filter(Field, Values),
    /// What looks like a mistyped filter, and the filter that was probably meant.
    Mistyped(Field),
    /// `#tag`.
    Tag(String),
}

/// What follows a filter's colon.
#[derive(Debug, Default)]
pub struct Values {
    /// The values and their places; none where nothing is there.
    pub all: Vec<(String, Range<usize>)>,
    /// Where a quote begins that is not closed.
    pub open: Option<usize>,
}

/// All tokens of a query, in order.
pub fn tokens(source: &str) -> impl Iterator<Item = Token> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += source[at..].len() - source[at..].trim_start().len();
        let rest = &source[at..];
        if rest.is_empty() {
            return None;
        }
        let negated = negates(rest);
        let from = at + usize::from(negated);
        let (kind, end) = token(source, from, negated);
        let span = at..end;
        at = end;
        Some(Token { span, negated, kind })
    })
}

/// A minus sign negates what touches it; `-` alone and `--flag` are words.
fn negates(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next() == Some('-') && chars.next().is_some_and(|next| next != '-' && !next.is_whitespace())
}

fn token(source: &str, from: usize, negated: bool) -> (Kind, usize) {
    let rest = &source[from..];
    if rest.starts_with('"') {
        let (text, len, closed) = quoted(rest);
        return (Kind::Phrase(text, closed), from + len);
    }
    if let Some(len) = regex(rest) {
        return (Kind::Regex(rest[1..len - 1].to_owned()), from + len);
    }
    let end = from + rest.find(char::is_whitespace).unwrap_or(rest.len());
    let word = &source[from..end];
    if word == "OR" && !negated {
        return (Kind::Or, end);
    }
    if let Some(tag) = word.strip_prefix('#').filter(|tag| tag.starts_with(|c: char| c.is_alphanumeric())) {
        return (Kind::Tag(tag.to_owned()), end);
    }
    if let Some((name, value)) = word.split_once(':') {
        if let Some(field) = Field::from_name(name) {
            let (values, end) = values(source, from + name.len() + 1);
            return (Kind::Filter(field, values), end);
        }
        if let Some(field) = Field::mistyped(name).filter(|_| !value.is_empty() && !value.starts_with([':', '/'])) {
            return (Kind::Mistyped(field), end);
        }
    }
    (Kind::Word(word.to_owned()), end)
}

/// The text within quotes, where `\"` and `\\` stand for the sign itself; the bytes it took; whether it was closed.
fn quoted(rest: &str) -> (String, usize, bool) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, at + 1, true),
            '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => text.push(escaped),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    (text, rest.len(), false)
}

/// Bytes of a regular expression: a slash, anything without a bare slash, and a slash that ends the token.
/// A path such as `/home/dev` is none.
fn regex(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.strip_prefix('/')?.char_indices() {
        match c {
            '/' if !escaped => {
                let ends = rest[at + 2..].chars().next().is_none_or(char::is_whitespace);
                return (at > 0 && ends).then_some(at + 2);
            }
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// Values between commas, quoted or not, up to white space; and where they end.
fn values(source: &str, from: usize) -> (Values, usize) {
    let mut found = Values::default();
    let mut value = String::new();
    let (mut at, mut start) = (from, from);
    while let Some(c) = source[at..].chars().next().filter(|c| !c.is_whitespace()) {
        match c {
            ',' => {
                found.all.push((std::mem::take(&mut value), start..at));
                start = at + 1;
                at += 1;
            }
            '"' => {
                let (text, len, closed) = quoted(&source[at..]);
                if !closed {
                    found.open = Some(at);
                }
                value.push_str(&text);
                at += len;
            }
            c => {
                value.push(c);
                at += c.len_utf8();
            }
        }
    }
    found.all.push((value, start..at));
    found.all.retain(|(value, _)| !value.is_empty());
    (found, at)
}
