//! A text of many lines that is being written. What was pasted and is long stands in it as one character, shown as
//! `[pasted 312 lines]` and sent as it came.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::rows;
use crate::config::key::{Key, KeyCode};

/// Stands for something pasted.
pub const PASTED: char = '\u{fffc}';

/// A paste of more lines or bytes stands folded in the text.
const FOLD_LINES: usize = 8;
const FOLD_BYTES: usize = 1_500;

/// A text that is given as a whole, and is longer, cannot be shown while it is written.
const MOST_SHOWN: usize = 64 << 10;

/// The text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    shown: String,
    /// What each [`PASTED`] stands for, in order.
    pastes: Vec<String>,
    /// Where the cursor is, in bytes of what is shown, always between graphemes.
    cursor: usize,
}

impl Text {
    /// A text with the cursor at its end.
    pub fn new(whole: &str) -> Self {
        let mut text = Self::default();
        if whole.len() > MOST_SHOWN {
            text.fold(whole.to_owned());
        } else {
            text.insert(whole);
        }
        text
    }

    /// All of it, as it is sent.
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

    /// It as it is shown, with a [`PASTED`] for each paste.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What a [`PASTED`] at a byte is shown as.
    pub fn label(&self, at: usize) -> String {
        let pasted = self.pastes.get(self.pastes_before(at)).map_or("", String::as_str);
        match pasted.lines().count() {
            0 | 1 => format!("[pasted {} characters]", pasted.chars().count()),
            lines => format!("[pasted {lines} lines]"),
        }
    }

    /// Where the cursor is, in bytes of what is shown.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Nothing is written.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Puts text in at the cursor as it is.
    pub fn insert(&mut self, text: &str) {
        if text.contains(PASTED) {
            self.fold(text.to_owned());
        } else {
            self.shown.insert_str(self.cursor, text);
            self.cursor += text.len();
        }
    }

    /// Puts in what was pasted: all of it, folded where it is long.
    pub fn paste(&mut self, pasted: &str) {
        // A terminal sends the end of a pasted line as a return.
        let pasted =
            if pasted.contains('\r') { pasted.replace("\r\n", "\n").replace('\r', "\n") } else { pasted.to_owned() };
        if pasted.len() > FOLD_BYTES || pasted.lines().count() > FOLD_LINES {
            self.fold(pasted);
        } else {
            self.insert(&pasted);
        }
    }

    /// Puts text in place of a range of what is shown, with the cursor behind it.
    pub fn replace(&mut self, range: Range<usize>, text: &str) {
        if self.shown.get(range.clone()).is_some() {
            self.delete(range);
            self.insert(text);
        }
    }

    /// Takes a key that edits. Whether it was one.
    pub fn key(&mut self, key: Key) -> bool {
        if let Some(c) = key.typed() {
            self.insert(c.encode_utf8(&mut [0; 4]));
            return true;
        }
        let word = key.ctrl || key.alt;
        match key.code {
            KeyCode::Backspace if word => self.delete(self.word_before()..self.cursor),
            KeyCode::Backspace => self.delete(self.before()..self.cursor),
            KeyCode::Delete => self.delete(self.cursor..self.after()),
            KeyCode::Left if word => self.cursor = self.word_before(),
            KeyCode::Right if word => self.cursor = self.word_after(),
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home if key.ctrl => self.cursor = 0,
            KeyCode::End if key.ctrl => self.cursor = self.shown.len(),
            KeyCode::Home => self.cursor = self.line().start,
            KeyCode::End => self.cursor = self.line().end,
            KeyCode::Char('b') if key.alt => self.cursor = self.word_before(),
            KeyCode::Char('f') if key.alt => self.cursor = self.word_after(),
            KeyCode::Char('a') if key.ctrl => self.cursor = self.line().start,
            KeyCode::Char('e') if key.ctrl => self.cursor = self.line().end,
            KeyCode::Char('u') if key.ctrl => self.delete(self.line().start..self.cursor),
            KeyCode::Char('k') if key.ctrl => self.delete(self.cursor..self.line().end),
            KeyCode::Char('w') if key.ctrl => self.delete(self.word_before()..self.cursor),
            KeyCode::Char('j') if key.ctrl => self.insert("\n"),
            _ => return false,
        }
        true
    }

    /// Goes up or down by a row of so many columns. `false`: there is none.
    pub fn step(&mut self, down: bool, width: usize) -> bool {
        let rows = rows::rows(self, width);
        let at = rows::row_of(&rows, self.cursor);
        let to = if down { at + 1 } else { at.wrapping_sub(1) };
        let Some(target) = rows.get(to) else { return false };
        let column = rows::columns(self, rows[at].start..self.cursor);
        self.cursor = rows::at_column(self, target, column);
        true
    }

    /// The word that the cursor is in or behind, as far as the cursor, by its bytes.
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

    /// The line that the cursor is in, without its end.
    fn line(&self) -> Range<usize> {
        let start = self.shown[..self.cursor].rfind('\n').map_or(0, |at| at + 1);
        let end = self.shown[self.cursor..].find('\n').map_or(self.shown.len(), |at| self.cursor + at);
        start..end
    }

    fn before(&self) -> usize {
        self.shown[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.shown[self.cursor..].graphemes(true).next().map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let head = self.shown[..self.cursor].trim_end();
        let space = head.char_indices().rev().find(|(_, c)| c.is_whitespace());
        space.map_or(0, |(at, c)| at + c.len_utf8())
    }

    fn word_after(&self) -> usize {
        let tail = &self.shown[self.cursor..];
        let skipped = tail.len() - tail.trim_start().len();
        let word = tail[skipped..].find(char::is_whitespace).unwrap_or(tail.len() - skipped);
        self.cursor + skipped + word
    }
}
