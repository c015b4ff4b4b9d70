//! Line editor of all one-line inputs: text, cursor, word moves and editing keys.

use unicode_segmentation::UnicodeSegmentation;

use super::edit::Edit;
use crate::config::key::{Key, KeyCode};
use crate::stdx::text;

/// Maximum bytes of a line, because every key lays it out again.
const MAX_BYTES: usize = 16 << 10;

/// Returns the rows by which a key moves in a list below an input: arrows, and Ctrl with the letters for down and up.
pub fn list_step(key: Key) -> Option<isize> {
    match key.code {
        KeyCode::Down => Some(1),
        KeyCode::Up => Some(-1),
        KeyCode::Char('j' | 'n') if key.ctrl => Some(1),
        KeyCode::Char('k' | 'p') if key.ctrl => Some(-1),
        _ => None,
    }
}

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

    /// Returns true if the line has room for a text.
    pub fn fits(&self, pasted: &str) -> bool {
        self.text.len() + pasted.len() <= MAX_BYTES
    }

    /// Inserts text at the cursor. Control characters and line breaks are sanitised, so that the input stays one line.
    /// Text beyond the maximum length is dropped.
    pub fn insert(&mut self, pasted: &str) {
        let room = MAX_BYTES.saturating_sub(self.text.len());
        // Sanitising everything of a huge paste would take long.
        let pasted = &pasted[..pasted.floor_char_boundary(4 * MAX_BYTES)];
        let clean = text::sanitise(pasted).replace(['\n', '\t'], " ");
        let fits = &clean[..clean.floor_char_boundary(room)];
        self.text.insert_str(self.cursor, fits);
        self.cursor += fits.len();
        self.snap();
    }

    /// Handles an editing key. Returns false if the key does not edit a line.
    pub fn key(&mut self, key: Key) -> bool {
        match Edit::of(key) {
            Some(Edit::Insert(c)) => self.insert(c.encode_utf8(&mut [0; 4])),
            Some(Edit::Move(motion)) => self.cursor = motion.target(&self.text, self.cursor),
            Some(Edit::Delete(motion)) => self.delete(motion.range(&self.text, self.cursor)),
            None => return false,
        }
        true
    }

    fn delete(&mut self, range: std::ops::Range<usize>) {
        self.cursor = range.start;
        self.text.replace_range(range, "");
    }

    /// Moves the cursor to the next grapheme boundary: inserted text may have merged with the text behind it.
    fn snap(&mut self) {
        let boundary = self.text.grapheme_indices(true).map(|(at, _)| at).find(|at| *at >= self.cursor);
        self.cursor = boundary.unwrap_or(self.text.len());
    }
}

impl From<&str> for LineEditor {
    fn from(text: &str) -> Self {
        let mut line = Self::default();
        line.set(text);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::KeyCode;

    fn press(line: &mut LineEditor, code: KeyCode, ctrl: bool, alt: bool) {
        assert!(line.key(Key { code, ctrl, alt, shift: false }), "{code:?}");
    }

    #[test]
    fn a_word_is_moved_over_and_deleted() {
        let mut line = LineEditor::from("fix the  flaky\u{3000}test");
        press(&mut line, KeyCode::Left, true, false);
        assert_eq!(line.before_cursor(), "fix the  flaky\u{3000}");
        press(&mut line, KeyCode::Char('b'), false, true);
        assert_eq!(line.before_cursor(), "fix the  ");
        press(&mut line, KeyCode::Char('w'), true, false);
        assert_eq!(line.text(), "fix flaky\u{3000}test");
        press(&mut line, KeyCode::Char('f'), false, true);
        assert_eq!(line.before_cursor(), "fix flaky");
        press(&mut line, KeyCode::Char('k'), true, false);
        assert_eq!(line.text(), "fix flaky");
        press(&mut line, KeyCode::Home, false, false);
        press(&mut line, KeyCode::Right, false, true);
        assert_eq!(line.before_cursor(), "fix");
        press(&mut line, KeyCode::Char('d'), false, true);
        assert_eq!(line.text(), "fix");
    }

    #[test]
    fn the_cursor_stays_between_graphemes() {
        let mut line = LineEditor::from("e\u{301}x");
        press(&mut line, KeyCode::Home, false, false);
        press(&mut line, KeyCode::Right, false, false);
        assert_eq!(line.before_cursor(), "e\u{301}");
        press(&mut line, KeyCode::Backspace, false, false);
        assert_eq!((line.text(), line.cursor()), ("x", 0));
        let mut line = LineEditor::from("\u{301}");
        press(&mut line, KeyCode::Home, false, false);
        line.insert("e");
        assert_eq!(line.cursor(), line.text().len(), "the letter and its accent are one grapheme");
    }

    #[test]
    fn a_huge_paste_is_cut() {
        let mut line = LineEditor::from("ab");
        press(&mut line, KeyCode::Left, false, false);
        line.insert(&"ü".repeat(1 << 20));
        assert!(line.text().len() <= MAX_BYTES && line.text().len() > MAX_BYTES - 2, "{}", line.text().len());
        assert!(line.text().ends_with('b'));
    }
}
