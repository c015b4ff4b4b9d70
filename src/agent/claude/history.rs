//! Prompts in `history.jsonl`: what is left of sessions whose transcripts Claude Code has deleted.
//!
//! One line per prompt that was typed: `{"display","pastedContents","timestamp","project","sessionId"}`. Verified with
//! 2.1.329. Every session has lines here; a session with a transcript is read from that.
//!
//! A pasted text is in `pastedContents`, by number; from some length on only its hash, and the text in a file of
//! `paste-cache` beside the history.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::agent::json::{self, repair};
use crate::agent::prompt_history::{self, HistoryPrompt, PurgedSessions};
use crate::agent::texts::{SourceDecoder, StoredRecord};
use crate::agent::{FileStamp, Source, SourceSummary, record_lists, tool_input};
use crate::domain::{Agent, Issue, Time};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::lines::LineReader;

/// Kind of a source: the prompts of all sessions.
pub(super) const HISTORY: u8 = 6;

/// Line of the file.
#[derive(Deserialize)]
struct TypedPrompt<'a> {
    #[serde(borrow)]
    display: Cow<'a, str>,
    #[serde(default)]
    timestamp: Option<f64>,
    #[serde(borrow, default)]
    project: Cow<'a, str>,
    #[serde(rename = "sessionId", borrow, default)]
    session: Cow<'a, str>,
    #[serde(rename = "pastedContents", default)]
    pasted: Value,
}

impl TypedPrompt<'_> {
    fn time(&self) -> Option<Time> {
        Time::from_number(self.timestamp?)
    }

    /// The typed text, then the pasted ones.
    fn text(&self) -> String {
        let pasted = self.pasted.as_object().into_iter().flatten().filter_map(|(_, paste)| paste["content"].as_str());
        std::iter::once(&*self.display).chain(pasted).collect::<Vec<_>>().join("\n\n")
    }
}

/// Returns the file as a source, if it exists.
pub(super) fn source(root: &Path) -> Option<Source> {
    let path = root.join("history.jsonl");
    let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
    Some(Source { agent: Agent::Claude, stamp: FileStamp::of(&metadata), kind: HISTORY, path })
}

/// Summarises the file: a session per id, with its prompts.
pub(super) fn summarise(source: &Source) -> SourceSummary {
    let mut sessions = PurgedSessions::default();
    let read = for_each(&source.path, None, |prompt, place| {
        sessions.add(
            source,
            (&prompt.session, &prompt.display, prompt.time()),
            place.bytes.len() as u64,
            &prompt.project,
        );
    });
    let issues = read.unwrap_or_else(|error| vec![Issue::new(&source.path, error)]);
    sessions.into_summary(source, issues)
}

/// Reads the prompts of all sessions, or of one, and what could not be read.
pub(super) fn read(path: &Path, only: Option<&str>) -> io::Result<(Vec<HistoryPrompt>, Vec<Issue>)> {
    let mut prompts = Vec::new();
    let issues = for_each(path, only, |prompt, PromptRecord { offset, bytes }| {
        if only.is_none_or(|id| prompt.session == id) {
            let with_pastes = path.parent().and_then(|folder| with_pastes(bytes, folder));
            let whole = with_pastes.as_deref().and_then(parse);
            prompts.push(HistoryPrompt {
                session: prompt.session.to_string(),
                text: whole.as_ref().unwrap_or(prompt).text(),
                time: prompt.time(),
                place: offset,
                record: bytes.to_vec(),
            });
        }
    })?;
    Ok((prompts, issues))
}

/// Visits the records of the file, session by session, until `visit` breaks.
pub(super) fn visit_records(
    path: &Path,
    visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    // Only the places of the records are kept: the texts, with all that was pasted, may be larger than the memory.
    let mut sessions: BTreeMap<String, Vec<(u64, usize)>> = BTreeMap::new();
    for_each(path, None, |prompt, place| {
        sessions.entry(prompt.session.to_string()).or_default().push((place.offset, place.bytes.len()));
    })?;
    let (file, mut record) = (files::open(path)?, Vec::new());
    for (session, places) in &sessions {
        for &(offset, len) in places {
            record.resize(len, 0);
            file.read_exact_at(&mut record, offset)?;
            let with_pastes = path.parent().and_then(|folder| with_pastes(&record, folder));
            let bytes = with_pastes.as_deref().unwrap_or(&record);
            let record = StoredRecord { session, id: "", hint: "", offset, bytes };
            if visit(&record).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Place of a prompt's record in the file.
struct PromptRecord<'a> {
    offset: u64,
    bytes: &'a [u8],
}

/// Visits the prompts of all sessions, or at least those of one. Returns what could not be read.
fn for_each(
    path: &Path,
    only: Option<&str>,
    mut visit: impl FnMut(&TypedPrompt<'_>, PromptRecord<'_>),
) -> io::Result<Vec<Issue>> {
    let mut lines = LineReader::from_offset(files::open(path)?, 0)?;
    let (mut issues, mut number) = (Vec::new(), 0);
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        number += line.lines;
        if !prompt_history::may_be_of(line.bytes, only) {
            continue;
        }
        if let Ok(prompt) = serde_json::from_slice::<TypedPrompt<'_>>(line.bytes) {
            if !prompt.session.is_empty() {
                visit(&prompt, PromptRecord { offset: line.offset, bytes: line.bytes });
            }
            continue;
        }
        let records = record_lists::line_records(line.bytes);
        let mut issue = |reason: String| issues.push(Issue { line: Some(number), ..Issue::new(path, reason) });
        if records.is_empty() && !line.bytes.trim_ascii().is_empty() {
            issue("unreadable record".to_owned());
        }
        for record in records {
            if record.repairs.is_lossy() {
                issue(record.repairs.to_string());
            }
            let prompt = unusual(&record.value);
            if !prompt.session.is_empty() {
                let (offset, bytes) = (line.offset + record.range.start as u64, &line.bytes[record.range]);
                visit(&prompt, PromptRecord { offset, bytes });
            }
        }
    }
    let open = repair::open_end(&lines).map(|reason| Issue { line: Some(number + 1), ..Issue::new(path, reason) });
    issues.extend(open);
    Ok(issues)
}

/// Parses a record. Early versions did not write the session.
fn parse(record: &[u8]) -> Option<TypedPrompt<'_>> {
    let strict = serde_json::from_slice::<TypedPrompt<'_>>(record).ok();
    strict.or_else(|| Some(unusual(&json::parse(record)?))).filter(|prompt| !prompt.session.is_empty())
}

/// Reads a record that a strict parser refuses, or whose fields have other types.
fn unusual(record: &Value) -> TypedPrompt<'static> {
    let text = |name: &str| Cow::Owned(tool_input::flat(&record[name]));
    #[expect(clippy::cast_precision_loss, reason = "times are far below the limit")]
    let timestamp = json::time(&record["timestamp"]).map(|time| time.millis() as f64);
    let pasted = record["pastedContents"].clone();
    TypedPrompt { display: text("display"), timestamp, project: text("project"), session: text("sessionId"), pasted }
}

/// Line in which the pasted texts are, and not their hashes only.
fn with_pastes(line: &[u8], folder: &Path) -> Option<Vec<u8>> {
    memmem::find(line, b"\"contentHash\"")?;
    let mut record = json::parse(line)?;
    for paste in record["pastedContents"].as_object_mut()?.values_mut() {
        let Some(hash) =
            paste["contentHash"].as_str().filter(|hash| hash.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        else {
            continue;
        };
        let path = folder.join("paste-cache").join(format!("{hash}.txt"));
        if let Ok(bytes) = files::read(&path, SizeLimit::SIDECAR) {
            paste["content"] = String::from_utf8_lossy(&bytes).into();
        }
    }
    serde_json::to_vec(&record).ok()
}

/// Creates the decoder of the records that [`visit_records`] visits.
pub(super) fn decoder() -> SourceDecoder {
    prompt_history::decoder_of(|record| parse(record).map(|prompt| prompt.text()).unwrap_or_default())
}
