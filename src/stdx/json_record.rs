//! Ends of JSON records that take several lines: printed with indents, or with a line break inside a text.
//!
//! A line that begins with a brace and does not end with one is torn, or its record goes on in the next lines. It goes on
//! if the braces are balanced before a line that begins another record.

/// Maximum bytes of a record of several lines, because each torn line is followed up to its end.
pub const MAX_RECORD_BYTES: usize = 4 << 20;

/// Maximum nesting of a record of several lines. A deeper one is torn, so that lines of braces are not followed far.
const MAX_DEPTH: usize = 128;

/// Maximum lines in a record that begin with a brace, because each of them is followed by itself if the record is torn.
const MAX_BRACE_LINES: usize = 256;

/// Result of a step over the lines of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordStep {
    /// The next line belongs to the record too, if it ends at all.
    GoesOn,
    /// The record ends with the line.
    Ends,
    /// The lines are no record.
    Torn,
}

/// Balance of braces and quotes of a record, line by line.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordBalance {
    depth: usize,
    in_string: bool,
    escaped: bool,
    bytes: usize,
    brace_lines: usize,
}

/// True if a line may be the beginning of a record of several lines.
pub fn may_go_on(line: &[u8]) -> bool {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let rest = line.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let begins_object = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'"')));
    begins_object && !matches!(line.trim_ascii_end().last(), Some(b'}' | 0))
}

/// True if a line begins a record, and so continues none.
pub fn begins_record(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && line.trim_ascii() != b"{"
}

impl RecordBalance {
    /// Reads the first line, or the next one.
    pub fn read(&mut self, line: &[u8]) -> RecordStep {
        if self.bytes > 0 && line.first() == Some(&b'{') {
            self.brace_lines += 1;
            if begins_record(line) || self.brace_lines > MAX_BRACE_LINES {
                return RecordStep::Torn;
            }
        }
        self.bytes += line.len() + 1;
        for (at, &byte) in line.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' if self.depth == MAX_DEPTH => return RecordStep::Torn,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let is_last = line[at + 1..].trim_ascii().is_empty();
                        return if is_last { RecordStep::Ends } else { RecordStep::Torn };
                    }
                }
                _ => {}
            }
        }
        // An escaped line break is a line break.
        self.escaped = false;
        if self.bytes > MAX_RECORD_BYTES { RecordStep::Torn } else { RecordStep::GoesOn }
    }
}

/// Returns true if some bytes are a record of several lines. Its last line need not end with a newline.
pub fn is_whole(bytes: &[u8]) -> bool {
    let lines = bytes.trim_ascii_end().split(|byte| *byte == b'\n');
    let mut balance = RecordBalance::default();
    let (mut step, mut count) = (RecordStep::Torn, 0);
    for line in lines {
        if count > 0 && step != RecordStep::GoesOn {
            return false;
        }
        step = balance.read(line);
        count += 1;
    }
    step == RecordStep::Ends && count > 1
}

/// Returns the complete lines of a text; a record of several lines is one. A record that goes on behind the text is not
/// complete.
pub fn complete_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let len = memchr::memchr(b'\n', rest)?;
        let end = record_end(rest, len)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
    })
}

/// End of the record that begins with the first `len` bytes of a text, which are a line. `None`: it goes on.
fn record_end(text: &[u8], len: usize) -> Option<usize> {
    let first = &text[..len];
    let (mut balance, mut end) = (RecordBalance::default(), len);
    let mut step = if may_go_on(first) { balance.read(first) } else { RecordStep::Torn };
    while step == RecordStep::GoesOn {
        let from = end + 1;
        let Some(found) = memchr::memchr(b'\n', &text[from..]) else {
            return begins_record(&text[from..]).then_some(len);
        };
        step = balance.read(&text[from..from + found]);
        end = from + found;
    }
    Some(if step == RecordStep::Ends { end } else { len })
}
