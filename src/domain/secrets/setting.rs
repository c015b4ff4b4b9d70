//! Values of settings whose names say that they are secret: `API_KEY=…`, `"client_secret": "…"`, `--password …`.
//!
//! Code names such things as well, without a secret beside them. So the less the form looks like a setting, the more the
//! value must look like a secret.

use std::ops::Range;

use super::shape::{is_base64, is_word_or_dash, run_end};

/// Maximum bytes of a name before and after its word.
const MAX_NAME_BYTES: usize = 64;

/// Maximum bytes of a value; longer ones are texts or data.
const MAX_VALUE_BYTES: usize = 512;

/// Ends of names that are secret.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "credential",
    "credentials",
];

/// Words before `key` with which a name is secret.
const KEY_OWNERS: &[&str] = &[
    "api",
    "access",
    "private",
    "secret",
    "encryption",
    "signing",
    "auth",
    "master",
    "service",
    "account",
    "deploy",
    "storage",
    "app",
    "admin",
];

/// Beginnings of values that stand for a secret.
const PLACEHOLDERS: &[&str] =
    &["your", "xxx", "...", "example", "changeme", "change_me", "placeholder", "redacted", "dummy"];

/// Words that are values of other types.
const CONSTANTS: &[&str] = &["true", "false", "null", "none", "undefined", "string", "required", "optional"];

/// Form of a setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Name in capitals, directly before the value.
    Environment,
    /// Value in quotation marks.
    Quoted,
    /// Argument of a command.
    Argument,
    /// Any other one.
    Plain,
}

/// Checks the setting whose name contains a word.
pub(super) fn value(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let limit = word.start.saturating_sub(MAX_NAME_BYTES);
    let before = bytes[limit..word.start].iter().rev().take_while(|byte| is_word_or_dash(**byte)).count();
    let end = run_end(&bytes[..bytes.len().min(word.end + MAX_NAME_BYTES)], word.end, is_word_or_dash);
    let name = &text[word.start - before..end];
    if !is_secret(name.as_bytes()) {
        return None;
    }
    let (at, is_spaced) = after_separator(bytes, end, name.starts_with("--"))?;
    let (range, quoted) = value_at(bytes, at)?;
    if !quoted && is_type(bytes, end, range.end) {
        return None;
    }
    let form = if quoted {
        Form::Quoted
    } else if name.starts_with("--") {
        Form::Argument
    } else if !is_spaced && !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Form::Environment
    } else {
        Form::Plain
    };
    is_value(&text[range.clone()], form, name).then_some(range)
}

/// Returns true if the last words of a name are those of a secret.
fn is_secret(name: &[u8]) -> bool {
    let name = name.trim_ascii_end();
    let (rest, last) = split_last_word(name);
    // `API_KEY_2`
    let (rest, last) = if last.iter().all(u8::is_ascii_digit) { split_last_word(rest) } else { (rest, last) };
    if last.eq_ignore_ascii_case(b"key") {
        let (_, owner) = split_last_word(rest);
        return KEY_OWNERS.iter().any(|known| owner.eq_ignore_ascii_case(known.as_bytes()));
    }
    let ends =
        |end: &&str| last.len() >= end.len() && last[last.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes());
    ENDS.iter().any(ends)
}

/// Splits the last word off a name in any notation: `client_secret`, `client-secret`, `clientSecret`.
fn split_last_word(name: &[u8]) -> (&[u8], &[u8]) {
    let mut start = name.len();
    while let Some(byte) = start.checked_sub(1).map(|at| name[at]) {
        if matches!(byte, b'_' | b'-') {
            return (&name[..start - 1], &name[start..]);
        }
        start -= 1;
        let follows_lower = start.checked_sub(1).is_some_and(|at| name[at].is_ascii_lowercase());
        if byte.is_ascii_uppercase() && follows_lower {
            break;
        }
    }
    name.split_at(start)
}

/// Returns the position after the separator of a name and its value, and true if there are spaces around it.
fn after_separator(bytes: &[u8], end: usize, is_argument: bool) -> Option<(usize, bool)> {
    let is_blank = |byte: u8| byte == b' ' || byte == b'\t';
    let quote = quote_len(bytes, end);
    let from = end + quote;
    let at = run_end(bytes, from, is_blank);
    let separator = match bytes.get(at..)? {
        [b':', b':', ..] | [b'=', b'=', ..] => return None,
        [b'=', b'>', ..] | [b':', b'=', ..] => 2,
        [b'=' | b':', ..] => 1,
        _ if is_argument && at > from => 0,
        _ => return None,
    };
    let next = run_end(bytes, at + separator, is_blank);
    // YAML has a space after the colon.
    let is_yaml = bytes[at] == b':' && at == from && next == at + 2;
    Some((next, (next - from > separator) && !is_yaml))
}

/// Returns true if what follows a name that ends at `name` is its type: `const NEXT_TOKEN: AtomicUsize = …`.
fn is_type(bytes: &[u8], name: usize, value: usize) -> bool {
    let blank_end = run_end(bytes, value, |byte| byte == b' ');
    bytes.get(name) == Some(&b':') && matches!(bytes.get(blank_end..), Some([b'=', next, ..]) if *next != b'=')
}

/// Number of bytes of a quotation mark, which may be escaped.
fn quote_len(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).unwrap_or_default() {
        [b'\\', b'"' | b'\'', ..] => 2,
        [b'"' | b'\'' | b'`', ..] => 1,
        _ => 0,
    }
}

/// Returns the range of a value, and true if it is in quotation marks.
fn value_at(bytes: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    let quote = quote_len(bytes, at);
    let start = at + quote;
    let bytes = &bytes[..bytes.len().min(start + MAX_VALUE_BYTES)];
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"\"'`\\".contains(&byte);
    let end = if quote > 0 {
        run_end(bytes, start, |byte| !ends(byte))
    } else {
        run_end(bytes, start, |byte| !ends(byte) && !b",;<>(){}[]|&".contains(&byte))
    };
    let is_whole = end < start + MAX_VALUE_BYTES && (quote == 0 || quote_len(bytes, end) == quote);
    (end > start && is_whole).then_some((start..end, quote > 0))
}

/// Returns true if a value looks like a secret, for a setting of a form.
fn is_value(value: &str, form: Form, name: &str) -> bool {
    let bytes = value.as_bytes();
    if is_placeholder(value) || bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let has_digit = bytes.iter().any(u8::is_ascii_digit);
    let has_letter = bytes.iter().any(u8::is_ascii_alphabetic);
    let is_path = bytes.starts_with(b"/") || bytes.starts_with(b"~") || bytes.starts_with(b"./");
    let is_passphrase = name.to_ascii_lowercase().contains("pass") && (has_digit || bytes.len() >= 16);
    match form {
        _ if is_random(bytes) => true,
        Form::Environment => bytes.len() >= 6 && !is_path,
        Form::Quoted => !is_path && (bytes.len() >= 8 && has_digit && has_letter || bytes.len() >= 6 && is_passphrase),
        Form::Argument => bytes.len() >= 8 && has_digit && has_letter && !is_path,
        Form::Plain => false,
    }
}

/// Returns true if a value stands for a secret, or is masked already.
fn is_placeholder(value: &str) -> bool {
    let starts = |word: &&str| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let first = value.chars().next();
    first.is_none_or(|first| "$<{%*[•…@".contains(first) || value.chars().all(|c| c == first))
        || value.contains("${")
        || PLACEHOLDERS.iter().any(starts)
        || CONSTANTS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Returns true for a long value of letters of both cases and digits, as generators make them.
fn is_random(bytes: &[u8]) -> bool {
    bytes.len() >= 20
        && bytes.iter().all(|byte| is_base64(*byte) || matches!(byte, b'_' | b'-'))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
        && bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
}
