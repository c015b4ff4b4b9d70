//! Lexer of the query language: quotes, slashes and colons. Does not interpret filter values.

use std::ops::Range;

use super::filter::FilterKey;

/// A token of a query.
#[derive(Debug)]
pub(super) struct QueryToken {
    /// Byte range in the query, including the minus sign.
    pub span: Range<usize>,
    /// True if a minus sign precedes the token.
    pub negated: bool,
    /// Kind and content of the token.
    pub kind: TokenKind,
}

/// Kind and content of a token.
#[derive(Debug)]
pub(super) enum TokenKind {
    /// `OR`.
    Or,
    /// Word.
    Word(String),
    /// Word with `*`, of which each matches any characters.
    Wildcard(String),
    /// Word of the form of a filter, whose name is unknown.
    UnknownFilter(String),
    /// Quoted text, and true if its quote is closed.
    Phrase(String, bool),
    /// Regular expression between two slashes.
    Regex(String),
    /// Filter with its values.
    Filter(FilterKey, Values),
    /// Probable typo in the name of this filter.
    Typo(FilterKey),
    /// `#tag`, which begins with a letter; `#4711` is a word.
    Tag(String),
}

/// Values of a filter.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Values with their byte ranges.
    pub all: Vec<(String, Range<usize>)>,
    /// Start of an unclosed quote.
    pub open: Option<usize>,
}

/// Splits a query into tokens.
pub(super) fn tokens(source: &str) -> impl Iterator<Item = QueryToken> {
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
        Some(QueryToken { span, negated, kind })
    })
}

/// A minus sign negates the token that follows directly; `-` alone and `--flag` are words.
fn negates(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next() == Some('-') && chars.next().is_some_and(|next| next != '-' && !next.is_whitespace())
}

fn token(source: &str, from: usize, negated: bool) -> (TokenKind, usize) {
    let rest = &source[from..];
    if rest.starts_with('"') {
        let (text, len, closed) = quoted(rest);
        return (TokenKind::Phrase(text, closed), from + len);
    }
    if let Some(len) = regex(rest) {
        return (TokenKind::Regex(rest[1..len - 1].to_owned()), from + len);
    }
    let end = from + rest.find(char::is_whitespace).unwrap_or(rest.len());
    let word = &source[from..end];
    if word == "OR" && !negated {
        return (TokenKind::Or, end);
    }
    if let Some(tag) = word.strip_prefix('#').filter(|tag| tag.starts_with(char::is_alphabetic)) {
        return (TokenKind::Tag(tag.to_owned()), end);
    }
    if let Some((name, value)) = word.split_once(':') {
        if let Some(key) = FilterKey::from_name(name) {
            let (values, end) = values(source, from + name.len() + 1);
            return (TokenKind::Filter(key, values), end);
        }
        if let Some(key) = FilterKey::from_typo(name).filter(|_| !value.is_empty() && !value.starts_with([':', '/'])) {
            return (TokenKind::Typo(key), end);
        }
        if resembles_filter(name, value) {
            return (TokenKind::UnknownFilter(word.to_owned()), end);
        }
    }
    let kind = if is_wildcard(word) { TokenKind::Wildcard } else { TokenKind::Word };
    (kind(word.to_owned()), end)
}

/// Returns true for a word such as `cost:>1`. Paths, addresses and `a::b` are no filters.
fn resembles_filter(name: &str, value: &str) -> bool {
    let is_name = (2..=12).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
    is_name && !value.is_empty() && !value.starts_with([':', '/', '\\', '='])
}

/// Returns true for a word with letters or digits and `*`. Operators and comments such as `**` and `/*` are literal.
fn is_wildcard(word: &str) -> bool {
    word.contains('*') && word.contains(char::is_alphanumeric)
}

/// Reads a quoted text with the escapes `\"` and `\\`. Returns the text, its length in bytes, and true if it is closed.
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

/// Returns the length of a regular expression: from a slash to the next unescaped slash that ends the token. A path
/// such as `/home/dev` is none.
pub(super) fn regex(rest: &str) -> Option<usize> {
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

/// Reads comma-separated values, quoted or not, up to white space. Returns them with the end offset.
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
