//! Byte encoding of numbers, texts and paths.
//!
//! The input may be damaged anywhere. Damage gives `None`, never a panic, and never an allocation beyond the size of
//! the input. Does not depend on the meaning of the bytes.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writer with a table of shared texts and folders.
#[derive(Debug, Default)]
pub struct ByteWriter<'a> {
    bytes: Vec<u8>,
    texts: HashMap<&'a str, u64>,
    folders: HashMap<&'a [u8], u64>,
}

impl<'a> ByteWriter<'a> {
    /// Returns the written bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes the bytes since the last call. The table of shared texts is kept.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Writes a number as a varint.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.byte((number & 0x7f) as u8);
    }

    /// Writes a signed number in zigzag encoding.
    pub fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    /// Writes a number in eight bytes, for numbers that use all of them.
    pub fn wide(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes a presence byte, then the value if there is one.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// Writes a text once, and its number each further time.
    pub fn shared(&mut self, text: &'a str) {
        let next = self.texts.len() as u64;
        let number = *self.texts.entry(text).or_insert(next);
        self.number(number);
        if number == next {
            self.bytes(text.as_bytes());
        }
    }

    /// Writes a path with a shared folder. The path need not be UTF-8.
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

/// Shared texts and folders read so far, by number.
#[derive(Debug, Default)]
pub struct InternTable {
    texts: Vec<Arc<str>>,
    folders: Vec<Box<[u8]>>,
}

/// Reader over the remaining bytes.
#[derive(Debug)]
pub struct ByteReader<'a> {
    rest: &'a [u8],
    interned: &'a mut InternTable,
}

impl<'a> ByteReader<'a> {
    /// Creates a reader at the first byte.
    pub fn new(rest: &'a [u8], interned: &'a mut InternTable) -> Self {
        Self { rest, interned }
    }

    /// Returns true if no bytes are left.
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

    /// Reads a number of the required type.
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

    /// Reads an optional value. The outer `None` is damage.
    #[expect(clippy::option_option, reason = "damage is not the same as nothing")]
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Some(None) }
    }

    /// Reads a shared text with its number.
    pub fn numbered(&mut self) -> Option<(usize, Arc<str>)> {
        let number: usize = self.small()?;
        if number == self.interned.texts.len() {
            let text = self.text()?.into();
            self.interned.texts.push(text);
        }
        self.interned.texts.get(number).map(|text| (number, text.clone()))
    }

    pub fn shared(&mut self) -> Option<Arc<str>> {
        self.numbered().map(|(_, text)| text)
    }

    pub fn path(&mut self) -> Option<PathBuf> {
        let number: usize = self.small()?;
        if number == self.interned.folders.len() {
            let folder = self.bytes()?.into();
            self.interned.folders.push(folder);
        }
        let name = self.bytes()?;
        let folder = self.interned.folders.get(number)?;
        let mut path = std::ffi::OsString::with_capacity(folder.len() + name.len());
        path.push(OsStr::from_bytes(folder));
        path.push(OsStr::from_bytes(name));
        Some(path.into())
    }
}
