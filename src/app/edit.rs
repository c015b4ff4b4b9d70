//! Editing keys of all inputs, and the moves of a cursor in a text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::config::key::{Key, KeyCode};

/// Edit that a key requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Inserts a character at the cursor.
    Insert(char),
    /// Moves the cursor.
    Move(Motion),
    /// Deletes the text between the cursor and the place to which the motion leads.
    Delete(Motion),
}

/// Move of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One grapheme to the left.
    Left,
    /// One grapheme to the right.
    Right,
    /// To the beginning of the word before the cursor.
    WordLeft,
    /// To the end of the word behind the cursor.
    WordRight,
    /// To the beginning of the cursor's line.
    LineStart,
    /// To the end of the cursor's line.
    LineEnd,
    /// To the beginning of the text.
    TextStart,
    /// To the end of the text.
    TextEnd,
}

impl Edit {
    /// Returns the edit of a key. `None` for a key that does not edit.
    pub fn of(key: Key) -> Option<Self> {
        if let Some(c) = key.typed() {
            return Some(Self::Insert(c));
        }
        let word = key.ctrl || key.alt;
        Some(match key.code {
            KeyCode::Backspace if word => Self::Delete(Motion::WordLeft),
            KeyCode::Backspace => Self::Delete(Motion::Left),
            KeyCode::Delete if word => Self::Delete(Motion::WordRight),
            KeyCode::Delete => Self::Delete(Motion::Right),
            KeyCode::Char('d') if key.alt => Self::Delete(Motion::WordRight),
            KeyCode::Char('u') if key.ctrl => Self::Delete(Motion::LineStart),
            KeyCode::Char('k') if key.ctrl => Self::Delete(Motion::LineEnd),
            KeyCode::Char('w') if key.ctrl => Self::Delete(Motion::WordLeft),
            _ => Self::Move(motion(key, word)?),
        })
    }
}

fn motion(key: Key, word: bool) -> Option<Motion> {
    Some(match key.code {
        KeyCode::Left if word => Motion::WordLeft,
        KeyCode::Right if word => Motion::WordRight,
        KeyCode::Left => Motion::Left,
        KeyCode::Right => Motion::Right,
        KeyCode::Home if key.ctrl => Motion::TextStart,
        KeyCode::End if key.ctrl => Motion::TextEnd,
        KeyCode::Home => Motion::LineStart,
        KeyCode::End => Motion::LineEnd,
        KeyCode::Char('b') if key.alt => Motion::WordLeft,
        KeyCode::Char('f') if key.alt => Motion::WordRight,
        KeyCode::Char('a') if key.ctrl => Motion::LineStart,
        KeyCode::Char('e') if key.ctrl => Motion::LineEnd,
        _ => return None,
    })
}

impl Motion {
    /// Returns the byte offset to which the motion leads from a cursor at a grapheme boundary.
    pub fn target(self, text: &str, cursor: usize) -> usize {
        let (before, after) = text.split_at_checked(cursor).unwrap_or((text, ""));
        match self {
            Self::Left => before.grapheme_indices(true).next_back().map_or(0, |(at, _)| at),
            Self::Right => cursor + after.graphemes(true).next().map_or(0, str::len),
            Self::WordLeft => {
                let space = before.trim_end().char_indices().rev().find(|(_, c)| c.is_whitespace());
                space.map_or(0, |(at, c)| at + c.len_utf8())
            }
            Self::WordRight => {
                let skipped = after.len() - after.trim_start().len();
                let word = after[skipped..].find(char::is_whitespace).unwrap_or(after.len() - skipped);
                cursor + skipped + word
            }
            Self::LineStart => before.rfind('\n').map_or(0, |at| at + 1),
            Self::LineEnd => after.find('\n').map_or(text.len(), |at| cursor + at),
            Self::TextStart => 0,
            Self::TextEnd => text.len(),
        }
    }

    /// Returns the byte range between the cursor and the place to which the motion leads.
    pub fn range(self, text: &str, cursor: usize) -> Range<usize> {
        let target = self.target(text, cursor);
        target.min(cursor)..target.max(cursor)
    }
}
