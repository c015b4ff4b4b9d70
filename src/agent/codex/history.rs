//! Prompts in `history.jsonl`: what is left of threads whose rollouts were deleted.
//!
//! One line per prompt that was typed in the terminal: `{"session_id","ts","text"}`, with the time in seconds. Verified with
//! 0.169.0 and 0.171.0. The directory is not recorded.

use std::io;
use std::path::Path;

use crate::agent::json::{self, repair};
use crate::agent::jsonl::TextFile;
use crate::agent::prompt_history::{self, HistoryPrompt};
use crate::agent::{record_lists, tool_input};
use crate::domain::Issue;
use crate::stdx::lines::LineReader;

/// Reads the prompts of all threads, or of one.
pub(super) fn read(path: &Path, only: Option<&str>) -> io::Result<(Vec<HistoryPrompt>, Vec<Issue>)> {
    let mut lines = LineReader::from_offset(TextFile::open(path)?.file, 0)?;
    let (mut prompts, mut issues, mut number) = (Vec::new(), Vec::new(), 0);
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        number += line.lines;
        if !prompt_history::may_be_of(line.bytes, only) {
            continue;
        }
        let records = record_lists::line_records(line.bytes);
        let mut issue = |reason: String| issues.push(Issue { line: Some(number), ..Issue::new(path, reason) });
        if records.is_empty() && !line.bytes.trim_ascii().is_empty() {
            issue("unreadable record".to_owned());
        }
        for (at, record) in (0..).zip(records) {
            if record.repairs.is_lossy() {
                issue(record.repairs.to_string());
            }
            let field = |name: &str| tool_input::lines(&record.value[name]);
            let (session, text, time) = (field("session_id"), field("text"), json::time(&record.value["ts"]));
            if session.is_empty() || text.is_empty() {
                issue("unreadable record".to_owned());
                continue;
            }
            if only.is_some_and(|id| id != session) {
                continue;
            }
            let (place, record) = (line.offset + at, line.bytes[record.range].to_vec());
            prompts.push(HistoryPrompt { session, text, time, place, record });
        }
    }
    Ok((prompts, issues))
}
