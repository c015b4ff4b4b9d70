//! One JSON value read from left to right: what is not asked for is stepped over, nothing is built.
//!
//! Strings are found by their quotes (a quote inside a string is always escaped), so long ones cost a `memchr`.
//! Nesting is counted, not recursed into. Nothing is validated beyond that: a value that is wanted is parsed
//! properly by whoever wants it.

use std::borrow::Cow;

/// The line is not JSON, or ends before its value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub struct Pull<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A JSON string as it stands in the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Pull<'a> {
    /// At the beginning of a text.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Walks an object: `field` is called with each key (as it stands, escapes and all) and may take the value;
    /// if it does not, the value is stepped over. A value that is no object is stepped over.
    pub fn object(
        &mut self,
        mut field: impl FnMut(&'a [u8], &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
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
                return Err(Malformed);
            }
            let key = self.string()?.0;
            if self.peek()? != b':' {
                return Err(Malformed);
            }
            self.at += 1;
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
                _ => return Err(Malformed),
            }
            self.peek()?;
        }
    }

    /// Walks an array in the same way. A value that is no array is stepped over.
    pub fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        if self.peek()? != b'[' {
            return self.skip();
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
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
                _ => return Err(Malformed),
            }
        }
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> Result<u8, Malformed> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Malformed)
    }

    /// A string; any other value is stepped over and gives nothing.
    pub fn text(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        if self.peek()? == b'"' { self.string().map(Some) } else { self.skip().map(|()| None) }
    }

    /// A whole number that is not negative; any other value is stepped over and gives nothing.
    pub fn number(&mut self) -> Result<Option<u64>, Malformed> {
        Ok(std::str::from_utf8(self.raw()?).ok().and_then(|digits| digits.parse().ok()))
    }

    /// Whether the value is `true`.
    pub fn truth(&mut self) -> Result<bool, Malformed> {
        Ok(self.raw()? == b"true")
    }

    /// The value as it stands.
    pub fn raw(&mut self) -> Result<&'a [u8], Malformed> {
        self.peek()?;
        let from = self.at;
        self.skip()?;
        Ok(&self.bytes[from..self.at])
    }

    /// Only white space is left.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_err()
    }

    /// Steps over a value of any kind.
    pub fn skip(&mut self) -> Result<(), Malformed> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.skip_nested(),
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                let rest = &self.bytes[self.at..];
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                self.at += rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    fn skip_nested(&mut self) -> Result<(), Malformed> {
        let mut depth = 0usize;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at = self.closing_quote(self.at + 1)?;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                // No control character stands in a line of JSON except where a crash left a hole.
                0 => return Err(Malformed),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Malformed)
    }

    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let from = self.at + 1;
        let end = self.closing_quote(from)?;
        self.at = end + 1;
        Ok(Text(&self.bytes[from..end]))
    }

    /// Where the string that began before `from` ends: the first quote with an even number of backslashes before it.
    fn closing_quote(&self, from: usize) -> Result<usize, Malformed> {
        let mut at = from;
        loop {
            let quote = at + memchr::memchr(b'"', self.bytes.get(at..).ok_or(Malformed)?).ok_or(Malformed)?;
            let escapes = self.bytes[from..quote].iter().rev().take_while(|&&byte| byte == b'\\').count();
            if escapes % 2 == 0 {
                return Ok(quote);
            }
            at = quote + 1;
        }
    }
}

impl<'a> Text<'a> {
    /// The text it stands for. What is not UTF-8, or a lone surrogate, becomes U+FFFD.
    pub fn decode(self) -> Cow<'a, str> {
        if memchr::memchr(b'\\', self.0).is_none() {
            return String::from_utf8_lossy(self.0);
        }
        let lossy = String::from_utf8_lossy(self.0);
        serde_json::from_str(&format!("\"{lossy}\"")).map_or(lossy, Cow::Owned)
    }

    /// About the first `bytes` bytes of the text, for titles and for telling texts apart.
    pub fn head(self, bytes: usize) -> Cow<'a, str> {
        if self.0.len() <= bytes {
            return self.decode();
        }
        // Not inside an escape or a character: back to before the last backslash, if one is near.
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
        Text(&self.0[..end]).decode()
    }

    /// A number that stands for the text, the same in every process (FNV-1a); never 0.
    pub fn hash(self) -> u64 {
        hash(self.0)
    }

    /// White space only, escaped or not.
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

/// FNV-1a over bytes; never 0.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
        .max(1)
}
