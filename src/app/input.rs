//! A field of one line: text, a cursor, and the keys that edit it. Sits in the quick filter and the palette.

use unicode_segmentation::UnicodeSegmentation;

use crate::config::key::{Key, KeyCode};
use crate::stdx::text;

/// A line that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
    /// Where the cursor is, in bytes, always between graphemes.
    cursor: usize,
}

impl Input {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub fn before_cursor(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or(&self.text)
    }

    /// Nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where the cursor is, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The cursor is behind the last character.
    pub fn at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Another text, made one harmless line, with the cursor at its end.
    pub fn set(&mut self, text: &str) {
        self.clear();
        self.insert(text);
    }

    /// Puts text in place of a range of bytes, with the cursor behind it. Another range than one of characters changes
    /// nothing.
    pub fn replace(&mut self, range: std::ops::Range<usize>, text: &str) {
        if self.text.get(range.clone()).is_some() {
            self.delete(range);
            self.insert(text);
        }
    }

    /// Forgets the text.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Puts text in at the cursor; what was pasted becomes one harmless line.
    pub fn insert(&mut self, pasted: &str) {
        let clean = text::sanitise(pasted).replace(['\n', '\t'], " ");
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
    }

    /// Takes a key. Whether it was one that edits a line.
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
        // The white space in front is one character; where it is wider, its remainder is not left behind.
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
