//! Encoded list of strings in the manifest, decoded on iteration, since most lists are never read.

use bytes::Bytes;

use super::segment::{FieldReader, FieldWriter};

/// List of strings.
#[derive(Clone, Debug, Default)]
pub struct StringList {
    count: usize,
    /// Strings with length prefixes.
    bytes: Bytes,
}

impl StringList {
    /// Encodes strings.
    pub fn new<'a>(strings: impl Iterator<Item = &'a str>) -> Self {
        let mut to = FieldWriter(Vec::new());
        let count = strings.map(|string| to.bytes(string.as_bytes())).count();
        Self { count, bytes: to.0.into() }
    }

    /// Reads a list; `None` where it is damaged.
    pub(super) fn read(from: &mut FieldReader) -> Option<Self> {
        let count = from.size()?;
        let mut rest_after = from.clone();
        for _ in 0..count {
            std::str::from_utf8(&rest_after.shared()?).ok()?;
        }
        let bytes = from.0.split_to(from.0.len() - rest_after.0.len());
        Some(Self { count, bytes })
    }

    pub(super) fn write(&self, to: &mut FieldWriter) {
        to.number(self.count as u64);
        to.0.extend_from_slice(&self.bytes);
    }

    /// Returns the number of strings.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns the strings.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (len, rest_after) = rest.split_first_chunk()?;
            let (string, rest_after) = rest_after.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            rest = rest_after;
            // Validated as UTF-8 by `read`.
            Some(std::str::from_utf8(string).unwrap_or_default())
        })
    }
}
