//! Multi-line text of the composer. A long paste is represented by one placeholder character, shown as `[pasted 312
//! lines]` and sent in full.

use std::ops::Range;

use crate::app::edit::Edit;
use crate::config::key::{Key, KeyCode};

/// Placeholder of a paste.
pub const PASTED: char = '\u{fffc}';

/// Maximum lines of a paste that is shown in full, because longer ones would fill the screen.
const MAX_PASTED_LINES: usize = 8;
const MAX_PASTED_BYTES: usize = 1_500;

/// Maximum bytes of a text that is shown in full, because every key lays it out again.
const MAX_SHOWN_BYTES: usize = 64 << 10;

/// Text with a cursor and folded pastes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComposerText {
    shown: String,
    /// Text of each [`PASTED`], in order.
    pastes: Vec<String>,
    /// Byte offset of the cursor in the shown text, always at a grapheme boundary.
    cursor: usize,
}

impl ComposerText {
    /// Creates a text with the cursor at its end.
    pub fn new(whole: &str) -> Self {
        let mut text = Self::default();
        if whole.len() > MAX_SHOWN_BYTES {
            text.fold(whole.to_owned());
        } else {
            text.insert(whole);
        }
        text
    }

    /// Returns the full text, as it is sent.
    pub fn whole(&self) -> String {
        let mut pastes = self.pastes.iter();
        let mut whole = String::with_capacity(self.shown.len() + self.pastes.iter().map(String::len).sum::<usize>());
        for (nth, part) in self.shown.split(PASTED).enumerate() {
            if nth > 0 {
                whole.push_str(pastes.next().map_or("", String::as_str));
            }
            whole.push_str(part);
        }
        whole
    }

    /// Returns the shown text, with a [`PASTED`] for each paste.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the label of a [`PASTED`].
    pub fn label(&self, at: usize) -> String {
        let pasted = self.pastes.get(self.pastes_before(at)).map_or("", String::as_str);
        match pasted.lines().count() {
            0 | 1 => format!("[pasted {} characters]", pasted.chars().count()),
            lines => format!("[pasted {lines} lines]"),
        }
    }

    /// Returns the byte offset of the cursor in the shown text.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Inserts text at the cursor unchanged.
    pub fn insert(&mut self, text: &str) {
        if text.contains(PASTED) {
            self.fold(text.to_owned());
        } else {
            self.shown.insert_str(self.cursor, text);
            self.cursor += text.len();
        }
    }

    /// Inserts a paste, folded if it is long.
    pub fn paste(&mut self, pasted: &str) {
        // Terminals send line ends of a paste as carriage returns.
        let pasted =
            if pasted.contains('\r') { pasted.replace("\r\n", "\n").replace('\r', "\n") } else { pasted.to_owned() };
        if pasted.len() > MAX_PASTED_BYTES || pasted.lines().count() > MAX_PASTED_LINES {
            self.fold(pasted);
        } else {
            self.insert(&pasted);
        }
    }

    /// Replaces a range of the shown text and moves the cursor behind the new text.
    pub fn replace(&mut self, range: Range<usize>, text: &str) {
        if self.shown.get(range.clone()).is_some() {
            self.delete(range);
            self.insert(text);
        }
    }

    /// Handles an editing key. Returns false if the key does not edit.
    pub fn key(&mut self, key: Key) -> bool {
        match Edit::of(key) {
            Some(Edit::Insert(c)) => self.insert(c.encode_utf8(&mut [0; 4])),
            Some(Edit::Move(motion)) => self.cursor = motion.target(&self.shown, self.cursor),
            Some(Edit::Delete(motion)) => self.delete(motion.range(&self.shown, self.cursor)),
            None if key.ctrl && key.code == KeyCode::Char('j') => self.insert("\n"),
            None => return false,
        }
        true
    }

    /// Moves the cursor to a grapheme boundary.
    pub(super) fn set_cursor(&mut self, at: usize) {
        self.cursor = at;
    }

    /// Returns the byte range of the word before the cursor.
    pub fn word(&self) -> Range<usize> {
        let head = &self.shown[..self.cursor];
        head.rfind(|c: char| c.is_whitespace() || c == PASTED)
            .map_or(0, |at| at + head[at..].chars().next().map_or(0, char::len_utf8))..self.cursor
    }

    fn fold(&mut self, pasted: String) {
        self.pastes.insert(self.pastes_before(self.cursor), pasted);
        self.shown.insert(self.cursor, PASTED);
        self.cursor += PASTED.len_utf8();
    }

    fn pastes_before(&self, at: usize) -> usize {
        self.shown[..at].matches(PASTED).count()
    }

    fn delete(&mut self, range: Range<usize>) {
        let gone = self.pastes_before(range.start)..self.pastes_before(range.end);
        self.pastes.drain(gone);
        self.cursor = range.start;
        self.shown.replace_range(range, "");
    }
}
