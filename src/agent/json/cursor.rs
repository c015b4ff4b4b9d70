//! A pull parser over one JSON value: skips values that the caller does not read, and allocates nothing.
//!
//! Strings are delimited by their quotes (a quote inside a string is always escaped), so long ones cost a `memchr`.
//! Nesting is counted, not recursed into. Nothing else is validated: the caller parses the values that it uses.

use std::borrow::Cow;

use super::scalar;
use super::unescape::unescape;
use crate::domain::Time;

/// Error for a text that is not JSON, or that ends before its value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedJson;

/// A position in a JSON text.
#[derive(Clone, Debug)]
pub(crate) struct JsonCursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A JSON string as encoded in the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStr<'a>(pub &'a [u8]);

impl<'a> JsonCursor<'a> {
    /// Creates a cursor at the beginning of a text.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Iterates over an object. Calls `field` with each key (as encoded), which may read the value; an unread value is
    /// skipped. A value that is no object is skipped.
    pub(crate) fn object(
        &mut self,
        mut field: impl FnMut(&'a [u8], &mut Self) -> Result<(), MalformedJson>,
    ) -> Result<(), MalformedJson> {
        if self.peek()? != b'{' {
            return self.skip();
        }
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(MalformedJson);
            }
            let key = self.string()?.0;
            if self.peek()? != b':' {
                return Err(MalformedJson);
            }
            self.at += 1;
            // A callback may look at the next byte without reading the value.
            self.peek()?;
            let before = self.at;
            field(key, self)?;
            if self.at == before {
                self.skip()?;
            }
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(MalformedJson),
            }
            if self.peek()? == b'}' {
                // Some writers leave a comma after the last field.
                self.at += 1;
                return Ok(());
            }
        }
    }

    /// Iterates over an array; an unread item is skipped. A value that is no array is skipped.
    pub(crate) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), MalformedJson>,
    ) -> Result<(), MalformedJson> {
        if self.peek()? != b'[' {
            return self.skip();
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            // A callback may look at the next byte without reading the value.
            if self.peek()? == b']' {
                self.at += 1;
                return Ok(());
            }
            let before = self.at;
            item(self)?;
            if self.at == before {
                self.skip()?;
            }
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(MalformedJson),
            }
        }
    }

    /// Returns the next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Result<u8, MalformedJson> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(MalformedJson)
    }

    /// Reads a string; any other value is skipped and yields `None`.
    pub(crate) fn text(&mut self) -> Result<Option<JsonStr<'a>>, MalformedJson> {
        if self.peek()? == b'"' { self.string().map(Some) } else { self.skip().map(|()| None) }
    }

    /// Reads one string field of an object. `None` if it is missing or not a string.
    pub(crate) fn string_field(&mut self, name: &[u8]) -> Result<Option<JsonStr<'a>>, MalformedJson> {
        let mut found = None;
        self.object(|key, value| {
            if key == name {
                found = value.text()?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads a count, see [`count`](super::count); any other value is skipped and yields `None`.
    pub(crate) fn number(&mut self) -> Result<Option<u64>, MalformedJson> {
        let raw = self.raw()?;
        let text = raw.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(raw);
        Ok(std::str::from_utf8(text).ok().and_then(scalar::text_count))
    }

    /// Reads a time, see [`time`](super::time); any other value is skipped and yields `None`.
    pub(crate) fn time(&mut self) -> Result<Option<Time>, MalformedJson> {
        /// Maximum levels of objects and lists around a time.
        const MAX_LEVELS: usize = 3;
        self.time_within(MAX_LEVELS)
    }

    fn time_within(&mut self, levels: usize) -> Result<Option<Time>, MalformedJson> {
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                Ok(std::str::from_utf8(text.0).ok().and_then(Time::parse))
            }
            b'{' | b'[' if levels == 0 => self.skip().map(|()| None),
            b'{' => {
                let mut found = None;
                self.object(|name, value| {
                    // The part of a second.
                    if memchr::memmem::find(name, b"nano").is_none() {
                        found = found.or(value.time_within(levels - 1)?);
                    }
                    Ok(())
                })?;
                Ok(found)
            }
            b'[' => {
                let mut found = None;
                self.array(|item| {
                    found = found.or(item.time_within(levels - 1)?);
                    Ok(())
                })?;
                Ok(found)
            }
            _ => {
                let number = std::str::from_utf8(self.raw()?).ok().and_then(|digits| digits.parse().ok());
                Ok(number.and_then(Time::from_number))
            }
        }
    }

    /// Reads an id: a string, or a number as its digits. Any other value is skipped and yields `None`.
    pub(crate) fn id(&mut self) -> Result<Option<JsonStr<'a>>, MalformedJson> {
        if self.peek()?.is_ascii_digit() { Ok(Some(JsonStr(self.raw()?))) } else { self.text() }
    }

    /// Reads a value; true if it is the literal `true`.
    pub(crate) fn truth(&mut self) -> Result<bool, MalformedJson> {
        Ok(self.raw()? == b"true")
    }

    /// Reads a value of any kind and returns its bytes as encoded.
    pub(crate) fn raw(&mut self) -> Result<&'a [u8], MalformedJson> {
        self.peek()?;
        let from = self.at;
        self.skip()?;
        Ok(&self.bytes[from..self.at])
    }

    /// Returns the bytes read since an offset.
    pub(crate) fn since(&self, offset: usize) -> &'a [u8] {
        &self.bytes[offset.min(self.at)..self.at]
    }

    /// Returns the offset of the next byte to read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// True if only white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.peek().is_err()
    }

    /// Skips a value of any kind.
    pub(crate) fn skip(&mut self) -> Result<(), MalformedJson> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.skip_nested(),
            // `NaN` and `Infinity` are no JSON, but some writers write them.
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I' => {
                let rest = &self.bytes[self.at..];
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                self.at += rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(MalformedJson),
        }
    }

    fn skip_nested(&mut self) -> Result<(), MalformedJson> {
        let mut depth = 0usize;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at = self.closing_quote(self.at + 1)?;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                // JSON lines contain no control characters, except where a crash left a hole of NUL bytes.
                0 => return Err(MalformedJson),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(MalformedJson)
    }

    fn string(&mut self) -> Result<JsonStr<'a>, MalformedJson> {
        let from = self.at + 1;
        let end = self.closing_quote(from)?;
        self.at = end + 1;
        Ok(JsonStr(&self.bytes[from..end]))
    }

    /// Finds the end of the string that began before `from`: the first quote with an even number of backslashes before it.
    fn closing_quote(&self, from: usize) -> Result<usize, MalformedJson> {
        let mut at = from;
        loop {
            let quote = at + first_quote(self.bytes.get(at..).ok_or(MalformedJson)?).ok_or(MalformedJson)?;
            let escapes = self.bytes[from..quote].iter().rev().take_while(|&&byte| byte == b'\\').count();
            if escapes % 2 == 0 {
                return Ok(quote);
            }
            at = quote + 1;
        }
    }
}

/// Finds the first quote. Most strings are names and ids, for which a call of `memchr` takes longer than the search.
#[inline]
fn first_quote(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    /// Maximum words that are searched one by one.
    const MAX_WORDS: usize = 5;
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().take(MAX_WORDS).enumerate() {
        // A byte without any bit is a quote; the lowest such byte is found exactly.
        let other_bits = u64::from_le_bytes(*word) ^ QUOTES;
        let quotes = other_bits.wrapping_sub(ONES) & !other_bits & HIGH_BITS;
        if quotes != 0 {
            return Some(at * 8 + quotes.trailing_zeros() as usize / 8);
        }
    }
    let rest = words.len().min(MAX_WORDS) * 8;
    memchr::memchr(b'"', &bytes[rest..]).map(|at| rest + at)
}

impl<'a> JsonStr<'a> {
    /// Decodes the escapes. Invalid UTF-8 and half characters become U+FFFD.
    pub fn decode(self) -> Cow<'a, str> {
        unescape(self.0)
    }

    /// Decodes about the first `bytes` bytes of the text, for titles and for comparisons.
    pub fn head(self, bytes: usize) -> Cow<'a, str> {
        if self.0.len() <= bytes {
            return self.decode();
        }
        // Must not cut inside an escape or a character: step back before the last backslash, if one is near.
        let mut end = bytes;
        if let Some(slash) = self.0[end.saturating_sub(12)..end].iter().rposition(|&byte| byte == b'\\') {
            end = end.saturating_sub(12) + slash;
            while end > 0 && self.0[end - 1] == b'\\' {
                end -= 1;
            }
        }
        while end > 0 && self.0[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        JsonStr(&self.0[..end]).decode()
    }

    /// Hash of the decoded text (FNV-1a), stable across processes; never 0.
    pub fn hash(self) -> u64 {
        if memchr::memchr(b'\\', self.0).is_none() { hash(self.0) } else { hash(self.decode().as_bytes()) }
    }

    /// True if the text is only white space, escaped or not.
    pub fn is_blank(self) -> bool {
        let mut rest = self.0;
        loop {
            rest = match rest {
                [] => return true,
                [b' ' | b'\t' | b'\n' | b'\r', tail @ ..] | [b'\\', b'n' | b't' | b'r', tail @ ..] => tail,
                _ => return false,
            };
        }
    }
}

/// Hash of a text's length and its ends, which tells apart what one id is given to; never 0.
pub(crate) fn sample_hash(bytes: &[u8]) -> u64 {
    const END: usize = 64;
    let ends = hash(&bytes[..bytes.len().min(END)]) ^ hash(&bytes[bytes.len().saturating_sub(END)..]).rotate_left(1);
    (ends ^ (bytes.len() as u64).rotate_left(32)).max(1)
}

/// FNV-1a hash of bytes; never 0.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_quote_is_found_at_each_offset() {
        for len in 0..120 {
            // Bytes that differ from a quote by one bit, or by a borrow.
            let mut bytes: Vec<u8> =
                b"#!\xa2 \x22\x23".iter().copied().filter(|byte| *byte != b'"').cycle().take(len).collect();
            assert_eq!(first_quote(&bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'"';
                assert_eq!(first_quote(&bytes), Some(at), "of {len} bytes");
            }
        }
    }
}
