//! Transcripts opened as text: files that are text, and copies of those that must be decompressed or converted first.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::agent::FileStamp;
use crate::domain::Issue;
use crate::stdx::{files, utf16};

/// A transcript's lines in an open file, which allows reads at any offset.
#[derive(Debug)]
pub struct TextFile {
    /// File with the lines: the agent's own, or a copy without a name.
    pub file: File,
    /// State of the agent's own file.
    pub stamp: FileStamp,
    /// True for a copy: the stamp's size is not that of the text, and the copy does not grow.
    pub is_copy: bool,
    /// Explanation if the end of the text could not be restored.
    pub damage: Option<String>,
    /// Files of the session that could not be read, whose lines are missing.
    pub unread: Vec<Issue>,
}

impl TextFile {
    /// Opens a file that is text; one in UTF-16 as a copy.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = files::open(path)?;
        let stamp = FileStamp::of(&file.metadata()?);
        match utf16::byte_order(&file) {
            Some(order) => Ok(Self::copy(utf16::to_utf8(&file, order)?, stamp)),
            None => Ok(Self { is_copy: false, ..Self::copy(file, stamp) }),
        }
    }

    /// Creates the text of a copy, of which nothing is missing.
    pub fn copy(file: File, stamp: FileStamp) -> Self {
        Self { file, stamp, is_copy: true, damage: None, unread: Vec::new() }
    }

    /// True for a file that is not UTF-8, so that its bytes cannot be searched.
    pub fn must_convert(path: &Path) -> bool {
        files::open(path).is_ok_and(|file| utf16::byte_order(&file).is_some())
    }

    /// Opens the text once more, at the same position.
    pub fn try_clone(&self) -> io::Result<Self> {
        let (damage, unread) = (self.damage.clone(), self.unread.clone());
        Ok(Self { file: self.file.try_clone()?, damage, unread, ..*self })
    }

    /// Length of the text in bytes.
    pub fn len(&self) -> io::Result<u64> {
        if self.is_copy { Ok(self.file.metadata()?.len()) } else { Ok(self.stamp.size) }
    }
}
