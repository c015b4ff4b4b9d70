//! Repair of damaged lines: splits them at the real ends of their records, and completes torn records.

use std::io::{Read, Seek};

use super::cursor::{JsonCursor, MalformedJson};
use crate::stdx::lines::LineReader;

/// A part of a line that is not exactly one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinePart {
    /// Offset of its first byte in the line.
    pub start: usize,
    /// Offset after its last byte.
    pub end: usize,
    /// Its content.
    pub kind: RecordPartKind,
}

/// Content of a part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordPartKind {
    /// A whole record.
    Record,
    /// The beginning of a record; [`complete`] makes it readable.
    Torn,
    /// Anything else, such as a run of NUL bytes.
    Junk,
}

/// Maximum bytes to validate per byte of a line, because each possible start of a record is tried.
const MAX_WORK: usize = 16;

/// Explanation of a record of several lines at the end of a file, which is not read yet: it is being written, or torn.
pub(crate) const OPEN_RECORD: &str = "record over several lines without an end";

/// Explanation of a last line without its end. Agents write a line at once, so it is hardly ever one that is being written;
/// the next scan of a file that grows takes the issue back.
pub(crate) const OPEN_LINE: &str = "torn record at the end of the file";

/// Explanation of what is at the end of a file and has no end.
pub(crate) fn open_end<R: Read + Seek>(lines: &LineReader<R>) -> Option<&'static str> {
    if lines.has_open_record() {
        return Some(OPEN_RECORD);
    }
    let rest = lines.remainder().trim_ascii();
    (!rest.is_empty() && rest != RECORD_START).then_some(OPEN_LINE)
}

/// Beginning of a record, which ends a text that is made of a document, so that a torn last item is a line.
pub(crate) const RECORD_START: &[u8] = b"{\"";

/// Levels of nesting that are validated; deeper ones are only counted.
const MAX_DEPTH: usize = 64;

/// Splits a line into its records and what is between them. Byte order marks, white space, and the brackets and commas of
/// a list of records belong to no part.
pub(crate) fn split(line: &[u8]) -> Vec<LinePart> {
    let mut parts = Vec::new();
    let mut work = line.len().saturating_mul(MAX_WORK);
    let is_list =
        line.trim_ascii_start().strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    let mut at = 0;
    while at < line.len() {
        let blank = blank_len(&line[at..], is_list);
        if blank > 0 {
            at += blank;
        } else if let Some(end) = first_end(line, at, is_list, &mut work) {
            parts.push(LinePart { start: at, end, kind: RecordPartKind::Record });
            at = end;
        } else {
            let kind = if begins_object(&line[at..]) { RecordPartKind::Torn } else { RecordPartKind::Junk };
            let end = next_record(line, at, kind, &mut work).unwrap_or(line.len());
            // The brackets and commas of a list whose items are lines.
            if !line[at..end].iter().all(|byte| byte.is_ascii_whitespace() || b"[],".contains(byte)) {
                parts.push(LinePart { start: at, end, kind });
            }
            at = end;
        }
    }
    parts
}

/// True for exactly one whole object.
pub(crate) fn is_record(bytes: &[u8]) -> bool {
    let mut cursor = JsonCursor::new(bytes);
    bytes.trim_ascii_start().starts_with(b"{") && validate(&mut cursor, MAX_DEPTH).is_ok() && cursor.at_end()
}

/// True for a text that consists of whole objects, so that nothing more needs to be written before it is read.
pub(crate) fn is_whole(text: &[u8]) -> bool {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    match (text.trim_ascii_start().first(), text.trim_ascii_end().last()) {
        // The brackets may be those of a list of records.
        (Some(b'{' | b'['), Some(b'}' | b']')) => is_record(text) || is_sequence(text),
        _ => false,
    }
}

fn is_sequence(text: &[u8]) -> bool {
    split(text).iter().all(|part| part.kind == RecordPartKind::Record)
}

/// True for bytes that begin like an object with fields.
fn begins_object(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

/// Length of the white space or the byte order mark at the start of some bytes, or of a list's bracket or comma.
fn blank_len(bytes: &[u8], is_list: bool) -> usize {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return 3;
    }
    usize::from(
        bytes[0].is_ascii_whitespace() || separates(bytes) || (is_list && matches!(bytes[0], b'[' | b',' | b']')),
    )
}

/// True for a comma before the next record.
fn separates(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b",").is_some_and(|rest| begins_object(rest.trim_ascii_start()))
}

/// Finds the end of the record that begins at `at`, where no other one is open: it ends with its braces, whatever follows.
fn first_end(line: &[u8], at: usize, is_list: bool, work: &mut usize) -> Option<usize> {
    let whole = record_end(line, at, is_list, work);
    let ends = || {
        let mut cursor = JsonCursor::new(&line[at..]);
        let is_record = begins_object(&line[at..]) && validate(&mut cursor, MAX_DEPTH).is_ok();
        let rest = &line[(at + cursor.position()).min(line.len())..];
        // Further fields mean that the brace is damage inside of the record.
        let has_fields = rest.trim_ascii_start().starts_with(b",\"") || rest.trim_ascii_start().starts_with(b"\"");
        (is_record && !has_fields).then_some(at + cursor.position())
    };
    whole.or_else(|| if *work > 0 { ends() } else { None })
}

/// Finds the end of the record that begins at `at`: a valid object that another one, a hole, the end, or the next item of a
/// list follows.
fn record_end(line: &[u8], at: usize, is_list: bool, work: &mut usize) -> Option<usize> {
    if !begins_object(&line[at..]) || *work == 0 {
        return None;
    }
    let mut cursor = JsonCursor::new(&line[at..]);
    let valid = validate(&mut cursor, MAX_DEPTH);
    *work = work.saturating_sub(cursor.position().max(1));
    let end = at + cursor.position();
    let rest = line[end.min(line.len())..].trim_ascii_start();
    let follows = rest.first();
    let is_end = matches!(follows, None | Some(b'{' | 0 | 0xef)) || (is_list && matches!(follows, Some(b',' | b']')));
    let is_end = is_end || separates(rest);
    (valid.is_ok() && is_end).then_some(end)
}

/// Finds the start of the next record after a part of this kind that begins at `from`, or of what is surely none.
fn next_record(line: &[u8], from: usize, kind: RecordPartKind, work: &mut usize) -> Option<usize> {
    let mut starts = memchr::memchr_iter(b'{', &line[from + 1..]).map(|at| from + 1 + at);
    if kind == RecordPartKind::Junk {
        return starts.find(|&at| record_end(line, at, false, work).is_some() || is_alone(line, at, work));
    }
    let mut torn = TornStart { line, read: from, open: OpenValues::default(), names: Vec::new(), name: None };
    starts.find(|&at| record_end(line, at, false, work).is_some_and(|end| torn.is_over(at, end, work)))
}

/// The beginning of a torn record, read up to an object that may be the next record.
struct TornStart<'a> {
    line: &'a [u8],
    /// Offset after the last byte that was read.
    read: usize,
    open: OpenValues,
    /// Its first names, with quotes.
    names: Vec<&'a [u8]>,
    /// Offset of the name that is open.
    name: Option<usize>,
}

impl TornStart<'_> {
    /// True if the object from `at` to `end` is another record, not a value of this one. Where a value is expected, another
    /// record begins with the names of this one, or is the last object and has the fields of a record.
    fn is_over(&mut self, at: usize, end: usize, work: &mut usize) -> bool {
        self.read_to(at);
        if !self.open.expects_value() {
            return true;
        }
        let object = &self.line[at..end];
        *work = work.saturating_sub(object.len());
        let names = names(object);
        let is_same = names.len() >= self.names.len()
            && names.iter().zip(&self.names).all(|(name, own)| Some(*name) == unquoted(own));
        is_same || (!separates(self.line[end..].trim_ascii_start()) && are_of_record(&names))
    }

    /// Reads the bytes before `at`.
    fn read_to(&mut self, at: usize) {
        for (offset, &byte) in self.line.iter().enumerate().take(at).skip(self.read) {
            let begins_name = byte == b'"' && self.open.expects_first_names() && self.names.len() < FIRST_NAMES;
            self.open.read(byte);
            if begins_name {
                self.name = Some(offset);
            } else if !self.open.in_string
                && let Some(start) = self.name.take()
            {
                self.names.push(&self.line[start..=offset]);
            }
        }
        self.read = at;
    }
}

/// Number of first names that tell records of one kind from the values in them.
const FIRST_NAMES: usize = 2;

fn unquoted(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Names of an object's fields.
fn names(object: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    // Names before an error count.
    let _ = JsonCursor::new(object).object(|name, _| {
        names.push(name);
        Ok(())
    });
    names
}

/// True for an object with the fields of a session's record, which the values in records lack.
pub(crate) fn is_like_record(object: &[u8]) -> bool {
    are_of_record(&names(object))
}

fn are_of_record(names: &[&[u8]]) -> bool {
    let has = |name: &str| names.contains(&name.as_bytes());
    let is_change = matches!(names, [b"$set" | b"$rewindTo"]);
    let is_typed = has("type") && ["timestamp", "uuid", "sessionId", "leafUuid", "messageId"].into_iter().any(has);
    is_change || is_typed || (has("role") && has("created")) || (has("sessionId") && has("startTime"))
}

/// True for an object that no field or item follows, as it does within a torn record.
fn is_alone(line: &[u8], at: usize, work: &mut usize) -> bool {
    if !begins_object(&line[at..]) || *work == 0 {
        return false;
    }
    let mut cursor = JsonCursor::new(&line[at..]);
    let valid = validate(&mut cursor, MAX_DEPTH);
    *work = work.saturating_sub(cursor.position().max(1));
    let rest = line[(at + cursor.position()).min(line.len())..].trim_ascii_start();
    valid.is_ok() && !matches!(rest.first(), Some(b',' | b']' | b'}' | b'"' | b':'))
}

/// Reads a value strictly enough to find its end, whatever is wrong with its strings.
fn validate(cursor: &mut JsonCursor<'_>, depth: usize) -> Result<(), MalformedJson> {
    match cursor.peek()? {
        b'{' if depth > 0 => cursor.object(|_, value| validate(value, depth - 1)),
        b'[' if depth > 0 => cursor.array(|item| validate(item, depth - 1)),
        _ => cursor.skip(),
    }
}

/// Completes a torn record: ends its open string, and closes its objects and arrays.
pub(crate) fn complete(torn: &[u8]) -> Vec<u8> {
    let mut state = OpenValues::default();
    torn.iter().for_each(|&byte| state.read(byte));
    let mut bytes = torn.to_vec();
    bytes.truncate(torn.len() - state.open_escape(torn));
    state.close(&mut bytes);
    bytes
}

/// Position in the grammar of an object or array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Key,
    Colon,
    Value,
    Comma,
}

/// The values that are open at a position of a record.
#[derive(Debug, Default)]
struct OpenValues {
    /// Closing bracket, and what is expected next, of each open object or array.
    open: Vec<(u8, Expected)>,
    in_string: bool,
    escaped: bool,
}

impl OpenValues {
    /// True if a value begins at this place, or is missing.
    fn expects_value(&self) -> bool {
        !self.in_string && self.open.last().is_some_and(|(_, expected)| *expected == Expected::Value)
    }

    /// True if a name of the outermost object begins at this place.
    fn expects_first_names(&self) -> bool {
        !self.in_string && matches!(self.open[..], [(_, Expected::Key)])
    }

    fn read(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.value_ends();
                }
                _ => {}
            }
            return;
        }
        let Some((_, expected)) = self.open.last_mut() else {
            if byte == b'{' {
                self.open.push((b'}', Expected::Key));
            }
            return;
        };
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.open.push((b'}', Expected::Key)),
            b'[' => self.open.push((b']', Expected::Value)),
            b'}' | b']' => {
                self.open.pop();
                self.value_ends();
            }
            b':' => *expected = Expected::Value,
            b',' => self.comma(),
            _ if byte.is_ascii_whitespace() => {}
            // A literal: whatever it is, the next byte continues or ends it.
            _ => *expected = Expected::Comma,
        }
    }

    fn value_ends(&mut self) {
        if let Some((_, expected)) = self.open.last_mut() {
            *expected = if *expected == Expected::Key { Expected::Colon } else { Expected::Comma };
        }
    }

    fn comma(&mut self) {
        if let Some((bracket, expected)) = self.open.last_mut() {
            *expected = if *bracket == b'}' { Expected::Key } else { Expected::Value };
        }
    }

    /// Length of an escape at the end of the record that is not complete.
    fn open_escape(&self, torn: &[u8]) -> usize {
        if !self.in_string {
            return 0;
        }
        let tail = &torn[torn.len().saturating_sub(5)..];
        let slash = tail.iter().rposition(|&byte| byte == b'\\');
        let escape = slash.map_or(&[][..], |at| &tail[at..]);
        if self.escaped || (escape.get(1) == Some(&b'u') && escape.len() < 6) { escape.len() } else { 0 }
    }

    fn close(mut self, bytes: &mut Vec<u8>) {
        if self.in_string {
            bytes.push(b'"');
            self.value_ends();
        }
        let mut innermost = true;
        for (bracket, expected) in self.open.into_iter().rev() {
            match expected {
                Expected::Colon => bytes.extend_from_slice(b":null"),
                Expected::Value if innermost && !bytes.ends_with(b"[") => bytes.extend_from_slice(b"null"),
                Expected::Key if innermost && !bytes.ends_with(b"{") => bytes.extend_from_slice(b"\"\":null"),
                Expected::Value | Expected::Key | Expected::Comma => {}
            }
            innermost = false;
            bytes.push(bracket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LinePart, RecordPartKind, complete, split};

    fn kinds(line: &[u8]) -> Vec<(&[u8], RecordPartKind)> {
        split(line).into_iter().map(|LinePart { start, end, kind }| (&line[start..end], kind)).collect()
    }

    #[test]
    fn glued_records_are_split_at_their_real_ends() {
        let (a, b) = (&br#"{"a":"x}{y","b":{"c":[{}]}}"#[..], &br#"{"d":"\""}"#[..]);
        let glued = [a, b].concat();
        assert_eq!(kinds(&glued), [(a, RecordPartKind::Record), (b, RecordPartKind::Record)]);
        let marked = ["\u{feff}".as_bytes(), b" ", a, b"\0\0", b].concat();
        let expected = [(a, RecordPartKind::Record), (&b"\0\0"[..], RecordPartKind::Junk), (b, RecordPartKind::Record)];
        assert_eq!(kinds(&marked), expected);
    }

    #[test]
    fn a_torn_record_does_not_take_the_next_one_with_it() {
        let whole = br#"{"parent":"a","message":{"content":[{"type":"text","text":"a \"quoted\" word"}]}}"#;
        for cut in 2..whole.len() {
            let line = [&whole[..cut], whole].concat();
            let parts = kinds(&line);
            assert_eq!(parts.last(), Some(&(&whole[..], RecordPartKind::Record)), "cut at {cut}");
        }
    }

    #[test]
    fn a_record_of_another_kind_follows_wherever_its_object_is_no_value() {
        let next = &br#"{"type":"queue-operation","operation":"enqueue","sessionId":"s","content":"hello"}"#[..];
        for torn in [
            &br#"{"parentUuid":null,"#[..],
            br#"{"parentUuid":null,"message":"#,
            br#"{"parentUuid":null,"message":{"content":["#,
            br#"{"parentUuid":null,"message":{"content":[{"type":"text","text":"a"},"#,
        ] {
            assert_eq!(
                kinds(&[torn, next].concat()),
                [(torn, RecordPartKind::Torn), (next, RecordPartKind::Record)],
                "{}",
                String::from_utf8_lossy(torn)
            );
        }
    }

    #[test]
    fn values_of_a_torn_record_belong_to_it() {
        for torn in [
            &br#"{"id":"m","timestamp":"t","type":"gemini","calls":[{"id":"c","name":"shell"},{"id":"d","na"#[..],
            br#"{"id":"m","timestamp":"t","type":"gemini","calls":[{"id":"c","name":"shell"}"#,
            br#"{"b":1,"a":[{"b":1},{"b":2}"#,
            br#"{"timestamp":"t","type":"response_item","payload":{"type":"message","id":"i"}"#,
            br#"{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","te"#,
        ] {
            assert_eq!(kinds(torn), [(torn, RecordPartKind::Torn)], "{}", String::from_utf8_lossy(torn));
        }
    }

    #[test]
    fn a_torn_list_of_many_items_is_read_in_linear_time() {
        let line = [&br#"{"a":["#[..], &br#"{"b":1},"#.repeat(200_000)].concat();
        assert_eq!(kinds(&line), [(&line[..], RecordPartKind::Torn)]);
    }

    #[test]
    fn a_torn_record_is_completed_wherever_it_was_torn() {
        let whole = br#"{"a":{"b":[1,{"c":"d\u00e9\n"},true],"e":null},"f":-1.5}"#;
        for cut in 2..=whole.len() {
            let completed = complete(&whole[..cut]);
            assert!(crate::agent::json::parse(&completed).is_some(), "{}", String::from_utf8_lossy(&completed));
        }
        let read = crate::agent::json::parse(&complete(br#"{"id":"t1","content":"partial out"#)).expect("is read");
        assert_eq!(read["content"], "partial out");
    }

    #[test]
    fn a_hostile_line_ends() {
        let line = b"{\"".repeat(100_000);
        assert_eq!(split(&line).len(), 1);
    }
}
