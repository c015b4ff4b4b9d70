//! Short texts as they lie in `heads`: taken apart when somebody asks, since most of them nobody asks for.

use bytes::Bytes;

use super::batch::{Input, Output};

/// A list of short texts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    count: usize,
    /// Each with its length before it.
    bytes: Bytes,
}

impl Names {
    /// As they are to be stored.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut to = Output(Vec::new());
        let count = names.map(|name| to.bytes(name.as_bytes())).count();
        Self { count, bytes: to.0.into() }
    }

    /// The next of what is read; `None` where that is damaged.
    pub(super) fn read(from: &mut Input) -> Option<Self> {
        let count = from.size()?;
        let mut behind = from.clone();
        for _ in 0..count {
            std::str::from_utf8(&behind.shared()?).ok()?;
        }
        let bytes = from.0.split_to(from.0.len() - behind.0.len());
        Some(Self { count, bytes })
    }

    pub(super) fn write(&self, to: &mut Output) {
        to.number(self.count as u64);
        to.0.extend_from_slice(&self.bytes);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// They.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (len, behind) = rest.split_first_chunk()?;
            let (name, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            rest = behind;
            // They were read as text.
            Some(std::str::from_utf8(name).unwrap_or_default())
        })
    }
}
