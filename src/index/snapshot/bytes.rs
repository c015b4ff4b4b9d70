//! Numbers, texts and paths as bytes, and back.
//!
//! What is read may be damaged anywhere: that gives `None`, never a panic, and never more memory than the bytes
//! could mean. Knows nothing of what the bytes are about.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that grow.
#[derive(Debug, Default)]
pub struct Writer<'a> {
    bytes: Vec<u8>,
    texts: HashMap<&'a str, u64>,
    folders: HashMap<&'a [u8], u64>,
}

impl<'a> Writer<'a> {
    /// All that was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What was written since the last time. What is shared stays so.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// A number, in as few bytes as it needs.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.byte((number & 0x7f) as u8);
    }

    /// A number that may be negative.
    pub fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    /// A number as wide as numbers are, for those that use all of it.
    pub fn wide(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether there is something, and then what.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// A text that others may be equal to: it is written once, and then named by its number.
    pub fn shared(&mut self, text: &'a str) {
        let next = self.texts.len() as u64;
        let number = *self.texts.entry(text).or_insert(next);
        self.number(number);
        if number == next {
            self.bytes(text.as_bytes());
        }
    }

    /// A path, of which the folder may be others', too. It need not be text.
    pub fn path(&mut self, path: &'a Path) {
        let bytes = path.as_os_str().as_bytes();
        let (folder, name) = bytes.split_at(memchr::memrchr(b'/', bytes).map_or(0, |at| at + 1));
        let next = self.folders.len() as u64;
        let number = *self.folders.entry(folder).or_insert(next);
        self.number(number);
        if number == next {
            self.bytes(folder);
        }
        self.bytes(name);
    }
}

/// What was read and may be named again by its number.
#[derive(Debug, Default)]
pub struct Known {
    texts: Vec<Arc<str>>,
    folders: Vec<Box<[u8]>>,
}

/// Bytes of which ever fewer are left.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    known: &'a mut Known,
}

impl<'a> Reader<'a> {
    /// Reads from the first of them.
    pub fn new(rest: &'a [u8], known: &'a mut Known) -> Self {
        Self { rest, known }
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub fn bool(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number that fits into what is wanted.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    pub fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub fn wide(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*number))
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.small()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// What may be there. The outer `None` is damage.
    #[expect(clippy::option_option, reason = "damage is not the same as nothing")]
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Some(None) }
    }

    /// A shared text with its number.
    pub fn numbered(&mut self) -> Option<(usize, Arc<str>)> {
        let number: usize = self.small()?;
        if number == self.known.texts.len() {
            let text = self.text()?.into();
            self.known.texts.push(text);
        }
        self.known.texts.get(number).map(|text| (number, text.clone()))
    }

    pub fn shared(&mut self) -> Option<Arc<str>> {
        self.numbered().map(|(_, text)| text)
    }

    pub fn path(&mut self) -> Option<PathBuf> {
        let number: usize = self.small()?;
        if number == self.known.folders.len() {
            let folder = self.bytes()?.into();
            self.known.folders.push(folder);
        }
        let name = self.bytes()?;
        let folder = self.known.folders.get(number)?;
        let mut path = std::ffi::OsString::with_capacity(folder.len() + name.len());
        path.push(OsStr::from_bytes(folder));
        path.push(OsStr::from_bytes(name));
        Some(path.into())
    }
}
