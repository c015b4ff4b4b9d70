//! Ends of lines and of JSON records that take several lines: printed with indents, or with a line break inside a text.
//!
//! A line that begins with a brace and does not end with one is torn, or its record goes on in the next lines. It goes on
//! if the braces are balanced before a line that begins another record. A line that begins with a brace is a part of the
//! record where a value may begin; inside a text, unless it looks like a record. In a list that is printed over several
//! lines, a record begins with an indented brace alone, and ends with a comma.
//!
//! A carriage return between two records ends a line too, as in files of old systems.

/// Maximum bytes of a record of several lines, because each torn line is followed up to its end.
pub const MAX_RECORD_BYTES: usize = 4 << 20;

/// Maximum nesting of a record of several lines. A deeper one is torn, so that lines of braces are not followed far.
const MAX_DEPTH: usize = 128;

/// Bytes that may be read in vain, looking for the ends of torn records, before the bytes of the text count.
const MAX_VAIN_BYTES: u64 = 4 * MAX_RECORD_BYTES as u64;

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
#[derive(Clone, Debug, Default)]
pub struct RecordBalance {
    /// Open objects and lists, innermost last; true for an object.
    open: Vec<bool>,
    /// True if a value may begin at this place.
    expects_value: bool,
    in_string: bool,
    escaped: bool,
    bytes: usize,
}

/// Budget for the search for ends of records, so that a file with many torn lines is read in linear time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordBudget {
    vain: u64,
}

impl RecordBudget {
    /// True if the record of a line may be followed after lines of `passed` bytes.
    pub fn allows(self, passed: u64) -> bool {
        self.vain <= MAX_VAIN_BYTES.saturating_add(passed.saturating_mul(2))
    }

    /// Counts bytes that were read in vain.
    pub fn spend(&mut self, bytes: usize) {
        self.vain = self.vain.saturating_add(bytes as u64);
    }
}

/// Finds the end of the line that begins a text, at or after `from`: a newline, or a carriage return between two records.
pub fn line_end(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let found = from + memchr::memchr2(b'\n', b'\r', text.get(from..)?)?;
        let is_between = || found > 0 && text[found - 1] == b'}' && text.get(found + 1) == Some(&b'{');
        if text[found] == b'\n' || is_between() {
            return Some(found);
        }
        from = found + 1;
    }
}

/// True if a line may be the beginning of a record of several lines.
pub fn may_go_on(line: &[u8]) -> bool {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return line.trim_ascii() == b"{";
    }
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let rest = line.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let begins_object = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'"')));
    begins_object && !matches!(line.trim_ascii_end().last(), Some(b'}' | 0))
}

/// True if a line begins like a record, which is an object with fields.
pub fn begins_record(line: &[u8]) -> bool {
    line.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

/// True for a line that is one whole record.
pub fn is_record(line: &[u8]) -> bool {
    begins_record(line) && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

impl RecordBalance {
    /// Reads the first line, or the next one.
    pub fn read(&mut self, line: &[u8]) -> RecordStep {
        if self.bytes > 0 && self.is_next_record(line) {
            return RecordStep::Torn;
        }
        self.bytes += line.len() + 1;
        for (at, &byte) in line.iter().enumerate() {
            if self.in_string {
                self.read_in_string(byte);
                continue;
            }
            match byte {
                b'{' | b'[' if self.open.len() == MAX_DEPTH => return RecordStep::Torn,
                b'{' | b'[' => {
                    self.open.push(byte == b'{');
                    self.expects_value = byte == b'[';
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.expects_value = false;
                    if self.open.is_empty() {
                        let is_last = matches!(line[at + 1..].trim_ascii(), b"" | b",");
                        return if is_last { RecordStep::Ends } else { RecordStep::Torn };
                    }
                }
                b':' => self.expects_value = true,
                b',' => self.expects_value = self.open.last() == Some(&false),
                _ if byte.is_ascii_whitespace() => {}
                _ => (self.in_string, self.expects_value) = (byte == b'"', false),
            }
        }
        // An escaped line break is a line break.
        self.escaped = false;
        if self.bytes > MAX_RECORD_BYTES { RecordStep::Torn } else { RecordStep::GoesOn }
    }

    /// Number of bytes that were read.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// True if nothing was read.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn read_in_string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    /// True if a line begins another record, and so continues none.
    fn is_next_record(&self, line: &[u8]) -> bool {
        let begins_object = || line.trim_ascii_start().first() == Some(&b'{');
        if self.in_string { begins_record(line) } else { begins_object() && !self.expects_value }
    }
}

/// Returns true if some bytes are a record of several lines. Its last line need not end with a newline.
pub fn is_multiline_record(bytes: &[u8]) -> bool {
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

/// Returns the lines of a text; a record of several lines is one. What follows the last one is a line if `is_whole` says
/// so: a line without an end, or a record that may go on behind the text.
pub fn lines(text: &[u8], is_whole: fn(&[u8]) -> bool) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut budget) = (text, RecordBudget::default());
    std::iter::from_fn(move || {
        let passed = (text.len() - rest.len()) as u64;
        let end = line_end(rest, 0).and_then(|len| {
            let may_go_on = may_go_on(&rest[..len]) && budget.allows(passed);
            if may_go_on { record_end(rest, len, &mut budget) } else { Some(len) }
        });
        let Some(end) = end else {
            return Some(std::mem::take(&mut rest)).filter(|rest| !rest.is_empty() && is_whole(rest));
        };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
    })
}

/// End of the record that begins with the first `len` bytes of a text, which are a line. `None`: it goes on.
fn record_end(text: &[u8], len: usize, budget: &mut RecordBudget) -> Option<usize> {
    let (mut balance, mut end) = (RecordBalance::default(), len);
    let mut step = balance.read(&text[..len]);
    while step == RecordStep::GoesOn {
        let from = end + 1;
        let Some(found) = memchr::memchr(b'\n', &text[from..]) else {
            return begins_record(&text[from..]).then_some(len);
        };
        step = balance.read(&text[from..from + found]);
        end = from + found;
    }
    if step == RecordStep::Ends {
        return Some(end);
    }
    budget.spend(balance.len());
    Some(len)
}
