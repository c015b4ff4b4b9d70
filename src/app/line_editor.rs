//! Line editor: text, cursor and editing keys of a one-line input, such as the quick filter and the palette.

use unicode_segmentation::UnicodeSegmentation;

use crate::config::key::{Key, KeyCode};
use crate::stdx::text;

/// One-line input with a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineEditor {
    text: String,
    /// Byte offset of the cursor, always at a grapheme boundary.
    cursor: usize,
}

impl LineEditor {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text before the cursor.
    pub fn before_cursor(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or(&self.text)
    }

    /// Returns true if the line is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the byte offset of the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns true if the cursor is at the end.
    pub fn at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Replaces the text with the sanitised text and moves the cursor to its end.
    pub fn set(&mut self, text: &str) {
        self.clear();
        self.insert(text);
    }

    /// Replaces a byte range and moves the cursor behind the new text. A range that is not on character boundaries
    /// changes nothing.
    pub fn replace(&mut self, range: std::ops::Range<usize>, text: &str) {
        if self.text.get(range.clone()).is_some() {
            self.delete(range);
            self.insert(text);
        }
    }

    /// Clears the text.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Inserts text at the cursor. Control characters and line breaks are sanitised, so that the input stays one line.
    pub fn insert(&mut self, pasted: &str) {
        let clean = text::sanitise(pasted).replace(['\n', '\t'], " ");
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
    }

    /// Handles an editing key. Returns false if the key does not edit a line.
    pub fn key(&mut self, key: Key) -> bool {
        if let Some(c) = key.typed() {
            self.insert(c.encode_utf8(&mut [0; 4]));
            return true;
        }
        match key.code {
            KeyCode::Backspace if key.ctrl || key.alt => self.delete_word(),
            KeyCode::Backspace => self.delete(self.left()..self.cursor),
            KeyCode::Delete => self.delete(self.cursor..self.right()),
            KeyCode::Left => self.cursor = self.left(),
            KeyCode::Right => self.cursor = self.right(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Char('a') if key.ctrl => self.cursor = 0,
            KeyCode::Char('e') if key.ctrl => self.cursor = self.text.len(),
            KeyCode::Char('u') if key.ctrl => self.delete(0..self.cursor),
            KeyCode::Char('w') if key.ctrl => self.delete_word(),
            _ => return false,
        }
        true
    }

    fn delete(&mut self, range: std::ops::Range<usize>) {
        self.cursor = range.start;
        self.text.replace_range(range, "");
    }

    fn delete_word(&mut self) {
        let head = self.before_cursor().trim_end();
        let start = head.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        // White space can be wider than one byte: the deletion starts at a character boundary.
        let start = (start..=self.cursor).find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        self.delete(start..self.cursor);
    }

    fn left(&self) -> usize {
        self.before_cursor().grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let after = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor + after.graphemes(true).next().map_or(0, str::len)
    }
}
