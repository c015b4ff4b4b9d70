//! Values of settings whose names say that they are secret: `API_KEY=…`, `"client_secret": "…"`, `--password …`.
//!
//! Code names such things as well, without a secret beside them. So the less the form looks like a setting, the more the
//! value must look like a secret.

use std::ops::Range;

use super::name::{is_capital, is_of_message, is_of_password, is_repeated, is_secret, may_be_number};
use super::shape::{is_base64, is_word, is_word_or_dash, run_end};

/// Maximum bytes of a name before and after its word.
const MAX_NAME_BYTES: usize = 64;

/// Maximum bytes of a value; longer ones are texts or data.
const MAX_VALUE_BYTES: usize = 512;

/// Maximum bytes of a password of several words; longer ones are prose.
const MAX_PHRASE_BYTES: usize = 128;

/// Minimum digits of a password that is a number, because shorter ones are counts and ports.
const MIN_DIGITS: usize = 6;

/// Maximum bytes before a name that are looked at: the margin of a line, or the user in a `netrc` file.
const MAX_MARGIN_BYTES: usize = 256;

/// Beginnings of values that stand for a secret.
const PLACEHOLDERS: &[&str] =
    &["your", "xxx", "...", "example", "changeme", "change_me", "placeholder", "redacted", "dummy"];

/// Words that are values of other types.
const CONSTANTS: &[&str] = &["true", "false", "null", "none", "undefined", "string", "required", "optional"];

/// Names of objects in code from which a value is read.
const OBJECTS: &[&str] = &[
    "app", "args", "cfg", "conf", "config", "ctx", "env", "os", "process", "props", "req", "request", "self",
    "settings", "this",
];

/// Form of a setting.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Name in capitals, directly before the value.
    Environment,
    /// Name in small letters, directly before the value: a line of a `.properties` file, or a parameter of a URL.
    Property,
    /// Name at the beginning of a line, as in YAML and in `.ini` files.
    Line,
    /// Value in quotation marks.
    Quoted,
    /// Content of an element of XML.
    Element,
    /// Argument of a command.
    Argument,
    /// Any other one.
    Plain,
}

/// Separator of a name and its value.
pub(super) struct Separator {
    /// Position of the value, which may begin with a quotation mark.
    pub value: usize,
    /// First byte; a blank before an argument.
    byte: u8,
    /// True if there are spaces around it, except the one that YAML has.
    is_spaced: bool,
}

/// Checks the setting whose name contains a word.
pub(super) fn value(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let Range { start, end } = name_around(text, word)?;
    let name = &text[start..end];
    let is_argument = name.starts_with("--") || is_netrc(&bytes[..start], name);
    let separator = separator(bytes, end, is_argument)?;
    let quote = quote(bytes, separator.value);
    let form = form(bytes, start, name, (&separator, !quote.is_empty()));
    let has_any = form == Form::Environment || begins_line(bytes, start);
    let is_environment = form == Form::Environment;
    let bare = |at: usize| unquoted(bytes, at, has_any);
    let range = match quote {
        [] => bare(separator.value),
        // A value that is cut off has no second quotation mark.
        quote => quoted(bytes, separator.value, quote, is_environment)
            .or_else(|| bare(separator.value + quote.len()).filter(|_| is_environment)),
    }?;
    if quote.is_empty() && is_type(bytes, end, range.end) {
        return None;
    }
    let value = &text[range.clone()];
    let is_code = quote.is_empty() && form != Form::Argument && is_code(value);
    (!is_code && is_value(value, form, name) && !is_code_after(bytes, range.end, form)).then_some(range)
}

/// Returns the range of the name that contains a word, if it is that of a secret.
pub(super) fn name_around(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let limit = word.start.saturating_sub(MAX_NAME_BYTES);
    let before = bytes[limit..word.start].iter().rev().take_while(|byte| is_word_or_dash(**byte)).count();
    let start = word.start - before;
    let end = run_end(&bytes[..bytes.len().min(word.end + MAX_NAME_BYTES)], word.end, is_word_or_dash);
    is_secret(&text[start..end]).then_some(start..end)
}

/// Returns true if the text under a name in structured data, as in the input of a tool, is a secret.
pub(super) fn is_secret_field(name: &str, value: &str) -> bool {
    if !is_secret(name) || value.len() > MAX_VALUE_BYTES {
        return false;
    }
    let form = if is_capital(name.as_bytes()) { Form::Environment } else { Form::Quoted };
    is_value(value, form, name)
}

fn form(bytes: &[u8], start: usize, name: &str, (separator, is_quoted): (&Separator, bool)) -> Form {
    let is_direct = !separator.is_spaced;
    match separator.byte {
        b' ' | b'\t' if !name.starts_with("--") => Form::Environment,
        b'=' if is_direct && is_capital(name.as_bytes()) => Form::Environment,
        _ if is_quoted => Form::Quoted,
        _ if name.starts_with("--") => Form::Argument,
        _ if is_direct && is_capital(name.as_bytes()) => Form::Environment,
        b'=' if is_direct && is_free(bytes, start) => Form::Property,
        b'=' | b':' if begins_line(bytes, start) => Form::Line,
        _ => Form::Plain,
    }
}

/// Returns true if a name is not an argument of a function.
fn is_free(bytes: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).map(|at| bytes[at]);
    before.is_none_or(|byte| byte.is_ascii_whitespace() || !byte.is_ascii() || b".?&;\"'`\\+".contains(&byte))
}

/// Returns true if only a margin is before a name: blanks, and what lists of lines and differences have there.
fn begins_line(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(MAX_MARGIN_BYTES)..start];
    let is_margin = |byte: &u8| byte.is_ascii_digit() || b" \t+-".contains(byte);
    let line = before.iter().rposition(|byte| !is_margin(byte)).map_or(&[][..], |at| &before[..=at]);
    line.is_empty() || line.ends_with(b"\n") || line.ends_with("→".as_bytes()) || line.ends_with(b"\\n")
}

/// Returns true for the password of a `netrc` file: `machine HOST login USER password PASSWORD`.
fn is_netrc(before: &[u8], name: &str) -> bool {
    if name != "password" {
        return false;
    }
    let before = &before[before.len().saturating_sub(MAX_MARGIN_BYTES)..];
    let mut words = before.split(u8::is_ascii_whitespace).rev().filter(|word| !word.is_empty());
    let (_, login, host, machine) = (words.next(), words.next(), words.next(), words.next());
    login.is_some_and(|word| word == b"login")
        && (machine.is_some_and(|word| word == b"machine") || host.is_some_and(|word| word == b"default"))
}

/// Returns the separator after a name.
pub(super) fn separator(bytes: &[u8], end: usize, is_argument: bool) -> Option<Separator> {
    let is_blank = |byte: u8| byte == b' ' || byte == b'\t';
    let from = end + quote(bytes, end).len();
    let at = run_end(bytes, from, is_blank);
    let (length, byte) = match bytes.get(at..)? {
        [b':', b':', ..] | [b'=', b'=', ..] => return None,
        [byte @ b'=', b'>', ..] | [byte @ b':', b'=', ..] => (2, *byte),
        [byte @ (b'=' | b':'), ..] => (1, *byte),
        _ if is_argument && at > from => (0, b' '),
        _ => return None,
    };
    let value = run_end(bytes, at + length, is_blank);
    let is_yaml = byte == b':' && at == from && value == at + 2;
    Some(Separator { value, byte, is_spaced: value - from > length && !is_yaml })
}

/// Returns true if what follows a name that ends at `name` is its type: `const NEXT_TOKEN: AtomicUsize = …`.
fn is_type(bytes: &[u8], name: usize, value: usize) -> bool {
    let blank_end = run_end(bytes, value, |byte| byte == b' ');
    bytes.get(name) == Some(&b':') && matches!(bytes.get(blank_end..), Some([b'=', next, ..]) if *next != b'=')
}

/// Returns the quotation mark at a position, which may be escaped; empty if there is none.
pub(super) fn quote(bytes: &[u8], at: usize) -> &[u8] {
    match bytes.get(at..).unwrap_or_default() {
        rest @ [b'\\', b'"' | b'\'', ..] => &rest[..2],
        rest @ [b'"' | b'\'' | b'`', ..] => &rest[..1],
        _ => &[],
    }
}

/// Returns the range of a value up to the quotation mark of the same kind. Only in environments it has several words.
pub(super) fn quoted(bytes: &[u8], at: usize, quote: &[u8], has_words: bool) -> Option<Range<usize>> {
    let start = at + quote.len();
    let bytes = &bytes[..bytes.len().min(start + MAX_VALUE_BYTES)];
    let mut end = start;
    while !bytes.get(end..)?.starts_with(quote) {
        end += match bytes.get(end..)? {
            // Another kind of quotation mark, or a backslash.
            [b'\\', b'"' | b'\'' | b'\\' | b'/' | b'$', ..] => 2,
            [] | [b'\n' | b'\r', ..] => return None,
            [b'\\', ..] if !has_words || quote.len() > 1 => return None,
            [byte, ..] if byte.is_ascii_whitespace() && !has_words => return None,
            _ => 1,
        };
    }
    (end > start).then_some(start..end)
}

/// Returns the range of a value without quotation marks. An environment has any characters in it, code has not.
pub(super) fn unquoted(bytes: &[u8], start: usize, has_any: bool) -> Option<Range<usize>> {
    let bytes = &bytes[..bytes.len().min(start + MAX_VALUE_BYTES)];
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"\"'`\\".contains(&byte);
    let ends_code = |byte: u8| ends(byte) || b",;<>(){}[]|&".contains(&byte);
    let is_whole = |end: &usize| *end > start && *end < start + MAX_VALUE_BYTES;
    let whole = Some(run_end(bytes, start, |byte| !ends(byte))).filter(|end| has_any && is_whole(end));
    match whole {
        // Punctuation of the sentence or the command.
        Some(end) => {
            let trimmed = bytes[start..end].iter().rposition(|byte| !b",;)}]>&|.".contains(byte))?;
            Some(start..start + trimmed + 1)
        }
        None => Some(run_end(bytes, start, |byte| !ends_code(byte))).filter(is_whole).map(|end| start..end),
    }
}

/// Returns true if a value looks like a secret, for a setting of a form.
pub(super) fn is_value(value: &str, form: Form, name: &str) -> bool {
    let bytes = value.as_bytes();
    if is_placeholder(value) || is_repeated(name, value) {
        return false;
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        return bytes.len() >= MIN_DIGITS && may_be_number(name) && (form != Form::Plain || is_of_password(name));
    }
    if is_random(bytes) || is_hex_key(bytes) {
        return true;
    }
    let has_digit = bytes.iter().any(u8::is_ascii_digit);
    let is_mixed = bytes.len() >= 8 && has_digit && bytes.iter().any(u8::is_ascii_alphabetic);
    let is_password = is_of_password(name);
    let is_passphrase = is_password && bytes.len() >= 6 && (has_digit || bytes.len() >= 16);
    let has_words = value.contains(char::is_whitespace);
    if is_path(bytes) || has_words && (bytes.len() > MAX_PHRASE_BYTES || !is_password || is_of_message(name)) {
        return false;
    }
    match form {
        Form::Environment => bytes.len() >= 6,
        Form::Element => is_password && bytes.len() >= 6 || is_mixed && !is_identifier(value),
        Form::Quoted => is_passphrase || is_mixed && !is_identifier(value),
        Form::Argument => is_mixed,
        Form::Property => is_mixed && !is_identifier(value),
        Form::Line => is_mixed && is_password && !is_identifier(value) && !is_type_name(value),
        Form::Plain => false,
    }
}

/// Returns true if a value stands for a secret, or is masked already.
pub(super) fn is_placeholder(value: &str) -> bool {
    let starts = |word: &&str| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let first = value.chars().next();
    first.is_none_or(|first| "<{%*[•…@".contains(first) || value.chars().all(|c| c == first))
        || value.contains(['•', '…'])
        || is_variable(value)
        || PLACEHOLDERS.iter().any(starts)
        || CONSTANTS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Returns true for a value that names a variable: `$TOKEN`, `${TOKEN}`, `$(cat file)`, `$token`, `$this->token`.
/// A name in small letters with digits in it is a password.
fn is_variable(value: &str) -> bool {
    if value.contains("${") || value.contains("{{") {
        return true;
    }
    let Some(rest) = value.strip_prefix('$') else { return false };
    let end = run_end(rest.as_bytes(), 0, is_word);
    let (name, after) = rest.split_at(end);
    let is_name = is_capital(name.as_bytes()) || !name.bytes().any(|byte| byte.is_ascii_digit());
    is_name && (after.is_empty() || ["->", "[", "(", ":"].iter().any(|next| after.starts_with(next)))
}

fn is_path(bytes: &[u8]) -> bool {
    let starts = |start: &str| bytes.starts_with(start.as_bytes());
    starts("/")
        || starts("~")
        || starts("./")
        || starts("../")
        || matches!(bytes, [b'A'..=b'Z', b':', b'\\' | b'/', ..])
}

/// Returns true for an expression: `settings.API_KEY`, `os.environ[`, `getToken(user`.
pub(super) fn is_code(value: &str) -> bool {
    let value = value.trim_start_matches(['(', '!', '&', '*']);
    let head = &value[..run_end(value.as_bytes(), 0, |byte| is_word(byte) || byte == b'.')];
    let mut parts = head.split('.');
    let is_name = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if head.len() < 3 || !head.split('.').all(is_name) {
        return false;
    }
    let after = &value[head.len()..];
    if ["(", "[", "::", "->"].iter().any(|next| after.starts_with(next)) {
        return !head.bytes().any(|byte| byte.is_ascii_digit());
    }
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
    after.is_empty() && (is_secret(last) || !last.is_empty() && OBJECTS.contains(&first))
}

/// Returns true if what follows a value makes it an expression: `password=hash(plain1)`, `token=token2,`.
fn is_code_after(bytes: &[u8], end: usize, form: Form) -> bool {
    matches!(form, Form::Property | Form::Line) && matches!(bytes.get(end), Some(b'(' | b'[' | b')' | b',' | b'{'))
}

/// Returns true for words with a number, as names of things have them: `invalid_token_2`, `users_v2`.
fn is_identifier(value: &str) -> bool {
    let is_part = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        part.len() <= 12 && part.bytes().all(|byte| byte.is_ascii_alphanumeric()) && digits <= 2
    };
    value.contains('_') && value.split('_').all(is_part)
}

/// Returns true for the name of a type: `Base64Str`.
fn is_type_name(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.starts_with(|c: char| c.is_ascii_uppercase()) && value.bytes().all(is_word) && digits <= 2
}

/// Returns true for a long value of letters of both cases and digits, as generators make them.
fn is_random(bytes: &[u8]) -> bool {
    bytes.len() >= 20
        && bytes.iter().all(|byte| is_base64(*byte) || matches!(byte, b'_' | b'-'))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
        && bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
}

/// Returns true for a long number in hexadecimal digits, or a UUID.
fn is_hex_key(bytes: &[u8]) -> bool {
    let hex = bytes.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    hex >= 20
        && bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
        && bytes.iter().any(u8::is_ascii_alphabetic)
}
