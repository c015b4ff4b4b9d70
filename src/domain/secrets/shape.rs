//! Rules that decide whether the text after a prefix is a secret.

use std::ops::{Range, RangeInclusive};

use memchr::memmem;

/// Rule of a format.
#[derive(Debug)]
pub(super) enum Shape {
    /// Number of characters of a class.
    Token {
        /// The class.
        chars: fn(u8) -> bool,
        /// Numbers that are possible.
        length: RangeInclusive<usize>,
    },
    /// Three parts in base64, of which two are JSON objects.
    Jwt,
    /// Block between `BEGIN` and `END` lines.
    PrivateKey,
    /// Value of an `Authorization` header.
    Header,
    /// Password before the host of a URL.
    UrlPassword,
    /// Parts between dollar signs, of which the last one is a hash.
    Crypt {
        /// Possible lengths of the hash.
        length: RangeInclusive<usize>,
    },
    /// Names and values of a `Cookie` header.
    Cookies,
    /// Number of a bot, a colon and a key.
    TelegramToken,
    /// Characters and a digit, the mark of the format, and the rest of the secret.
    AzureSecret,
    /// User and password as an argument of `curl`.
    UserPassword,
    /// Value of a setting whose name says that it is secret.
    Setting,
}

/// Maximum bytes of a private key, because what follows a lone `BEGIN` line is not one.
const MAX_KEY_BYTES: usize = 32 << 10;

/// Minimum characters of a private key; shorter ones are examples.
const MIN_KEY_CHARS: usize = 40;

/// Maximum bytes between the scheme and the host of a URL.
const MAX_USER_BYTES: usize = 512;

/// Maximum bytes after the mark of a short token that are looked at.
const MAX_SHORT_TOKEN: usize = 64;

/// Maximum bytes of the hash of a password with its parameters.
const MAX_CRYPT_BYTES: usize = 512;

/// Words that stand for the password of a URL in documentation.
const EXAMPLE_PASSWORDS: &[&str] = &["password", "passwd", "pass", "pwd", "secret", "token"];

/// Maximum dollar signs in the hash of a password: between its version, its parameters, its salt and the hash itself.
const MAX_CRYPT_PARTS: usize = 4;

/// Minimum characters of the value of a header.
const MIN_HEADER_CHARS: usize = 16;

/// Checks a token.
pub(super) fn token(
    text: &str,
    prefix: Range<usize>,
    chars: fn(u8) -> bool,
    length: &RangeInclusive<usize>,
) -> Option<Range<usize>> {
    let bytes = &text.as_bytes()[..text.len().min(prefix.end + length.end() + 1)];
    let end = run_end(bytes, prefix.end, chars);
    // Data in base64 has neither of these characters, so that a slash before them ends a word.
    let is_marked = text[prefix.clone()].contains(['_', '-']);
    let starts = || starts_word(bytes, prefix.start) || is_marked && matches!(bytes[prefix.start - 1], b'/' | b'+');
    (length.contains(&(end - prefix.end)) && starts() && !is_words(&bytes[prefix.end..end])).then_some(prefix.end..end)
}

/// Returns true for words in small letters with separators, which are a name.
fn is_words(rest: &[u8]) -> bool {
    let is_separator = |byte: &u8| b"_-./".contains(byte);
    rest.iter().any(is_separator) && rest.iter().all(|byte| byte.is_ascii_lowercase() || is_separator(byte))
}

/// Checks the hash of a password, with its parameters and its salt.
pub(super) fn crypt(text: &str, prefix: Range<usize>, length: &RangeInclusive<usize>) -> Option<Range<usize>> {
    let bytes = &text.as_bytes()[..text.len().min(prefix.end + MAX_CRYPT_BYTES)];
    let limit = memchr::memchr_iter(b'$', &bytes[prefix.end..]).nth(MAX_CRYPT_PARTS).map(|at| prefix.end + at);
    let bytes = &bytes[..limit.unwrap_or(bytes.len())];
    let is_in = |byte: u8| is_base64(byte) || b".$,-_".contains(&byte);
    let end = run_end(bytes, prefix.end, is_in);
    // The hash of phpass follows its prefix directly.
    let hash = memchr::memrchr(b'$', &bytes[prefix.start..end]).map(|at| prefix.start + at + 1)?;
    let is_hash = |byte: u8| is_base64(byte) && byte != b'=' || byte == b'.';
    let longest = run_end(&bytes[..end.min(hash + length.end())], hash, is_hash);
    let is_whole = bytes.get(longest).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let has_digit = bytes[hash..longest].iter().any(u8::is_ascii_digit);
    (length.contains(&(longest - hash)) && is_whole && has_digit).then_some(prefix.end..longest)
}

/// Checks a token of Telegram, whose prefix begins with the colon.
pub(super) fn telegram_token(text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let digits = bytes[..prefix.start].iter().rev().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    let end = run_end(&bytes[..bytes.len().min(prefix.end + MAX_SHORT_TOKEN)], prefix.end, is_word_or_dash);
    ((8..=10).contains(&digits) && end - prefix.end == 33).then_some(prefix.start + 1..end)
}

/// Checks a client secret of Azure: three characters and a digit are before its mark.
pub(super) fn azure_secret(text: &str, mark: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let is_in = |byte: u8| is_dotted(byte) || byte == b'~';
    let start = mark.start.checked_sub(4).filter(|start| starts_word(bytes, *start))?;
    let mut end = run_end(&bytes[..bytes.len().min(mark.end + MAX_SHORT_TOKEN)], mark.end, is_in);
    // It may end a sentence.
    while end - mark.end > 31 && bytes[end - 1] == b'.' {
        end -= 1;
    }
    let begins = bytes[start..start + 3].iter().all(|byte| is_in(*byte)) && bytes[start + 3].is_ascii_digit();
    (begins && (31..=34).contains(&(end - mark.end))).then_some(start..end)
}

/// Finds tokens of Discord: the number of a bot in base64, a time and a key, with dots between them.
pub(super) fn discord_tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let is_second = |at: &usize| {
        bytes.get(at + 7) == Some(&b'.') && bytes[at + 1..at + 7].iter().all(|byte| is_word_or_dash(*byte))
    };
    memchr::memchr_iter(b'.', bytes).filter(is_second).filter_map(move |at| {
        let id = bytes[..at].iter().rev().take(32).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let end = run_end(bytes, at + 8, is_word_or_dash);
        // The number is written in decimal digits.
        let is_number = matches!(
            &bytes[at - id..at],
            [b'M'..=b'O', b'D' | b'T' | b'j' | b'z', third, ..] if b"AEIMQUYcgk".contains(third)
        );
        (is_number && (23..=30).contains(&id) && (27..=40).contains(&(end - at - 8))).then_some(at - id..end)
    })
}

/// Checks the user and the password after an option of `curl`.
pub(super) fn user_password(text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = &bytes[prefix.start.saturating_sub(MAX_USER_BYTES)..prefix.start];
    let line = memchr::memrchr_iter(b'\n', before).find(|at| before[..*at].last() != Some(&b'\\'));
    memmem::find(&before[line.unwrap_or(0)..], b"curl")?;
    let quote = bytes.get(prefix.end).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let start = prefix.end + usize::from(quote.is_some());
    let bytes = &bytes[..bytes.len().min(start + MAX_USER_BYTES)];
    let end = run_end(bytes, start, |byte| match quote {
        Some(quote) => byte != quote && byte != b'\n',
        None => !byte.is_ascii_whitespace() && !b"\"'`\\".contains(&byte),
    });
    let password = start + memchr::memchr(b':', &bytes[start..end])? + 1;
    // The numbers of a user and a group are no password.
    (!bytes[password..end].iter().all(u8::is_ascii_digit)).then_some(password..end)
}

/// Checks a JSON web token.
pub(super) fn jwt(text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !starts_word(bytes, prefix.start) {
        return None;
    }
    let next_part = |from: usize, least: usize| {
        let end = run_end(bytes, from, is_word_or_dash);
        (end - from >= least).then_some(end)
    };
    let header = next_part(prefix.end, 8).filter(|end| text[*end..].starts_with(".eyJ"))?;
    let payload = next_part(header + 1, 10).filter(|end| text[*end..].starts_with('.'))?;
    Some(prefix.end..next_part(payload + 1, 10)?)
}

/// Checks a private key.
pub(super) fn private_key(text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let label = run_end(bytes, prefix.end, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let is_private = text[prefix.end..label].contains("PRIVATE KEY");
    let start = label + text[label..].starts_with("-----").then_some(5).filter(|_| is_private)?;
    let limit = bytes.len().min(start + MAX_KEY_BYTES);
    let end = match memmem::find(&bytes[start..limit], b"-----END ") {
        Some(end) => start + end,
        None => run_end(&bytes[..limit], start, |byte| is_base64(byte) || byte.is_ascii_whitespace() || byte == b'\\'),
    };
    let count = bytes[start..end].iter().filter(|byte| is_base64(**byte)).count();
    (count >= MIN_KEY_CHARS).then_some(start..end)
}

/// Checks the value of an `Authorization` header.
pub(super) fn header(text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let end = run_end(bytes, prefix.end, |byte| is_base64(byte) || matches!(byte, b'.' | b'~' | b'-' | b'_'));
    let value = &bytes[prefix.end..end];
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let is_basic =
        bytes[prefix.start].eq_ignore_ascii_case(&b'b') && bytes[prefix.start + 1].eq_ignore_ascii_case(&b'a');
    let is_value = if is_basic {
        value.len() >= 8 && value.len().is_multiple_of(4) && (has_digit || value.ends_with(b"="))
    } else {
        value.len() >= MIN_HEADER_CHARS && has_digit
    };
    is_value.then_some(prefix.end..end)
}

/// Checks the part of a URL before its host.
pub(super) fn url_password(text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
    let bytes = &text.as_bytes()[..text.len().min(prefix.end + MAX_USER_BYTES)];
    let end = run_end(bytes, prefix.end, |byte| !byte.is_ascii_whitespace() && !b"/?#\"'`<>\\()[]{}|,".contains(&byte));
    let at = memchr::memrchr(b'@', &bytes[prefix.end..end])?;
    let colon = memchr::memchr(b':', &bytes[prefix.end..prefix.end + at])?;
    let range = prefix.end + colon + 1..prefix.end + at;
    let first = bytes.get(range.start).filter(|_| !range.is_empty())?;
    let is_example = EXAMPLE_PASSWORDS.iter().any(|word| text[range.clone()].eq_ignore_ascii_case(word));
    // A variable, an example or a masked password.
    (first.is_ascii() && !b"$*%.".contains(first) && !is_example).then_some(range)
}

/// Returns the end of the bytes of a class.
pub(super) fn run_end(bytes: &[u8], from: usize, is_in: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !is_in(*byte)).map_or(from + rest.len(), |length| from + length)
}

/// Returns true if no word and no data in base64 continues at a position. A word may follow an escape: `\n`, `%3D`, or a
/// change of colour.
fn starts_word(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[..at];
    match before {
        [.., last] if !is_base64(*last) && *last != b'_' || *last == b'=' => true,
        [] | [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [.., b'm'] => {
            let parameters = before.iter().rev().skip(1).take_while(|byte| byte.is_ascii_digit() || **byte == b';');
            before.len().checked_sub(parameters.count() + 3).is_some_and(|start| before[start..].starts_with(b"\x1b["))
        }
        [..] => false,
    }
}

pub(super) fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_word_or_dash(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

pub(super) fn is_word_or_slash(byte: u8) -> bool {
    is_word(byte) || byte == b'/'
}

pub(super) fn is_dotted(byte: u8) -> bool {
    is_word_or_dash(byte) || byte == b'.'
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}
