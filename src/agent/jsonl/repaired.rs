//! The records of a line, repaired if they need it.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

use super::{Dialect, JsonCursor, LineMetadata, MalformedJson};
use crate::agent::json::repair::{self, LinePart, RecordPartKind};

/// A record with its metadata: a line, or a part of one.
#[derive(Debug)]
pub(crate) struct ScannedLine<'a> {
    /// Offset of its first byte.
    pub offset: u64,
    /// Its bytes as stored; none of a line beyond the maximum of all readers.
    pub bytes: &'a [u8],
    /// Its length without the newline.
    pub len: u64,
    /// Number of its line, from 1.
    pub number: u64,
    /// Its metadata.
    pub metadata: Result<LineMetadata<'a>, MalformedJson>,
    /// Repair that it needs, if any; without metadata, what is there instead.
    pub repair: Option<Repair>,
}

/// Repair of a record, or what is there instead of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Repair {
    /// Its line contained more than one record.
    Split,
    /// Torn record, read as far as it goes.
    Completed,
    /// Record with half a character, which is shown as U+FFFD.
    HalfCharacter,
    /// Record of the conversation without its content.
    NoContent,
    /// Record of the conversation whose parent is not in the file.
    MissingParent,
    /// Record over several lines: printed with indents, or with a line break in a text.
    Joined,
    /// Bytes of zero, as a crash leaves them where a record was to be written.
    Hole,
    /// Record with values of other types than usual.
    FieldTypes,
    /// Record in another notation than usual, which needs no report.
    Notation,
    /// One of several records in a line, in another notation than usual.
    SplitNotation,
}

impl Repair {
    /// True for a record whose stored bytes are not those that are decoded.
    pub(crate) fn is_converted(self) -> bool {
        matches!(self, Self::Completed | Self::FieldTypes | Self::Notation | Self::SplitNotation)
    }

    /// Explanation for the user.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Split | Self::SplitNotation => "repaired: several records in one line",
            Self::Completed => "torn record, read as far as it goes",
            Self::HalfCharacter => "repaired: half a character in a text",
            Self::NoContent => "record without its content",
            Self::MissingParent => "the record before it is missing; shown in the order of the file",
            Self::Joined => "repaired: a record over several lines",
            Self::Hole => "hole of NUL bytes",
            Self::FieldTypes => "repaired: fields of an unusual type",
            Self::Notation => "another notation than usual",
        }
    }
}

/// Visits the records of a line like [`records`], and reports half characters and other encodings, which need no
/// conversion.
pub(crate) fn checked_records(
    dialect: &dyn Dialect,
    line: &[u8],
    offset: u64,
    number: u64,
    each: &mut impl FnMut(ScannedLine<'_>),
) {
    records(dialect, line, offset, number, &mut |mut scanned| {
        if scanned.repair.is_none() && scanned.metadata.is_ok() {
            let is_other = has_half_character(scanned.bytes) || is_other_encoding(scanned.bytes);
            scanned.repair = is_other.then_some(Repair::HalfCharacter);
        }
        each(scanned);
    });
}

/// Visits the records of a line, which begins at `offset`. A line that is no whole record is split into its parts.
pub(crate) fn records(
    dialect: &dyn Dialect,
    line: &[u8],
    offset: u64,
    number: u64,
    each: &mut impl FnMut(ScannedLine<'_>),
) {
    // Some editors add a byte order mark.
    let mark = if offset == 0 && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let (line, offset) = (&line[mark..], offset + mark as u64);
    let (len, metadata) = (line.len() as u64, Err(MalformedJson));
    let whole = ScannedLine { offset, bytes: line, len, number, metadata, repair: None };
    let scanned = dialect.scan_line(line, offset);
    let may_be_unusual = match &scanned {
        Ok(metadata) => metadata.is_unusual || metadata.lacks_content,
        Err(MalformedJson) => is_value(line),
    };
    if may_be_unusual
        && let Some(usual) = dialect.usual_form(line)
        && let Ok(metadata) = dialect.scan_line(&usual.bytes, offset)
    {
        let repair = Some(if usual.is_repaired { Repair::FieldTypes } else { Repair::Notation });
        return each(ScannedLine { metadata: Ok(metadata), repair, ..whole });
    }
    if let Ok(metadata) = scanned {
        let repair = metadata.lacks_content.then_some(Repair::NoContent);
        return each(ScannedLine { metadata: Ok(metadata), repair, ..whole });
    }
    let parts = repair::split(line);
    if parts.is_empty() && !line.trim_ascii().is_empty() {
        each(whole);
    }
    for LinePart { start, end, kind } in parts {
        let (bytes, offset, len) = (&line[start..end], offset + start as u64, (end - start) as u64);
        let mut visit = |whole: &[u8], repair| {
            let metadata = dialect.scan_line(whole, offset);
            let is_unusual = metadata.as_ref().map_or(true, |metadata| metadata.is_unusual || metadata.lacks_content);
            match dialect.usual_form(whole).filter(|_| is_unusual) {
                Some(usual) => {
                    let repair = match repair {
                        Repair::Split if usual.is_repaired => Repair::FieldTypes,
                        Repair::Split => Repair::SplitNotation,
                        other => other,
                    };
                    let metadata = dialect.scan_line(&usual.bytes, offset);
                    each(ScannedLine { offset, bytes, len, number, metadata, repair: Some(repair) });
                }
                None => each(ScannedLine { offset, bytes, len, number, metadata, repair: Some(repair) }),
            }
        };
        match kind {
            RecordPartKind::Record => visit(bytes, Repair::Split),
            RecordPartKind::Torn => visit(&repair::complete(bytes), Repair::Completed),
            RecordPartKind::Junk => {
                let hole = bytes.iter().all(|byte| *byte == 0).then_some(Repair::Hole);
                each(ScannedLine { offset, bytes, len, number, metadata: Err(MalformedJson), repair: hole });
            }
        }
    }
}

/// Returns the bytes of a stored record that [`records`] visited in the usual form, completed if they were torn.
pub(crate) fn readable<'a>(dialect: &dyn Dialect, record: &'a [u8]) -> Cow<'a, [u8]> {
    let is_whole = repair::is_record(record) || (!record.trim_ascii_start().starts_with(b"{") && is_value(record));
    let whole = if is_whole { Cow::Borrowed(record) } else { Cow::Owned(repair::complete(record)) };
    match dialect.usual_form(&whole) {
        Some(usual) => Cow::Owned(usual.bytes),
        None => whole,
    }
}

/// True for one whole value.
fn is_value(bytes: &[u8]) -> bool {
    let mut cursor = JsonCursor::new(bytes);
    cursor.skip().is_ok() && cursor.at_end()
}

/// True if a record is not UTF-8.
fn is_other_encoding(record: &[u8]) -> bool {
    simdutf8::basic::from_utf8(record).is_err()
}

/// True if a record contains an escape of half a character without the other half.
fn has_half_character(record: &[u8]) -> bool {
    static SURROGATE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br"\ud"));
    let mut from = 0;
    while let Some(found) = SURROGATE.find(&record[from..]) {
        let at = from + found;
        let slashes = record[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        let half = |at: usize, low: bool| {
            let digit = record.get(at..at + 4).filter(|escape| escape.starts_with(br"\ud")).map(|escape| escape[3]);
            digit.is_some_and(|digit| match digit.to_ascii_lowercase() {
                b'8'..=b'9' | b'a'..=b'b' => !low,
                b'c'..=b'f' => low,
                _ => false,
            })
        };
        from = at + 6;
        if slashes % 2 != 0 {
            continue;
        }
        match (half(at, false), half(at, true), half(at + 6, true)) {
            (true, _, true) => from = at + 12,
            (true, _, false) | (_, true, _) => return true,
            (false, false, _) => {}
        }
        if from >= record.len() {
            break;
        }
    }
    false
}
