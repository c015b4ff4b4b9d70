//! Dialect of Codex rollouts: selects the lines that make entries, and extracts their summary data.
//!
//! Codex writes most things twice: as items of the model's conversation (`response_item`) and as events for its own
//! screen (`event_msg`, in two generations). Messages of one file are read from one of these only, see
//! [`RecordSource`]. Tool calls always come from the model's conversation, because a refused call has no event; events
//! only add to them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::decode;
use super::fields::{self, field};
use super::injected::{is_injected, is_shell_command};
use super::line::{ItemKind, LineKind, RolloutLine};
use super::recorded_calls::RecordedCalls;
use super::{items, shape, text};
use crate::agent::FileStamp;
use crate::agent::json::cursor::hash;
use crate::agent::jsonl::parts::{self, MergedText, Part};
use crate::agent::jsonl::repaired::ScannedLine;
use crate::agent::jsonl::{
    Dialect, EntryMark, JsonCursor, JsonStr, LineMetadata, MalformedJson, RecordLink, ResultMark, TextFile, UsageTotal,
};
use crate::agent::usual_form::UsualForm;
use crate::domain::{EntryKey, EntryKind, Event, EventBody, Time, Tokens};

/// Kind of record that messages and reasoning are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RecordSource {
    /// The model's conversation, in files without events.
    #[default]
    Responses,
    /// Events `user_message`, `agent_message`, `agent_reasoning`: 0.32 and later.
    Events,
    /// Events `item_completed`: rollouts whose `history_mode` is `paginated`.
    Items,
    /// Records of all kinds, in the merged text of rollouts of which each has one kind.
    Mixed,
}

/// One of several rollouts of a thread.
#[derive(Clone, Debug)]
pub(crate) struct RolloutPart {
    /// The rollout.
    pub path: PathBuf,
    /// Dialect of its lines.
    pub dialect: Rollout,
    /// Offset of the first line that no earlier part has.
    pub from: u64,
}

/// Dialect for the lines of one rollout.
#[derive(Clone, Debug)]
pub(crate) struct Rollout {
    /// Thread id; part of the key of entries that have no id of their own.
    pub thread: String,
    pub record_source: RecordSource,
    /// First ordinal to skip: that line and later ones were written after the fork.
    pub until: Option<u64>,
    /// True for a sub-agent's thread, in which messages of other agents are its prompts.
    pub subagent: bool,
    /// History that was copied from another thread: its usage is not counted, and a sub-agent does not show it.
    pub copied: CopiedHistory,
    /// Rollouts of the thread, if it has several.
    pub parts: Arc<[RolloutPart]>,
    /// Rollouts of the lines in the text that was opened last.
    pub origins: LineOrigins,
    /// Calls with records of their own in the rollout, if it is searched.
    pub recorded_calls: Option<RecordedCalls>,
}

/// Numbers of the rollouts that the lines of a merged text are from, because each rollout counts its usage.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineOrigins(Arc<Mutex<Vec<(u64, u32)>>>);

impl LineOrigins {
    fn set(&self, runs: Vec<(u64, u32)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = runs;
    }

    /// Number of the rollout that the line at an offset is from.
    fn at(&self, offset: u64) -> u32 {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = runs.partition_point(|(from, _)| *from <= offset);
        after.checked_sub(1).map_or(0, |at| runs[at].1)
    }
}

/// Copied part at the beginning of a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopiedHistory {
    /// Offset after its last line; 0 if nothing was copied.
    pub end: u64,
    /// Usage of the other thread at that point.
    pub usage: Tokens,
    /// True if later lines cannot change it.
    pub is_final: bool,
}

impl CopiedHistory {
    /// Usage of the thread itself, if this is its total.
    pub(crate) fn own_usage(&self, offset: u64, total: Tokens) -> Tokens {
        if offset < self.end {
            return Tokens::default();
        }
        let Tokens { input, output, cache_read, cache_write } = self.usage;
        let is_continued = total.total() >= self.usage.total();
        // A filtered history begins with an own count.
        if !is_continued {
            return total;
        }
        Tokens {
            input: total.input.saturating_sub(input),
            output: total.output.saturating_sub(output),
            cache_read: total.cache_read.saturating_sub(cache_read),
            cache_write: total.cache_write.saturating_sub(cache_write),
        }
    }
}

impl Dialect for Rollout {
    fn scan_line<'a>(&self, bytes: &'a [u8], offset: u64) -> Result<LineMetadata<'a>, MalformedJson> {
        let line = RolloutLine::parse(bytes).ok_or(MalformedJson)?;
        let mut metadata = LineMetadata { is_unusual: shape::is_unusual(&line), ..LineMetadata::default() };
        if self.until.is_some_and(|until| RolloutLine::ordinal(bytes).is_some_and(|ordinal| ordinal >= until)) {
            return Ok(metadata);
        }
        if self.subagent && offset < self.copied.end {
            return Ok(metadata);
        }
        match line.kind {
            LineKind::TurnContext => metadata.model = field(line.payload, &fields::MODEL).map(JsonStr),
            LineKind::TokenCount => {
                if let Some(total) = total_usage(line.payload) {
                    let (total, count) = (self.copied.own_usage(offset, total), self.origins.at(offset));
                    let reply = usage(line.payload, &fields::LAST_USAGE);
                    metadata.rare().total = Some(UsageTotal { total, reply, count, is_complete: true });
                }
            }
            LineKind::UsageRecord if offset < self.copied.end => {}
            LineKind::UsageRecord => {
                // Versions without these records may have counted before; events have the whole total.
                if let Some(total) = usage(line.payload, &fields::THREAD_USAGE) {
                    let (reply, count) = (usage(line.payload, &fields::REPLY_USAGE), self.origins.at(offset));
                    metadata.rare().total = Some(UsageTotal { total, reply, count, is_complete: false });
                }
            }
            // With items, a search is one.
            LineKind::CallEnd if self.record_source == RecordSource::Items && is_web_search(&line) => {}
            LineKind::CallOutput | LineKind::CallEnd => record_result(&mut metadata, &line),
            LineKind::Item(ItemKind::Tool) if !has_no_call(&line) => record_result(&mut metadata, &line),
            LineKind::ThreadName => metadata.rare().user_title = line.text(),
            _ => self.entry(&mut metadata, &line, offset),
        }
        // Lines that only set something up are no activity.
        if metadata.link == RecordLink::Linear {
            metadata.time = Time::parse(line.time);
        }
        Ok(metadata)
    }

    fn usual_form(&self, line: &[u8]) -> Option<UsualForm> {
        let is_usual = RolloutLine::parse(line).is_some_and(|line| !shape::is_unusual(&line));
        if is_usual { None } else { shape::usual_form(line) }
    }

    fn open_text(&self, path: &Path, first: Option<u64>) -> io::Result<TextFile> {
        if self.parts.len() < 2 {
            return text::open(path, first);
        }
        let is_mixed = self.record_source == RecordSource::Mixed;
        let read = self.parts.iter().map(|part| (&*part.path, part.read(is_mixed)));
        let MergedText { text, runs } = parts::merge_readable(read)?;
        self.origins.set(runs);
        Ok(text)
    }

    fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        let files: Vec<PathBuf> = self.parts.iter().map(|part| part.path.clone()).collect();
        if files.len() > 1 { parts::stamp(&files) } else { Ok(FileStamp::of(&std::fs::metadata(path)?)) }
    }

    fn decode(&self, bytes: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
        let (Some(line), Some(mark)) = (RolloutLine::parse(bytes), marks.first()) else { return };
        let time = Time::parse(line.time);
        for body in decode::bodies(&line, self.subagent) {
            sink(Event { key: mark.key, time, body });
        }
    }

    /// Calls of the model have ids of its provider; those that Codex makes itself, in a script, are items only.
    fn has_own_record(&self, call: &str) -> bool {
        ["call_", "toolu_", "fc_", "tool_"].iter().any(|start| call.starts_with(start))
    }

    fn has_unrecorded_call(&self, line: &[u8]) -> bool {
        let line = RolloutLine::parse(line).filter(|line| matches!(line.kind, LineKind::Item(ItemKind::Tool)));
        let id = line.and_then(|line| text_or_none(line.call_id()));
        id.is_some_and(|id| !self.has_own_record(id))
    }

    fn restates_call(&self, line: &[u8]) -> bool {
        let end = RolloutLine::parse(line).filter(|line| line.kind == LineKind::CallEnd);
        let call = end.map(|line| line.call_id().map_or(0, |id| JsonStr(id).hash()));
        call.is_some_and(|call| !self.recorded_calls.as_ref().is_some_and(|calls| calls.contains(self, call)))
    }

    fn decode_results(&self, bytes: &[u8], sink: &mut dyn FnMut(Event)) {
        let Some(line) = RolloutLine::parse(bytes) else { return };
        let time = Time::parse(line.time);
        for body in decode::bodies(&line, self.subagent) {
            if matches!(body, EventBody::ToolUpdate { .. } | EventBody::ToolCall { .. }) {
                sink(Event { key: EntryKey::new("", 0), time, body });
            }
        }
    }
}

impl RolloutPart {
    /// Reads the lines that no earlier part has; in a mixed text, without messages of another kind than its own.
    fn read(&self, is_mixed: bool) -> io::Result<Part> {
        let (text, file) = (text::open(&self.path, None)?, text::open(&self.path, None)?.file);
        Part::read_some(&self.dialect, text, |line| {
            line.offset >= self.from && (!is_mixed || !self.repeats(&file, line))
        })
    }

    /// True for a line with a message of another kind than the messages of this rollout are read from.
    fn repeats(&self, file: &File, line: &ScannedLine<'_>) -> bool {
        let mut bytes = vec![0; usize::try_from(line.len).unwrap_or_default()];
        let is_read = file.read_exact_at(&mut bytes, line.offset).is_ok();
        let parsed = RolloutLine::parse(&bytes).filter(|_| is_read);
        parsed.is_some_and(|line| is_message(line.kind) && self.dialect.kind(&line).is_none())
    }
}

impl Rollout {
    /// Adds the mark of a line that makes an entry.
    fn entry<'a>(&self, metadata: &mut LineMetadata<'a>, line: &RolloutLine<'a>, offset: u64) {
        let Some(kind) = self.kind(line) else {
            metadata.lacks_content = lacks_content(line);
            return;
        };
        let tool = if matches!(line.kind, LineKind::Call | LineKind::Item(ItemKind::Tool)) {
            call_hash(line).unwrap_or(0)
        } else {
            0
        };
        let error = matches!(line.kind, LineKind::Error | LineKind::Complete);
        metadata.link = RecordLink::Linear;
        metadata.marks.push(EntryMark { key: self.key(line, offset), kind, block: 0, tool, error });
        if kind == EntryKind::Prompt {
            metadata.turns = 1;
        }
        if line.kind == LineKind::RolledBack {
            let turns = fields::number(line.payload, &fields::UNDONE_TURNS).and_then(|turns| u32::try_from(turns).ok());
            metadata.rare().undone_turns = Some(turns.unwrap_or(1));
        }
        if kind == EntryKind::Prompt || line.kind == LineKind::Goal {
            // A prompt of images only has no text, and leaves the title to what follows.
            metadata.prompt = line.text().map(without_context).filter(|text| !text.is_blank());
            if line.kind == LineKind::Message
                && let Some(prompt) = prompt_after_context(line)
            {
                metadata.rare().prompt = Some(prompt);
            }
        }
    }

    /// Kind of the entry that a line makes, if any; messages only count in the selected record source.
    fn kind(&self, line: &RolloutLine<'_>) -> Option<EntryKind> {
        let is_mixed = self.record_source == RecordSource::Mixed;
        let from = |record_source, kind| (self.record_source == record_source || is_mixed).then_some(kind);
        match line.kind {
            LineKind::UserMessage => from(RecordSource::Events, EntryKind::Prompt),
            LineKind::AgentMessage => from(RecordSource::Events, EntryKind::Text).filter(|_| line.has_text()),
            LineKind::AgentReasoning => from(RecordSource::Events, EntryKind::Thinking).filter(|_| line.has_text()),
            LineKind::Item(ItemKind::User) => from(RecordSource::Items, EntryKind::Prompt),
            LineKind::Item(ItemKind::Agent) => from(RecordSource::Items, EntryKind::Text).filter(|_| line.has_text()),
            LineKind::Item(ItemKind::Reasoning) => {
                from(RecordSource::Items, EntryKind::Thinking).filter(|_| line.has_text())
            }
            LineKind::Reasoning => from(RecordSource::Responses, EntryKind::Thinking).filter(|_| line.has_text()),
            LineKind::Message if self.record_source == RecordSource::Responses || is_mixed => message_kind(line),
            LineKind::Message => shell_command(line).filter(|_| self.record_source == RecordSource::Events),
            // A call that the model's host executed has an item too, which is the more complete record.
            LineKind::Call if self.record_source == RecordSource::Items && is_hosted(line) => None,
            LineKind::Call if field(line.payload, &fields::NAME) == Some(b"update_plan") => Some(EntryKind::Plan),
            LineKind::Call | LineKind::Item(ItemKind::Tool) => Some(EntryKind::Tool),
            LineKind::InterAgent if self.subagent => Some(EntryKind::Prompt).filter(|_| line.has_text()),
            LineKind::InterAgent => Some(EntryKind::Notice).filter(|_| line.has_text()),
            LineKind::VoiceSegment if field(line.payload, &fields::ROLE) == Some(b"user") => Some(EntryKind::Prompt),
            LineKind::VoiceSegment => Some(EntryKind::Text).filter(|_| line.has_text()),
            LineKind::Goal | LineKind::Warning | LineKind::Review | LineKind::Rerouted => Some(EntryKind::Notice),
            LineKind::Item(ItemKind::Review) => from(RecordSource::Items, EntryKind::Notice),
            // With items, the findings are in a message as well.
            LineKind::ReviewEnded if self.record_source != RecordSource::Items => {
                Some(EntryKind::Text).filter(|_| fields::after(line.payload, &fields::FINDINGS).is_some())
            }
            LineKind::ReviewEnded | LineKind::ThreadName => None,
            LineKind::Unknown => Some(EntryKind::Other),
            LineKind::Item(ItemKind::Plan) => Some(EntryKind::Text).filter(|_| line.has_text()),
            LineKind::Item(ItemKind::Unknown) => Some(EntryKind::Other),
            LineKind::Compacted | LineKind::Aborted | LineKind::Error | LineKind::RolledBack => Some(EntryKind::Notice),
            LineKind::Complete => memmem::find(line.payload, b"\"error\":{\"message\"").map(|_| EntryKind::Notice),
            LineKind::Meta
            | LineKind::TurnContext
            | LineKind::UsageRecord
            | LineKind::TokenCount
            | LineKind::Started
            | LineKind::CallOutput
            | LineKind::CallEnd
            | LineKind::Item(ItemKind::Ignored)
            | LineKind::Ignored => None,
        }
    }

    /// Key of a line's entry, equal to the key that the entry had while it was streamed.
    ///
    /// That is the item's own id, the call's id in its turn, or the turn's id for its end. Other lines are identified
    /// by their offset.
    fn key(&self, line: &RolloutLine<'_>, offset: u64) -> EntryKey {
        // Two lines collide only in files beyond 4 GiB, where the offset wraps.
        #[expect(clippy::cast_possible_truncation, reason = "the place only tells lines of one file apart")]
        let by_offset = || EntryKey::new(&self.thread, offset as u32);
        let streamed_key = match line.kind {
            LineKind::Call | LineKind::Item(ItemKind::Tool) => {
                text_or_none(line.call_id()).and_then(|call| call_key(self.turn(line)?, call))
            }
            LineKind::Item(_) => {
                let own_id = text_or_none(line.item_field(&fields::CLIENT_ID)).filter(|id| id.starts_with(OUR_PROMPTS));
                own_id.or_else(|| text_or_none(line.call_id())).map(|id| EntryKey::new(id, 0))
            }
            LineKind::Aborted | LineKind::Complete => self.turn(line).map(turn_key),
            _ => None,
        };
        streamed_key.unwrap_or_else(by_offset)
    }

    /// Turn id of a line, for rollouts of the generation that streams items.
    fn turn<'a>(&self, line: &RolloutLine<'a>) -> Option<&'a str> {
        let has_turns = matches!(self.record_source, RecordSource::Items | RecordSource::Mixed);
        has_turns.then(|| text_or_none(field(line.payload, &fields::TURN_ID)))?
    }
}

/// True for a kind of record that others repeat, of which one is read, see [`RecordSource`].
fn is_message(kind: LineKind) -> bool {
    matches!(
        kind,
        LineKind::UserMessage
            | LineKind::AgentMessage
            | LineKind::AgentReasoning
            | LineKind::Reasoning
            | LineKind::Message
            | LineKind::Call
            | LineKind::ReviewEnded
            | LineKind::Item(ItemKind::User | ItemKind::Agent | ItemKind::Reasoning | ItemKind::Review)
    )
}

/// True for a record of the conversation that has lost its text or its item.
fn lacks_content(line: &RolloutLine<'_>) -> bool {
    match line.kind {
        LineKind::Item(ItemKind::Ignored) => fields::after(line.payload, &fields::ITEM).is_none(),
        LineKind::AgentMessage | LineKind::InterAgent | LineKind::VoiceSegment => line.text().is_none(),
        _ => false,
    }
}

/// Prefix of the ids that salon gives to its prompts; Codex stores them with the prompt.
pub(super) const OUR_PROMPTS: &str = "salon-";

/// Key of a tool call. Short ids (`call_0`) give none: some models restart their numbering, so ids would collide.
pub(super) fn call_key(turn: &str, call: &str) -> Option<EntryKey> {
    let unique = call.len() >= 16 && !call.contains(':');
    unique.then(|| EntryKey::new(&format!("{turn}/{call}"), 0))
}

/// Key of the notice about a turn's end.
pub(super) fn turn_key(turn: &str) -> EntryKey {
    EntryKey::new(turn, 0)
}

fn text_or_none(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok().filter(|text| !text.is_empty())
}

/// Adds the result mark of a line that ends a call.
fn record_result<'a>(metadata: &mut LineMetadata<'a>, line: &RolloutLine<'a>) {
    if let Some(tool) = call_hash(line) {
        metadata.link = RecordLink::Linear;
        metadata.results.push(ResultMark { tool, error: line.is_failure() });
    }
}

/// Hash of the id of a line's call.
fn call_hash(line: &RolloutLine<'_>) -> Option<u64> {
    let web_search = || items::web_search_id(&line.value()?).map(|id| hash(id.as_bytes()));
    if is_web_search(line) { web_search() } else { line.call_id().map(|id| JsonStr(id).hash()) }
}

/// True for the call of a web search, or its end.
fn is_web_search(line: &RolloutLine<'_>) -> bool {
    let starts = [&b"{\"type\":\"web_search_call\""[..], b"{\"type\":\"web_search_end\""];
    starts.iter().any(|start| line.payload.starts_with(start))
}

/// True if a tool item has no call in the model's conversation.
fn has_no_call(line: &RolloutLine<'_>) -> bool {
    matches!(
        line.item_field(&fields::TYPE),
        Some(b"WebSearch" | b"ImageGeneration" | b"Extension" | b"Sleep" | b"SubAgentActivity" | b"FunctionCallOutput")
    ) || line.item_field(&fields::SOURCE) == Some(b"user_shell")
}

fn is_hosted(line: &RolloutLine<'_>) -> bool {
    [&b"{\"type\":\"web_search_call\""[..], b"{\"type\":\"image_generation_call\""]
        .iter()
        .any(|start| line.payload.starts_with(start))
}

/// Entry kind of a message in the model's conversation; `None` for context that Codex injected.
fn message_kind(line: &RolloutLine<'_>) -> Option<EntryKind> {
    match field(line.payload, &fields::ROLE)? {
        b"user" if shell_command(line).is_some() => shell_command(line),
        b"user" if !line.text().is_some_and(is_injected) => Some(EntryKind::Prompt),
        b"user" => prompt_after_context(line).map(|_| EntryKind::Prompt),
        b"assistant" if line.has_text() => Some(EntryKind::Text),
        _ => None,
    }
}

/// Kind of the entry for a command that the user ran.
fn shell_command(line: &RolloutLine<'_>) -> Option<EntryKind> {
    line.text().is_some_and(is_shell_command).then_some(EntryKind::Notice)
}

/// Text of the prompt in a message of several parts, of which the first one is context that Codex added.
fn prompt_after_context(line: &RolloutLine<'_>) -> Option<String> {
    line.text().filter(|text| is_injected(*text))?;
    let EventBody::Prompt(prompt) = decode::bodies(line, false).pop()? else { return None };
    Some(prompt).filter(|prompt| !prompt.trim().is_empty())
}

/// Strips the editor context that precedes the prompt.
fn without_context(text: JsonStr<'_>) -> JsonStr<'_> {
    const REQUEST: &[u8] = b"## My request for Codex:\\n";
    if !text.0.starts_with(b"# Context from my IDE setup:") && !text.0.starts_with(b"\\n# Context from my IDE") {
        return text;
    }
    memmem::find(text.0, REQUEST).map_or(text, |at| JsonStr(&text.0[at + REQUEST.len()..]))
}

/// Usage of the whole thread so far in an event, including that of a history that was copied.
pub(super) fn total_usage(payload: &[u8]) -> Option<Tokens> {
    usage(payload, &fields::TOTAL_USAGE)
}

/// Reads the usage in the field of this name.
fn usage(payload: &[u8], name: &fields::FieldFinder) -> Option<Tokens> {
    // One byte back, so that the object is read from its brace.
    let at = payload.len() - fields::after(payload, name)?.len() - 1;
    let (mut all, mut output, mut cache_read, mut cache_write) = (0, 0, 0, 0);
    let read = JsonCursor::new(&payload[at..]).object(|name, value| {
        let count = match name {
            b"input_tokens" => &mut all,
            b"output_tokens" => &mut output,
            b"cached_input_tokens" => &mut cache_read,
            b"cache_write_input_tokens" => &mut cache_write,
            _ => return Ok(()),
        };
        *count = value.number()?.unwrap_or(0);
        Ok(())
    });
    read.ok()?;
    let input = all.saturating_sub(cache_read).saturating_sub(cache_write);
    Some(Tokens { input, output, cache_read, cache_write })
}
