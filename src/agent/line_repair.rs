//! Repaired copies of files with JSON lines: whole records stay as they are, torn ones are closed, anything else is left
//! out.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::json::{
    self,
    repair::{self, RecordPartKind},
};
use crate::stdx::lines::{LineReader, RawLine};
use crate::stdx::zst::Decompressor;
use crate::stdx::{files, temp};

/// Differences of a repaired copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineRepairs {
    /// Records of the copy.
    pub records: u64,
    /// Lines that contained several records.
    pub split: u64,
    /// Records that took several lines.
    pub joined: u64,
    /// Torn records that were closed.
    pub closed: u64,
    /// Bytes that were left out, such as a run of NUL.
    pub left_out: u64,
}

impl LineRepairs {
    /// Returns true if the copy says what the original says.
    pub fn is_empty(&self) -> bool {
        self.split == 0 && self.joined == 0 && self.closed == 0 && self.left_out == 0
    }
}

/// Describes the repairs: `2 lines split, 1 torn record closed, 4096 bytes left out`.
impl fmt::Display for LineRepairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts = [
            count(self.split, "line split", "lines split"),
            count(self.joined, "record of several lines joined", "records of several lines joined"),
            count(self.closed, "torn record closed", "torn records closed"),
            count(self.left_out, "byte left out", "bytes left out"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "nothing to repair" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Returns the reason why a file cannot be repaired, if there is one.
pub fn refusal(path: &Path) -> Option<&'static str> {
    let is_lines = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "zst");
    (!is_lines).then_some("only files of JSON lines can be repaired; this session is in a database or in one document")
}

/// Writes a repaired copy of a file. A compressed file becomes text.
pub fn write_repaired(path: &Path, out: &mut dyn Write) -> io::Result<LineRepairs> {
    let mut lines = LineReader::from_offset(text(path)?, 0)?.of_finished_file();
    let mut repairs = LineRepairs::default();
    while let Some(line) = lines.next_line()? {
        repair_line(&line, out, &mut repairs)?;
    }
    // A file that was cut off ends without a newline.
    let rest = lines.remainder();
    let breaks = memchr::memchr_iter(b'\n', rest).count() as u64;
    repair_line(&RawLine { offset: 0, bytes: rest, len: rest.len() as u64, lines: 1 + breaks }, out, &mut repairs)?;
    Ok(repairs)
}

/// Opens a file; a compressed one as a copy without a name, as far as it can be decompressed.
fn text(path: &Path) -> io::Result<File> {
    let file = files::open(path)?;
    if path.extension().is_none_or(|extension| extension != "zst") {
        return Ok(file);
    }
    let mut copy = temp::unnamed()?;
    io::copy(&mut Decompressor::new(file)?, &mut copy)?;
    Ok(copy)
}

fn repair_line(line: &RawLine<'_>, out: &mut dyn Write, repairs: &mut LineRepairs) -> io::Result<()> {
    let mut write = |record: &[u8]| {
        repairs.records += 1;
        out.write_all(record)?;
        out.write_all(b"\n")
    };
    if line.bytes.len() as u64 == line.len && repair::is_record(line.bytes) {
        if line.lines == 1 {
            return write(line.bytes);
        }
        repairs.joined += 1;
        let record = json::parse(line.bytes).unwrap_or_default();
        return write(&serde_json::to_vec(&record).unwrap_or_default());
    }
    let parts = repair::split(line.bytes);
    let records = parts.iter().filter(|part| part.kind == RecordPartKind::Record).count();
    // The end of a line that is too long for memory is not read.
    let mut left_out = line.len - line.bytes.len() as u64;
    let mut closed = 0;
    for part in &parts {
        let bytes = &line.bytes[part.start..part.end];
        let torn = if part.kind == RecordPartKind::Torn { repair::complete(bytes) } else { Vec::new() };
        if part.kind == RecordPartKind::Record {
            write(bytes)?;
        } else if repair::is_record(&torn) {
            write(&torn)?;
            closed += 1;
        } else {
            left_out += bytes.len() as u64;
        }
    }
    repairs.split += u64::from(records > 1);
    repairs.closed += closed;
    repairs.left_out += left_out;
    Ok(())
}
