//! Decoding of JSON strings, whatever their escapes.

use std::borrow::Cow;

use memchr::memchr;

/// Decodes a string's escapes. Half characters become U+FFFD, and an unknown escape stays as it is.
pub(super) fn unescape(raw: &[u8]) -> Cow<'_, str> {
    // Nearly all strings are UTF-8, which is checked once and several times as fast as by the standard library.
    match simdutf8::basic::from_utf8(raw) {
        Ok(encoded) => unescape_text(encoded),
        Err(_) => Cow::Owned(unescape_text(&String::from_utf8_lossy(raw)).into_owned()),
    }
}

fn unescape_text(encoded: &str) -> Cow<'_, str> {
    let raw = encoded.as_bytes();
    let Some(mut at) = memchr(b'\\', raw) else { return Cow::Borrowed(encoded) };
    let (mut text, mut from) = (String::with_capacity(raw.len()), 0);
    loop {
        text.push_str(&encoded[from..at]);
        from = at + escape(&raw[at..], &mut text);
        match memchr(b'\\', &raw[from..]) {
            Some(next) => at = from + next,
            None => break,
        }
    }
    text.push_str(&encoded[from..]);
    Cow::Owned(text)
}

/// Decodes the escape at the start of `raw`, and returns its length.
fn escape(raw: &[u8], text: &mut String) -> usize {
    let plain = match raw.get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&same @ (b'"' | b'\\' | b'/')) => char::from(same),
        Some(b'u') => return unicode(raw, text),
        Some(_) | None => {
            text.push('\\');
            return 1;
        }
    };
    text.push(plain);
    2
}

/// Decodes `\uXXXX`, or two of them that form one character.
fn unicode(raw: &[u8], text: &mut String) -> usize {
    let Some(unit) = unit(raw) else {
        text.push('\\');
        return 1;
    };
    if let Some(character) = char::from_u32(unit) {
        text.push(character);
        return 6;
    }
    match raw.get(6..).and_then(unit_of_escape).filter(|low| (0xdc00..0xe000).contains(low)) {
        Some(low) if unit < 0xdc00 => {
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            12
        }
        _ => {
            text.push(char::REPLACEMENT_CHARACTER);
            6
        }
    }
}

fn unit_of_escape(raw: &[u8]) -> Option<u32> {
    raw.starts_with(b"\\u").then(|| unit(raw))?
}

fn unit(raw: &[u8]) -> Option<u32> {
    let digits = raw.get(2..6).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn half_characters_are_replaced_and_whole_ones_joined() {
        assert_eq!(unescape(br"a \ud83d b"), "a \u{fffd} b");
        assert_eq!(unescape(br"\udc4d\ud83d\udc4d"), "\u{fffd}\u{1f44d}");
        assert_eq!(unescape(br"\ud83d\n\ud83dx"), "\u{fffd}\n\u{fffd}x");
        assert_eq!(unescape(br"\ud83d\ud83d\udc4d"), "\u{fffd}\u{1f44d}");
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(unescape(br"C:\x \u12 \"), r"C:\x \u12 \");
        assert_eq!(unescape(b"\xff \\/ \\\\"), "\u{fffd} / \\");
    }
}
