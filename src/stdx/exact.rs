//! Lossless display of texts that a user decides about: a character that is invisible, or that looks like another one,
//! becomes a visible mark.
//!
//! The conversion is reversible ([`original`]), so that two different texts never look equal.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

/// First of the Unicode control pictures, which display the controls from U+0000 to U+0020.
const PICTURES: u32 = 0x2400;
/// Control picture of DEL.
const DELETE: char = '␡';
/// Control picture of a space, for spaces at the end of a line.
const SPACE: char = '␠';
/// Brackets around the code point of a character.
const OPEN: char = '⟨';
const CLOSE: char = '⟩';

/// Replaces invisible characters by marks. Line feeds stay; spaces at the end of a line are marked. Borrows the text if
/// nothing changes.
///
/// Controls become control pictures (`␛`), others their code point (`⟨U+202E⟩`), as do literal marks.
pub fn visible(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c == '\n' || mark(c).is_none();
    if text.chars().all(plain) && !text.ends_with(' ') && !text.contains(" \n") {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (nth, line) in text.split('\n').enumerate() {
        if nth > 0 {
            shown.push('\n');
        }
        let trimmed = line.trim_end_matches(' ');
        for c in trimmed.chars() {
            push(&mut shown, c);
        }
        shown.extend(std::iter::repeat_n(SPACE, line.len() - trimmed.len()));
    }
    shown.into()
}

/// Replaces invisible characters by marks, in one line: line feeds become `␊`.
pub fn visible_line(text: &str) -> String {
    visible(text).replace('\n', "␊")
}

/// Replaces invisible characters by marks, in one line of at most `max` characters of the text. States how many
/// characters are missing.
pub fn visible_start(text: &str, max: usize) -> String {
    let start = super::text::first_chars(text, max);
    let mut shown = visible_line(start);
    if start.len() < text.len() {
        shown += &format!(" … (+{} characters)", text[start.len()..].chars().count());
    }
    shown
}

/// Restores the text of which [`visible`] or [`visible_line`] made `shown`.
pub fn original(shown: &str) -> String {
    let mut text = String::with_capacity(shown.len());
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        match c {
            OPEN => {
                let code: String = rest.by_ref().take_while(|c| *c != CLOSE).collect();
                let code = code.strip_prefix("U+").and_then(|code| u32::from_str_radix(code, 16).ok());
                text.extend(code.and_then(char::from_u32));
            }
            DELETE => text.push('\u{7f}'),
            c if is_picture(c) => text.extend(char::from_u32(u32::from(c) - PICTURES)),
            c => text.push(c),
        }
    }
    text
}

fn push(shown: &mut String, c: char) {
    match mark(c) {
        None => shown.push(c),
        Some(Mark::Picture(picture)) => shown.push(picture),
        Some(Mark::Code) => shown.push_str(&format!("{OPEN}U+{:04X}{CLOSE}", u32::from(c))),
    }
}

enum Mark {
    Picture(char),
    Code,
}

fn mark(c: char) -> Option<Mark> {
    match c {
        '\0'..='\u{1f}' => char::from_u32(PICTURES + u32::from(c)).map(Mark::Picture),
        '\u{7f}' => Some(Mark::Picture(DELETE)),
        ' '..='~' => None,
        OPEN | CLOSE => Some(Mark::Code),
        c if is_picture(c) || is_blank(c) => Some(Mark::Code),
        c if c.width().unwrap_or(0) == 0 && !is_combining_mark(c) => Some(Mark::Code),
        // The screen shows flags as letters, and emoji without their skin tone.
        '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}' => Some(Mark::Code),
        _ => None,
    }
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{2400}'..='\u{2426}')
}

/// True for characters that look like a space or like nothing, whatever width terminals give them.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{e0000}'..='\u{10ffff}')
}
