//! Line wrapping: at spaces, between wide characters, and inside words that are too long.
//!
//! Rows are byte ranges of the text. Does not style or copy text.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns between two tab stops.
const TAB: usize = 4;

/// Returns the columns of a text that is drawn grapheme by grapheme.
pub fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(cells).sum() }
}

/// Returns the columns of one grapheme. Half-width voiced marks combine in Unicode, but take a cell in terminals.
fn cells(grapheme: &str) -> usize {
    grapheme.width() + grapheme.chars().filter(|c| matches!(c, '\u{ff9e}' | '\u{ff9f}')).count()
}

/// Wraps one line without newlines and tabs into rows of at most `width` columns, as byte ranges.
///
/// Spaces at a break are dropped, leading spaces stay. An empty line is one empty row.
pub fn wrap(text: &str, width: usize) -> Vec<Range<usize>> {
    let width = width.max(1);
    if text.len() <= width && text.is_ascii() {
        let row = 0..text.trim_end_matches(' ').len();
        return Vec::from([row]);
    }
    let mut rows = Rows { width, done: Vec::new(), start: 0, end: 0, column: 0, spaces: 0 };
    for (at, token) in tokens(text) {
        if token.starts_with(' ') {
            rows.spaces += token.len();
        } else {
            rows.word(at, token);
        }
    }
    rows.finish()
}

/// Wraps one line into rows that contain every character of it, spaces at breaks included. Breaks after spaces, else
/// between graphemes.
pub fn wrap_exactly(text: &str, width: usize) -> Vec<Range<usize>> {
    let width = width.max(1);
    let (mut rows, mut start, mut column, mut space) = (Vec::new(), 0, 0, None);
    for (at, grapheme) in text.grapheme_indices(true) {
        let wide = cells(grapheme);
        if column + wide > width && at > start {
            let end = space.filter(|end| *end > start).unwrap_or(at);
            rows.push(start..end);
            (start, column, space) = (end, columns(&text[end..at]), None);
        }
        column += wide;
        if grapheme == " " {
            space = Some(at + 1);
        }
    }
    rows.push(start..text.len());
    rows
}

/// Expands tabs to spaces, up to the next tab stop of the line. Borrows the line if it has no tab.
pub fn expand_tabs(line: &str) -> Cow<'_, str> {
    if !line.contains('\t') {
        return line.into();
    }
    let mut wide = String::with_capacity(line.len() + 16);
    let mut column = 0;
    for (nth, part) in line.split('\t').enumerate() {
        if nth > 0 {
            let fill = TAB - column % TAB;
            wide.extend(std::iter::repeat_n(' ', fill));
            column += fill;
        }
        wide.push_str(part);
        column += columns(part);
    }
    wide.into()
}

/// Rows under construction.
struct Rows {
    width: usize,
    done: Vec<Range<usize>>,
    /// `start..end` is the current row, which takes `column` columns.
    start: usize,
    end: usize,
    column: usize,
    /// Spaces after `end` that are not in a row yet.
    spaces: usize,
}

impl Rows {
    fn word(&mut self, at: usize, word: &str) {
        let wide = columns(word);
        if self.column + self.spaces + wide <= self.width {
            self.place(at + word.len(), wide);
            return;
        }
        if self.end > self.start {
            self.break_at(at);
        } else if self.spaces >= self.width {
            // An indentation as wide as the row would leave no space for the text.
            (self.start, self.end, self.spaces) = (at, at, 0);
        }
        if self.column + self.spaces + wide <= self.width {
            self.place(at + word.len(), wide);
        } else {
            self.split(at, word);
        }
    }

    /// Splits a word that is too long for a row at graphemes.
    fn split(&mut self, at: usize, word: &str) {
        for (offset, grapheme) in word.grapheme_indices(true) {
            if cells(grapheme) <= self.width {
                self.piece(at + offset, grapheme);
                continue;
            }
            for (within, c) in grapheme.char_indices() {
                self.piece(at + offset + within, &grapheme[within..within + c.len_utf8()]);
            }
        }
    }

    fn piece(&mut self, at: usize, piece: &str) {
        let wide = cells(piece);
        if self.column + self.spaces + wide > self.width && at > self.start {
            if self.end == self.start {
                self.end = at;
            }
            self.break_at(at);
        }
        self.place(at + piece.len(), wide);
    }

    fn place(&mut self, end: usize, wide: usize) {
        self.column += self.spaces + wide;
        self.spaces = 0;
        self.end = end;
    }

    fn break_at(&mut self, next: usize) {
        self.done.push(self.start..self.end);
        (self.start, self.end, self.column, self.spaces) = (next, next, 0, 0);
    }

    fn finish(mut self) -> Vec<Range<usize>> {
        if self.end > self.start || self.done.is_empty() {
            self.done.push(self.start..self.end);
        }
        self.done
    }
}

/// Splits a text into runs of spaces and unbreakable pieces, with their offsets.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Remember the end of the word: searching for it again at each piece is quadratic for texts without spaces.
    let (mut at, mut word_end) = (0, 0);
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let len = if *rest.as_bytes().first()? == b' ' {
            rest.bytes().take_while(|byte| *byte == b' ').count()
        } else {
            if word_end <= at {
                word_end = memchr::memchr(b' ', rest.as_bytes()).map_or(text.len(), |end| at + end);
            }
            unbreakable(&text[at..word_end])
        };
        at += len;
        Some((at - len, &rest[..len]))
    })
}

/// Returns the length of a word up to its first break opportunity.
fn unbreakable(word: &str) -> usize {
    if word.is_ascii() {
        return word.len();
    }
    let mut graphemes = word.grapheme_indices(true).peekable();
    while let Some((at, grapheme)) = graphemes.next() {
        let Some((next, following)) = graphemes.peek() else { return at + grapheme.len() };
        let wide = is_ideographic(grapheme) || is_ideographic(following);
        if wide && !opens(grapheme) && !closes(following) {
            return *next;
        }
    }
    word.len()
}

/// Returns true for scripts without spaces, whose characters take two columns.
fn is_ideographic(grapheme: &str) -> bool {
    grapheme.chars().next().is_some_and(|c| c >= '\u{2e80}') && cells(grapheme) >= 2
}

/// Returns true if the grapheme must not end a row.
fn opens(grapheme: &str) -> bool {
    matches!(grapheme, "(" | "[" | "{" | "（" | "「" | "『" | "《" | "〈" | "【" | "〔" | "“" | "‘")
}

/// Returns true if the grapheme must not begin a row.
fn closes(grapheme: &str) -> bool {
    matches!(
        grapheme,
        "." | ","
            | ":"
            | ";"
            | "!"
            | "?"
            | ")"
            | "]"
            | "}"
            | "、"
            | "。"
            | "，"
            | "．"
            | "："
            | "；"
            | "！"
            | "？"
            | "）"
            | "」"
            | "』"
            | "》"
            | "〉"
            | "】"
            | "〕"
            | "”"
            | "’"
            | "…"
            | "ー"
            | "々"
            | "%"
    )
}
