//! Terminal text: sanitising, truncation, width.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Removes complete escape sequences, other C0 and C1 controls except newline and tab, bidirectional overrides and NUL.
/// Borrows the text if nothing changes.
///
/// An incomplete escape sequence and a carriage return inside a line become marks, so that no text disappears.
pub fn sanitise(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match escape_len(chars.clone()) {
                Some(len) => chars = skip(chars, len),
                None => clean.push('␛'),
            },
            '\u{9b}' => match control_sequence_len(chars.clone()) {
                Some(len) => chars = skip(chars, len),
                None => clean.push('␛'),
            },
            '\r' if matches!(chars.peek(), Some('\r' | '\n') | None) => {}
            '\r' => clean.push('␍'),
            c if is_hostile(c) => {}
            c => clean.push(c),
        }
    }
    clean.into()
}

/// Sanitises a text to one line: runs of white space become one space, ends are trimmed.
pub fn one_line(text: &str) -> String {
    let clean = sanitise(text);
    let mut line = String::with_capacity(clean.len());
    for word in clean.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Returns the first `count` characters.
pub fn first_chars(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at])
}

/// Returns the last character boundary at or before a byte.
pub fn boundary_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Returns the first character boundary at or after a byte.
pub fn boundary_after(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// Returns the display width in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Truncates to at most `columns`, with `…` at the end, at a grapheme boundary.
pub fn ellipsis(text: &str, columns: usize) -> String {
    if super::wrap::columns(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = super::wrap::columns(grapheme);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        cut.push_str(grapheme);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// Truncates at the start to at most `columns`, with `…` in front, at a grapheme boundary.
pub fn ellipsis_before(text: &str, columns: usize) -> String {
    if super::wrap::columns(text) <= columns {
        return text.to_owned();
    }
    let (mut start, mut used) = (text.len(), 1);
    for (at, grapheme) in text.grapheme_indices(true).rev() {
        used += super::wrap::columns(grapheme);
        if used > columns {
            break;
        }
        start = at;
    }
    if columns > 0 { format!("…{}", &text[start..]) } else { String::new() }
}

fn is_hostile(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Maximum characters of a string sequence (a title, a link), because a longer one is rather text after a stray escape.
const MAX_STRING_SEQUENCE: usize = 4096;

fn skip(mut chars: Chars<'_>, len: usize) -> Chars<'_> {
    chars.by_ref().take(len).for_each(drop);
    chars
}

/// Number of characters of an escape sequence after its ESC: CSI, OSC and other string sequences, or a short one. `None`
/// if it is incomplete.
fn escape_len(mut chars: Chars<'_>) -> Option<usize> {
    match chars.next()? {
        '[' => Some(1 + control_sequence_len(chars)?),
        ']' | 'P' | 'X' | '^' | '_' => Some(1 + string_sequence_len(chars)?),
        '0'..='~' => Some(1),
        ' '..='/' => {
            let intermediates = chars.clone().take_while(|c| matches!(c, ' '..='/')).count();
            matches!(skip(chars, intermediates).next(), Some('0'..='~')).then_some(intermediates + 2)
        }
        _ => None,
    }
}

/// Number of characters of a string sequence after its introducer, including the terminator.
fn string_sequence_len(mut chars: Chars<'_>) -> Option<usize> {
    for len in 1..=MAX_STRING_SEQUENCE {
        match chars.next()? {
            '\u{7}' | '\u{9c}' => return Some(len),
            '\u{1b}' if chars.next() == Some('\\') => return Some(len + 1),
            c if c.is_control() => return None,
            _ => {}
        }
    }
    None
}

/// Number of characters of a control sequence after its introducer, including the final byte.
fn control_sequence_len(chars: Chars<'_>) -> Option<usize> {
    for (at, c) in chars.enumerate() {
        match c {
            '@'..='~' => return Some(at + 1),
            ' '..='?' => {}
            _ => return None,
        }
    }
    None
}
