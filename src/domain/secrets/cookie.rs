//! Values of cookies in headers, and where programs name a cookie: `Set-Cookie: sid=…; Path=/`, `--cookie "sid=…"`.

use std::ops::Range;

use super::setting::{is_placeholder, quote, separator};
use super::shape::{is_word_or_dash, run_end};

/// Maximum bytes of a header; browsers and servers limit one to 4 KiB or 8 KiB.
const MAX_HEADER_BYTES: usize = 8 << 10;

/// Maximum bytes before the word that belong to a name.
const MAX_NAME_BYTES: usize = 64;

/// Minimum bytes of a value that is secret without a name that says so.
const MIN_VALUE_BYTES: usize = 12;

/// Minimum bytes of a value without digits.
const MIN_WORDS_BYTES: usize = 24;

/// Parts of names of cookies that identify a session.
const SESSION_WORDS: &[&str] = &["sess", "sid", "auth", "token", "login", "jwt", "csrf", "xsrf"];

/// Returns the secret values of the cookies after a word, and the end of the text that was read for them.
pub(super) fn values(text: &str, word: Range<usize>) -> (Vec<Range<usize>>, usize) {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let Some((mut at, is_set)) = first(text, word.clone()) else { return (found, word.end) };
    let limit = bytes.len().min(at + MAX_HEADER_BYTES);
    while let Some((name, value)) = pair(&bytes[..limit], at) {
        // A value that the limit cuts, perhaps within a character, is no cookie.
        if value.end == limit && limit < bytes.len() {
            break;
        }
        at = value.end;
        if is_secret(&text[name], &text[value.clone()]) {
            found.push(value);
        }
        // The attributes of a cookie that is set follow.
        if is_set || bytes.get(at) != Some(&b';') {
            break;
        }
        at += 1;
    }
    (found, at)
}

/// Returns the position of the first cookie after a word, and true if a server sets it.
fn first(text: &str, word: Range<usize>) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    let limit = word.start.saturating_sub(MAX_NAME_BYTES);
    let before = bytes[limit..word.start].iter().rev().take_while(|byte| is_word_or_dash(**byte)).count();
    let name = &text[word.start - before..word.start];
    let end = word.end + usize::from(bytes.get(word.end).is_some_and(|byte| byte.eq_ignore_ascii_case(&b's')));
    let start = separator(bytes, end, name.starts_with("--"))?.value;
    // A list of values, as programs write headers in JSON.
    let start = start + usize::from(bytes.get(start) == Some(&b'['));
    let is_set = name.len() >= 4 && name[name.len() - 4..].eq_ignore_ascii_case("set-");
    Some((start + quote(bytes, start).len(), is_set))
}

/// Returns the ranges of a cookie's name and value.
fn pair(bytes: &[u8], from: usize) -> Option<(Range<usize>, Range<usize>)> {
    let start = run_end(bytes, from, |byte| byte == b' ');
    let end = run_end(bytes, start, |byte| is_word_or_dash(byte) || byte == b'.');
    let value = end + 1;
    let ends = |byte: u8| byte.is_ascii_whitespace() || b";,\"'`\\".contains(&byte);
    (end > start && bytes.get(end) == Some(&b'='))
        .then(|| (start..end, value..run_end(bytes, value, |byte| !ends(byte))))
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let names_session = SESSION_WORDS.iter().any(|word| name.contains(word));
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let is_long = value.len() >= if names_session { 6 } else { MIN_VALUE_BYTES };
    is_long && (has_digit || value.len() >= MIN_WORDS_BYTES) && !is_placeholder(value)
}
