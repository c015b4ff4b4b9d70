//! Head of a rollout, read before the rest: the thread's identity and the dialect of its lines.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::copied;
use super::dialect::{CopiedHistory, LineOrigins, RecordSource, Rollout};
use super::fields::{self, field};
use super::line::{ItemKind, LineKind, RolloutLine};
use super::meta::{HistoryBase, SessionMeta};
use super::{paths, shape, text};
use crate::agent::json::cursor::hash;
use crate::agent::json::repair;
use crate::agent::jsonl::FileHead;
use crate::domain::Time;
use crate::stdx::json_record;

/// Data from the beginning of a rollout. Stored between summaries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each field is an independent fact of the file")]
pub(crate) struct RolloutHead {
    /// Hash of the file's first bytes, to detect that the file was replaced.
    pub fingerprint: u64,
    #[serde(skip)]
    bytes_read: u64,
    /// Thread id.
    pub thread: String,
    pub record_source: RecordSource,
    /// True if later lines cannot change the record source.
    pub source_is_final: bool,
    /// Start time.
    pub started: Option<Time>,
    /// Working directory at the start.
    pub cwd: String,
    /// Branch at the start.
    pub branch: Option<String>,
    /// True for a sub-agent's thread.
    pub subagent: bool,
    /// True if no user started it.
    pub headless: bool,
    /// True for a thread of the desktop application or of an editor's extension.
    pub app: bool,
    /// Parent thread of a sub-agent.
    pub parent: Option<String>,
    /// Thread that this one was forked from.
    pub forked_from: Option<String>,
    /// Location of the history before this file.
    pub base: Option<HistoryBase>,
    /// History at the beginning of this file that was copied.
    pub copied: CopiedHistory,
}

/// Length of the fingerprinted prefix, in bytes.
const FINGERPRINT_LEN: usize = 256;
/// Bytes of the first probe; multiplied by four until the record source is found.
const PROBE: usize = 32 << 10;
/// Bytes of an answer by which its records are compared.
const COMPARED_TEXT: usize = 200;
/// Maximum bytes of a probe for events, because a conversation of that length without events has none.
const PROBE_MAX: usize = 8 << 20;

impl RolloutHead {
    /// Reads the head of a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = vec![0; PROBE];
        loop {
            let text = text::open(path, Some(bytes.len() as u64))?;
            let filled = read_fully(&text.file, &mut bytes)?;
            let is_whole_file = filled < bytes.len();
            let probe = &bytes[..filled];
            let lines = usual_lines(probe);
            let source = detect_source(&lines);
            if source.is_some() || is_whole_file || bytes.len() >= PROBE_MAX {
                let mut head = Self::from_probe(path, (probe, &lines), source, is_whole_file);
                // A history that is named is not copied.
                head.copied = match head.forked_from.as_deref().filter(|_| head.base.is_none()) {
                    Some(origin) => copied::find(path, origin),
                    None => CopiedHistory { is_final: true, ..CopiedHistory::default() },
                };
                return Ok(head);
            }
            let longer = bytes.len() * 4;
            bytes.resize(longer, 0);
        }
    }

    /// Returns the `known` head if it is current, else reads it; only the thread id if reading fails.
    pub(crate) fn current(path: &Path, known: Option<&Self>) -> Self {
        if let Some(known) = known.filter(|known| known.is_current(path)) {
            return known.clone();
        }
        // Reading the lines reports the error.
        Self::read(path).unwrap_or_else(|_| Self { thread: paths::thread_of(path).to_owned(), ..Self::default() })
    }

    /// True if the file still has the same fingerprint and its head is complete.
    fn is_current(&self, path: &Path) -> bool {
        let mut first = [0; FINGERPRINT_LEN];
        let text = text::open(path, Some(FINGERPRINT_LEN as u64));
        let filled = text.and_then(|text| read_fully(&text.file, &mut first));
        self.source_is_final
            && self.copied.is_final
            && filled.is_ok_and(|filled| hash(&first[..filled]) == self.fingerprint)
    }

    pub(crate) fn dialect(&self) -> Rollout {
        Rollout {
            thread: self.thread.clone(),
            record_source: self.record_source,
            until: None,
            subagent: self.subagent,
            copied: self.copied,
            parts: Arc::default(),
            origins: LineOrigins::default(),
            recorded_calls: None,
        }
    }

    fn from_probe(
        path: &Path,
        (probe, lines): (&[u8], &[Cow<'_, [u8]>]),
        source: Option<RecordSource>,
        is_whole_file: bool,
    ) -> Self {
        let meta = records(lines).find(|line| line.kind == LineKind::Meta);
        let meta = SessionMeta::of(&meta.and_then(|line| line.value()).unwrap_or_default());
        Self {
            fingerprint: hash(&probe[..probe.len().min(FINGERPRINT_LEN)]),
            bytes_read: probe.len() as u64,
            record_source: source.unwrap_or_default(),
            source_is_final: (source.is_some() || !is_whole_file) && probe.len() >= FINGERPRINT_LEN,
            subagent: meta.is_subagent(),
            headless: meta.is_headless(),
            app: meta.is_app(),
            parent: meta.parent().map(str::to_owned),
            started: meta.started,
            thread: meta.id.unwrap_or_else(|| paths::thread_of(path).to_owned()),
            cwd: meta.cwd.unwrap_or_default(),
            branch: meta.branch,
            forked_from: meta.forked_from_id,
            base: meta.history_base,
            copied: CopiedHistory::default(),
        }
    }
}

impl FileHead for RolloutHead {
    fn continues(&self, older: &Self) -> bool {
        self.fingerprint == older.fingerprint
            && self.record_source == older.record_source
            && (self.copied.end, self.copied.usage) == (older.copied.end, older.copied.usage)
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Detects the record source from the first lines.
///
/// A prompt has its event at once, before any answer; an answer without a preceding event means that the file has none.
fn detect_source(lines: &[Cow<'_, [u8]>]) -> Option<RecordSource> {
    let first = first_source(lines)?;
    // Without its first record, which names the mode, a file with items has events before them.
    let is_item = |line: &RolloutLine<'_>| matches!(line.kind, LineKind::Item(ItemKind::User | ItemKind::Agent));
    // The first event may be lost.
    let is_event = |line: &RolloutLine<'_>| matches!(line.kind, LineKind::UserMessage | LineKind::AgentMessage);
    let has = |is: &dyn Fn(&RolloutLine<'_>) -> bool| records(lines).any(|line| is(&line));
    let source = match first {
        RecordSource::Events | RecordSource::Responses if has(&is_item) => RecordSource::Items,
        RecordSource::Responses if has(&is_event) => RecordSource::Events,
        first => first,
    };
    Some(if begins_otherwise(lines, source) {
        // All versions write the model's conversation.
        if has(&is_response_answer) { RecordSource::Responses } else { RecordSource::Mixed }
    } else {
        source
    })
}

/// True if answers precede the first message of a source, which has none of them: an earlier version wrote the beginning.
fn begins_otherwise(lines: &[Cow<'_, [u8]>], source: RecordSource) -> bool {
    let (is_message, is_answer, is_other): (fn(LineKind) -> bool, fn(LineKind) -> bool, fn(&RolloutLine<'_>) -> bool) =
        match source {
            RecordSource::Events => (
                |kind| matches!(kind, LineKind::UserMessage | LineKind::AgentMessage),
                |kind| kind == LineKind::AgentMessage,
                is_response_answer,
            ),
            RecordSource::Items => (
                |kind| matches!(kind, LineKind::Item(ItemKind::User | ItemKind::Agent)),
                |kind| kind == LineKind::Item(ItemKind::Agent),
                |line| line.kind == LineKind::AgentMessage,
            ),
            RecordSource::Responses | RecordSource::Mixed => return false,
        };
    let text = |line: &RolloutLine<'_>| line.text().map(|text| text.head(COMPARED_TEXT).into_owned());
    let before =
        records(lines).take_while(|line| !is_message(line.kind)).filter(is_other).filter_map(|line| text(&line));
    let before: Vec<String> = before.collect();
    !before.is_empty() && {
        let own: Vec<String> =
            records(lines).filter(|line| is_answer(line.kind)).filter_map(|line| text(&line)).collect();
        before.iter().any(|text| !own.contains(text))
    }
}

/// True for an answer in the model's conversation.
fn is_response_answer(line: &RolloutLine<'_>) -> bool {
    line.kind == LineKind::Message && field(line.payload, &fields::ROLE) == Some(b"assistant") && line.has_text()
}

fn first_source(lines: &[Cow<'_, [u8]>]) -> Option<RecordSource> {
    records(lines).find_map(|line| match line.kind {
        LineKind::Meta if field(line.payload, &fields::HISTORY_MODE) == Some(b"paginated") => Some(RecordSource::Items),
        LineKind::Item(ItemKind::User | ItemKind::Agent | ItemKind::Reasoning | ItemKind::Tool) => {
            Some(RecordSource::Items)
        }
        LineKind::UserMessage | LineKind::AgentMessage | LineKind::AgentReasoning => Some(RecordSource::Events),
        LineKind::Message if field(line.payload, &fields::ROLE) == Some(b"assistant") => Some(RecordSource::Responses),
        _ => None,
    })
}

/// Lines in the usual form; a line with several records is split.
fn usual_lines(probe: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let of_line = |line| match RolloutLine::parse(line) {
        Some(record) if !shape::is_unusual(&record) => vec![Cow::Borrowed(line)],
        read => match (shape::usual_form(line), read) {
            (Some(usual), _) => vec![Cow::Owned(usual.bytes)],
            (None, Some(_)) => vec![Cow::Borrowed(line)],
            (None, None) => {
                let parts = repair::split(line).into_iter().map(|part| &line[part.start..part.end]);
                parts
                    .map(|part| shape::usual_form(part).map_or(Cow::Borrowed(part), |usual| usual.bytes.into()))
                    .collect()
            }
        },
    };
    json_record::lines(probe, repair::is_whole).flat_map(of_line).collect()
}

/// Records of lines in the usual form.
fn records<'a>(lines: &'a [Cow<'_, [u8]>]) -> impl Iterator<Item = RolloutLine<'a>> {
    lines.iter().filter_map(|line| RolloutLine::parse(line))
}

fn read_fully(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
