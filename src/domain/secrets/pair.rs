//! Values of secret settings that are not beside their names: `"name": "DB_PASSWORD", "value": "…"` in either order, and
//! `<password>…</password>`.

use std::ops::Range;

use super::name::is_capital;
use super::setting::{Form, is_code, is_value, name_around, quote, quoted, separator, unquoted};
use super::shape::{is_word, run_end};

/// Maximum bytes between a name and its value: a comma, an end of a line and an indentation.
const MAX_GAP_BYTES: usize = 128;

/// Maximum bytes of a value before its name.
const MAX_VALUE_BYTES: usize = 512;

/// Words for the name of a pair.
const NAME_KEYS: &[&str] = &["name", "key", "variable", "var", "parameter", "env"];

/// Words for the value of a pair.
const VALUE_KEYS: &[&str] = &["value", "val"];

/// Checks the setting whose name contains a word.
pub(super) fn value(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let name = name_around(text, word)?;
    element(text, &name).or_else(|| {
        let key = key_before(text, &name)?;
        value_after(text, &name).or_else(|| value_before(text, &key, &text[name]))
    })
}

/// Returns true for the key of a pair's name in structured data.
pub(super) fn is_name_key(key: &str) -> bool {
    is_one_of(key, NAME_KEYS)
}

/// Returns true for the key of a pair's value in structured data.
pub(super) fn is_value_key(key: &str) -> bool {
    is_one_of(key, VALUE_KEYS)
}

/// Returns the content of the element of XML with a name.
fn element(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let is_open = matches!(bytes[..name.start].last(), Some(b'<' | b':')) && bytes.get(name.end) == Some(&b'>');
    let limit = bytes.len().min(name.end + MAX_VALUE_BYTES);
    let start = name.end + 1;
    let end = is_open.then(|| run_end(&bytes[..limit], start, |byte| byte != b'<' && byte != b'\n'))?;
    // The name may have a prefix: `</ns:password>`.
    let tag = bytes.get(end..)?.strip_prefix(b"</")?;
    let closing = &tag[..run_end(tag, 0, |byte| byte != b'>' && byte != b'\n').min(MAX_GAP_BYTES)];
    let content = &text[start..end];
    let is_phrase = content.contains(char::is_whitespace) && !content.bytes().any(|byte| byte.is_ascii_digit());
    (closing.ends_with(text[name.clone()].as_bytes())
        && !is_phrase
        && is_value(content, Form::Element, &text[name.clone()]))
    .then_some(start..end)
}

/// Returns the range of the key before a name: that of `"name"` in `"name": "DB_PASSWORD"`.
fn key_before(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let opening = quote_before(bytes, name.start);
    let end = blanks_before(bytes, name.start - opening);
    let end = blanks_before(bytes, end.checked_sub(1).filter(|at| matches!(bytes[*at], b':' | b'='))?);
    let end = end - quote_before(bytes, end);
    let length = bytes[..end].iter().rev().take(MAX_GAP_BYTES).take_while(|byte| is_word(**byte)).count();
    is_name_key(&text[end - length..end]).then_some(end - length..end)
}

/// Returns the value of a pair after its name.
fn value_after(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let from = name.end + quote(bytes, name.end).len();
    let limit = bytes.len().min(from + MAX_GAP_BYTES);
    let key = run_end(&bytes[..limit], from, |byte| byte.is_ascii_whitespace() || b",;".contains(&byte));
    let escaped = run_end(&bytes[..limit], key, |byte| byte == b'\\' || byte == b'n');
    // A line break that is escaped, as in the text of a tool's input.
    let key =
        if bytes[key..].starts_with(b"\\n") { run_end(&bytes[..limit], escaped, |byte| byte == b' ') } else { key };
    if key == from {
        return None;
    }
    let start = key + quote(bytes, key).len();
    let end = run_end(&bytes[..limit], start, is_word);
    if !is_value_key(&text[start..end]) {
        return None;
    }
    let at = separator(bytes, end, false)?.value;
    let form = form(&text[name.clone()]);
    let range = match quote(bytes, at) {
        [] => unquoted(bytes, at, true).filter(|range| !is_code(&text[range.clone()])),
        mark => quoted(bytes, at, mark, form == Form::Environment),
    }?;
    is_value(&text[range.clone()], form, &text[name.clone()]).then_some(range)
}

/// Returns the value of a pair before the key of its name: `"value": "…", "name": "DB_PASSWORD"`. Only in quotation marks.
fn value_before(text: &str, key: &Range<usize>, name: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let is_gap = |byte: &&u8| byte.is_ascii_whitespace() || b",\"'".contains(byte);
    let gap = bytes[..key.start].iter().rev().take(MAX_GAP_BYTES).take_while(is_gap).count();
    let between = &bytes[key.start - gap..key.start];
    // The quotation mark after the value; the one before the key may be the same byte only if there is no comma.
    let mark = between.first().copied().filter(|byte| matches!(byte, b'"' | b'\'') && between.len() > 1)?;
    let end = key.start - gap;
    let limit = end.saturating_sub(MAX_VALUE_BYTES);
    let start = limit + memchr::memrchr2(mark, b'\n', &bytes[limit..end]).filter(|at| bytes[limit + at] == mark)? + 1;
    let key_end = blanks_before(bytes, start - 1);
    let key_end = blanks_before(bytes, key_end.checked_sub(1).filter(|at| matches!(bytes[*at], b':' | b'='))?);
    let key_end = key_end - quote_before(bytes, key_end);
    let length = bytes[..key_end].iter().rev().take(MAX_GAP_BYTES).take_while(|byte| is_word(**byte)).count();
    (end > start && is_value_key(&text[key_end - length..key_end]) && is_value(&text[start..end], form(name), name))
        .then_some(start..end)
}

fn form(name: &str) -> Form {
    if is_capital(name.as_bytes()) { Form::Environment } else { Form::Quoted }
}

/// Returns the length of the quotation mark that ends at a position, which may be escaped.
fn quote_before(bytes: &[u8], end: usize) -> usize {
    match &bytes[..end] {
        [.., b'\\', b'"' | b'\''] => 2,
        [.., b'"' | b'\'' | b'`'] => 1,
        _ => 0,
    }
}

fn blanks_before(bytes: &[u8], end: usize) -> usize {
    let is_blank = |byte: &&u8| **byte == b' ' || **byte == b'\t';
    end - bytes[..end].iter().rev().take(MAX_GAP_BYTES).take_while(is_blank).count()
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.iter().any(|known| key.eq_ignore_ascii_case(known))
}
