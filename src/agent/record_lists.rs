//! Lists of records in one line, as programs write them that take a file of lines for a document.

use std::ops::Range;

use super::json::repair::{self, RecordPartKind};
use super::tolerant_json::{self, RepairedRecord, Repairs};

/// Records of a line, which may be a list of them, or of such lists.
pub(super) fn line_records(line: &[u8]) -> Vec<RepairedRecord> {
    /// Maximum levels of lists, each of which is read once more.
    const MAX_LISTS: usize = 4;
    records_in_lists(line, MAX_LISTS)
}

fn records_in_lists(line: &[u8], levels: usize) -> Vec<RepairedRecord> {
    let is_list = levels > 0 && line.trim_ascii_start().starts_with(b"[");
    let ranges = if is_list { tolerant_json::items(line, &[]) } else { Vec::new() };
    if ranges.is_empty() {
        return records_after_torn(line).unwrap_or_else(|| tolerant_json::records(line));
    }
    let in_line = |range: Range<usize>| {
        let item = records_in_lists(&line[range.clone()], levels - 1).into_iter();
        item.map(move |mut record| {
            record.range = range.start + record.range.start..range.start + record.range.end;
            record.repairs.add(Repairs::GLUED);
            record
        })
    };
    ranges.into_iter().flat_map(in_line).collect()
}

/// Records of a line with a torn one, after which the program went on in the same line when it was started again: with an
/// object that has the fields of a record. `None` for any other line.
fn records_after_torn(line: &[u8]) -> Option<Vec<RepairedRecord>> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() {
        return None;
    }
    let parts = repair::split(line);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut is_torn = false;
    for part in parts {
        let begins =
            is_torn && part.kind == RecordPartKind::Record && repair::is_like_record(&line[part.start..part.end]);
        is_torn = (is_torn && !begins) || part.kind == RecordPartKind::Torn;
        match ranges.last_mut() {
            Some(last) if !begins => last.end = part.end,
            _ => ranges.push(part.start..part.end),
        }
    }
    if ranges.len() < 2 {
        return None;
    }
    let of_range = |range: Range<usize>| {
        let records = tolerant_json::records(&line[range.clone()]).into_iter();
        records.map(move |mut record| {
            record.range = range.start + record.range.start..range.start + record.range.end;
            record.repairs.add(Repairs::GLUED);
            record
        })
    };
    Some(ranges.into_iter().flat_map(of_range).collect())
}
