//! The fields of a transcript's record that summaries, indexes and searches need, without its texts.

mod metadata;

use super::block::{Block, Content, plain_string};
use super::{shape, usage};
use crate::agent::json::cursor::sample_hash;
use crate::agent::jsonl::{JsonCursor, JsonStr, MalformedJson, RecordParent};
use crate::domain::{Time, Tokens};

/// The relevant fields of a line.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a record, as the agent writes them")]
pub(super) struct TranscriptRecord<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    pub uuid: Option<JsonStr<'a>>,
    pub parent: Option<RecordParent>,
    logical_parent: Option<JsonStr<'a>>,
    pub sidechain: bool,
    meta: bool,
    compact_summary: bool,
    api_error: bool,
    message: Message<'a>,
    /// Content outside `message`: in system records, and in all records of early versions.
    content: Content<'a>,
    request: Option<JsonStr<'a>>,
    /// Index of the block in its message, from version 2.1 on.
    block: Option<u32>,
    time: Option<Time>,
    cwd: Option<JsonStr<'a>>,
    branch: Option<JsonStr<'a>>,
    entrypoint: Option<JsonStr<'a>>,
    source: Option<JsonStr<'a>>,
    session: Option<JsonStr<'a>>,
    forked_from: Option<JsonStr<'a>>,
    leaf: Option<JsonStr<'a>>,
    title: Option<JsonStr<'a>>,
    /// Type of the records that have such a title.
    titled: &'static [u8],
    cost_usd: Option<f64>,
    queued: Content<'a>,
    /// True if a field has another type than usual.
    is_unusual: bool,
    /// Hash that tells apart the contents outside `message` of records with one id.
    own_sample: u64,
    /// True if it has fields that are not known here.
    has_more: bool,
    /// Type of an attachment.
    attached: &'a [u8],
    /// Kind of the origin: a person, a channel, a notification.
    origin: &'a [u8],
    operation: &'a [u8],
    /// Reason why a prompt left the queue.
    reason: &'a [u8],
    relocated: Option<JsonStr<'a>>,
    /// Team that the session leads or belongs to.
    team: Option<JsonStr<'a>>,
    /// True for a summary of hooks that failed, or that stopped the turn.
    hook_failed: bool,
    /// True for an attachment with a text that a hook printed, or a task reports.
    hook_printed: bool,
    /// True for the result of a call that the user, a rule or the auto mode refused.
    denied: bool,
}

/// Start of an error of the API, which early versions do not mark as one.
pub(super) const API_ERROR: &str = "API Error";

#[derive(Debug, Default)]
struct Message<'a> {
    /// True if it has a content, which may be empty.
    has_content: bool,
    /// Hash that tells apart the contents of records with one id.
    sample: u64,
    id: Option<JsonStr<'a>>,
    role: &'a [u8],
    model: Option<JsonStr<'a>>,
    content: Content<'a>,
    tokens: Option<Tokens>,
}

impl<'a> TranscriptRecord<'a> {
    /// Parses a line.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, MalformedJson> {
        let mut record = Self::default();
        let mut cursor = JsonCursor::new(line);
        if cursor.peek()? != b'{' {
            return Err(MalformedJson);
        }
        cursor.object(|key, value| record.field(key, value))?;
        if record.kind.is_empty() {
            record.kind = record.kind_by_fields();
        }
        if cursor.at_end() { Ok(record) } else { Err(MalformedJson) }
    }

    /// Type of a record that has lost it: the role of its message, or that of its title.
    fn kind_by_fields(&self) -> &'a [u8] {
        let is_title = self.message.role.is_empty() && !self.message.has_content && self.uuid.is_none();
        if is_title { self.titled } else { self.message.role }
    }

    /// The record's first text.
    pub(super) fn prompt(&self) -> Option<JsonStr<'a>> {
        self.message.content.0.iter().find_map(|block| block.text)
    }

    fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        self.is_unusual |= shape::is_unusual(key, value.peek()?);
        match key {
            b"type" => self.kind = plain_string(value)?,
            b"subtype" => self.subtype = plain_string(value)?,
            b"uuid" => self.uuid = value.id()?,
            b"parentUuid" => {
                let parent = value.id()?.filter(|id| !id.0.is_empty());
                self.parent = Some(parent.map_or(RecordParent::Root, |id| RecordParent::Id(id.hash())));
            }
            b"logicalParentUuid" => self.logical_parent = value.id()?,
            b"isSidechain" => self.sidechain = value.truth()?,
            b"isMeta" => self.meta = value.truth()?,
            b"isCompactSummary" => self.compact_summary = value.truth()?,
            b"isApiErrorMessage" => self.api_error = value.truth()?,
            b"message" => self.message.read(value)?,
            b"content" => {
                let from = value.position();
                self.content = Content::read(value)?;
                self.own_sample = sample_hash(value.since(from));
            }
            b"role" => self.message.role = plain_string(value)?,
            b"requestId" => self.request = value.text()?,
            b"apiBlockIndex" => self.block = value.number()?.and_then(|at| u32::try_from(at).ok()),
            b"timestamp" | b"ts" => self.time = value.time()?,
            b"cwd" => self.cwd = value.text()?,
            b"gitBranch" => self.branch = value.text()?,
            b"entrypoint" => self.entrypoint = value.text()?,
            b"promptSource" => self.source = value.text()?,
            b"sessionId" => self.session = value.text()?,
            b"forkedFrom" => self.forked_from = value.string_field(b"sessionId")?,
            b"leafUuid" => self.leaf = value.text()?,
            b"customTitle" | b"aiTitle" | b"summary" => {
                self.title = value.text()?;
                self.titled = match key {
                    b"customTitle" => b"custom-title",
                    b"aiTitle" => b"ai-title",
                    _ => b"summary",
                };
            }
            b"totalCostUSD" => {
                self.cost_usd = std::str::from_utf8(value.raw()?).ok().and_then(|cost| cost.parse().ok());
            }
            b"attachment" => {
                let from = value.position();
                self.attachment(value)?;
                self.own_sample = sample_hash(value.since(from));
            }
            b"origin" => self.origin = value.string_field(b"kind")?.map_or(&b""[..], |kind| kind.0),
            b"operation" => self.operation = plain_string(value)?,
            b"reason" => self.reason = plain_string(value)?,
            b"hookErrors" => self.hook_failed |= value.raw()?.len() > b"[ ]".len(),
            b"preventedContinuation" => self.hook_failed |= value.truth()?,
            b"toolDenialKind" => self.denied = !plain_string(value)?.is_empty(),
            b"teamName" => self.team = value.text()?,
            b"relocatedCwd" => self.relocated = value.text()?,
            b"userType" | b"version" | b"slug" => {}
            _ => self.has_more = true,
        }
        Ok(())
    }

    /// Reads an attachment: a prompt that was typed while the agent worked is attached to another record.
    fn attachment(&mut self, value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        let (mut kind, mut prompt) = (&b""[..], Content::default());
        value.object(|key, value| {
            match key {
                b"type" => kind = plain_string(value)?,
                // What a hook prints for the program is JSON.
                b"stdout" | b"content" | b"deltaSummary" | b"description" => {
                    self.hook_printed |= Content::read(value)?.0.iter().any(is_printed);
                }
                b"prompt" => prompt = Content::read(value)?,
                _ => {}
            }
            Ok(())
        })?;
        if kind == b"queued_command" {
            self.queued = prompt;
        }
        self.attached = kind;
        Ok(())
    }
}

impl<'a> Message<'a> {
    fn read(&mut self, value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        if matches!(value.peek()?, b'"' | b'[') {
            self.content = Content::read(value)?;
            self.has_content = self.content.0.iter().any(|block| block.text.is_some() || !block.kind.is_empty());
            return Ok(());
        }
        value.object(|key, value| {
            match key {
                b"id" => self.id = value.text()?,
                b"role" => self.role = plain_string(value)?,
                b"model" => self.model = value.text()?,
                b"content" => {
                    self.has_content |= matches!(value.peek()?, b'[' | b'{' | b'"');
                    let from = value.position();
                    self.content = Content::read(value)?;
                    self.sample = sample_hash(value.since(from));
                }
                b"usage" => self.tokens = Some(usage::tokens(value)?),
                _ => {}
            }
            Ok(())
        })
    }
}

/// True for a text that a hook printed for people or the model, and not for the program.
fn is_printed(block: &Block<'_>) -> bool {
    block.text.is_some_and(|text| !text.is_blank() && !text.0.trim_ascii_start().starts_with(b"{"))
}
