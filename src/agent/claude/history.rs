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
use crate::agent::jsonl::{EntryMark, LineMetadata, MalformedJson, RecordLink};
use crate::agent::prompt_history::{self, PurgedSessions};
use crate::agent::texts::StoredRecord;
use crate::agent::{FileStamp, Source, SourceSummary, tool_input};
use crate::domain::event::EventBody;
use crate::domain::{Agent, EntryKey, EntryKind, Event, Issue, Time};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::lines::LineReader;

/// Kind of a source: the prompts of all sessions.
pub(super) const HISTORY: u8 = 6;

/// Line of the file.
#[derive(Deserialize)]
struct TypedPrompt<'a> {
    #[serde(borrow)]
    display: Cow<'a, str>,
    timestamp: f64,
    #[serde(borrow, default)]
    project: Cow<'a, str>,
    #[serde(rename = "sessionId", borrow, default)]
    session: Cow<'a, str>,
    #[serde(rename = "pastedContents", default)]
    pasted: Value,
}

impl TypedPrompt<'_> {
    fn time(&self) -> Option<Time> {
        Time::from_number(self.timestamp)
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
    let read = for_each(&source.path, |prompt, len| {
        sessions.add(source, (&prompt.session, &prompt.display, prompt.time()), len, &prompt.project);
    });
    let issues = read.err().map(|error| Issue::new(&source.path, error)).into_iter().collect();
    sessions.into_summary(source, issues)
}

/// Returns offset and length of the lines of a session.
pub(super) fn lines_of(path: &Path, id: &str) -> io::Result<Vec<(u64, u64)>> {
    let mut lines = LineReader::from_offset(files::open(path)?, 0)?;
    let mut found = Vec::new();
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        let may_be_of = prompt_history::may_be_of(line.bytes, Some(id));
        if may_be_of && parse(line.bytes).is_some_and(|prompt| prompt.session == id) {
            found.push((line.offset, line.len));
        }
    }
    Ok(found)
}

/// Visits the lines of the file, session by session, until `visit` breaks.
pub(super) fn visit_records(
    path: &Path,
    visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    // Only the places of the lines are kept: the texts, with all that was pasted, may be larger than the memory.
    let mut sessions: BTreeMap<String, Vec<(u64, usize)>> = BTreeMap::new();
    let mut lines = LineReader::from_offset(files::open(path)?, 0)?;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        if let Some(prompt) = parse(line.bytes) {
            let place = (line.offset, line.bytes.len());
            sessions.entry(prompt.session.into_owned()).or_default().push(place);
        }
    }
    let (file, mut line) = (files::open(path)?, Vec::new());
    for (session, lines) in &sessions {
        for &(offset, len) in lines {
            line.resize(len, 0);
            file.read_exact_at(&mut line, offset)?;
            let with_pastes = path.parent().and_then(|folder| with_pastes(&line, folder));
            let bytes = with_pastes.as_deref().unwrap_or(&line);
            let record = StoredRecord { session, id: "", hint: "", offset, bytes };
            if visit(&record).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn for_each(path: &Path, mut visit: impl FnMut(&TypedPrompt<'_>, u64)) -> io::Result<()> {
    let mut lines = LineReader::from_offset(files::open(path)?, 0)?;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        if let Some(prompt) = parse(line.bytes) {
            visit(&prompt, line.len);
        }
    }
    Ok(())
}

/// Parses a line. Early versions did not write the session.
fn parse(line: &[u8]) -> Option<TypedPrompt<'_>> {
    let strict = serde_json::from_slice::<TypedPrompt<'_>>(line).ok();
    strict.or_else(|| unusual(&json::parse(line)?)).filter(|prompt| !prompt.session.is_empty())
}

/// Reads a line that a strict parser refuses, or whose fields have other types.
fn unusual(record: &Value) -> Option<TypedPrompt<'static>> {
    let text = |name: &str| Cow::Owned(tool_input::flat(&record[name]));
    let timestamp = json::time(&record["timestamp"])?.millis();
    #[expect(clippy::cast_precision_loss, reason = "times are far below the limit")]
    let timestamp = timestamp as f64;
    let pasted = record["pastedContents"].clone();
    Some(TypedPrompt {
        display: text("display"),
        timestamp,
        project: text("project"),
        session: text("sessionId"),
        pasted,
    })
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

/// Returns the metadata of a line.
pub(super) fn metadata(line: &[u8], offset: u64) -> Result<LineMetadata<'static>, MalformedJson> {
    let Some(prompt) = parse(line) else { return Err(MalformedJson) };
    let key = EntryKey::new(&format!("history@{offset}"), 0);
    let mark = EntryMark { key, kind: EntryKind::Prompt, block: 0, tool: 0, error: false };
    Ok(LineMetadata {
        link: RecordLink::Linear,
        marks: vec![mark],
        turns: 1,
        time: prompt.time(),
        ..LineMetadata::default()
    })
}

/// Decodes the prompt of a line.
pub(super) fn decode(line: &[u8], marks: &[EntryMark], history: Option<&Path>, sink: &mut dyn FnMut(Event)) {
    let with_pastes = history.and_then(Path::parent).and_then(|folder| with_pastes(line, folder));
    let (Some(prompt), Some(mark)) = (parse(with_pastes.as_deref().unwrap_or(line)), marks.first()) else { return };
    let pasted = prompt.pasted.as_object().into_iter().flatten().filter_map(|(_, paste)| paste["content"].as_str());
    let texts: Vec<&str> = std::iter::once(&*prompt.display).chain(pasted).collect();
    sink(Event { key: mark.key, time: prompt.time(), body: EventBody::Prompt(texts.join("\n\n")) });
}
