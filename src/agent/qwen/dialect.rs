//! Metadata of the lines of Qwen Code's transcripts, version 0.24.4: Claude's record tree with Gemini's message parts.
//!
//! A record `system` of the subtype `rewind` has the last record that is kept as its parent; the conversation goes on from
//! it. A user's record of the subtype `mid_turn_user_message` was typed while the agent worked.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fields::{Payload, QwenPart, after_context, is_context, plain_string, tokens};
use super::outputs::QwenOutputs;
use super::{decode, shape};
use crate::agent::FileStamp;
use crate::agent::json::cursor::{hash, sample_hash};
use crate::agent::jsonl::{
    Dialect, EntryMark, JsonCursor, JsonStr, LineMetadata, MalformedJson, RecordLink, RecordParent, ReplyUsage,
    ResultMark, TextFile, parts,
};
use crate::agent::usual_form::UsualForm;
use crate::domain::{Entry, EntryKey, EntryKind, Event, Time, Tokens};

/// The dialect of one file.
#[derive(Debug, Default)]
pub(crate) struct QwenDialect {
    /// True for a sub-agent's file.
    pub subagent: bool,
    /// True for a session that may be in several files, see [`super::parts`].
    pub parts: bool,
    /// Sub-agents' sessions by the tool call that started them.
    pub links: HashMap<String, Arc<str>>,
    /// Long outputs of the session.
    pub(super) outputs: Option<QwenOutputs>,
}

impl Dialect for QwenDialect {
    fn scan_line<'a>(&self, line: &'a [u8], offset: u64) -> Result<LineMetadata<'a>, MalformedJson> {
        let mut record = Record::default();
        let mut cursor = JsonCursor::new(line);
        if cursor.peek()? != b'{' {
            return Err(MalformedJson);
        }
        cursor.object(|key, value| record.field(key, value))?;
        if cursor.at_end() { Ok(record.scan_line(self.subagent, offset)) } else { Err(MalformedJson) }
    }

    fn usual_form(&self, record: &[u8]) -> Option<UsualForm> {
        shape::usual_form(record)
    }

    fn open_text(&self, path: &Path, _first: Option<u64>) -> io::Result<TextFile> {
        if self.parts { parts::open(self, &super::parts::files_of(path)) } else { TextFile::open(path) }
    }

    fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        if self.parts {
            return parts::stamp(&super::parts::files_of(path));
        }
        Ok(FileStamp::of(&std::fs::metadata(path)?))
    }

    fn decode(&self, line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
        decode::entries(line, marks, sink);
    }

    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event)) {
        decode::results(line, sink);
    }

    fn has_whole_conversation(&self) -> bool {
        !self.subagent
    }

    fn finish(&self, entry: &mut Entry) {
        let Some(tool) = entry.tool.as_deref_mut() else { return };
        tool.subagent = tool.subagent.take().or_else(|| self.links.get(&*tool.id).cloned());
    }

    fn side_text(&self, entry: &Entry) -> Option<PathBuf> {
        self.outputs.as_ref()?.file(entry)
    }
}

/// Subtypes of system records that contain nothing to read.
const SILENT_SUBTYPES: [&[u8]; 27] = [
    b"",
    b"ui_telemetry",
    b"slash_command",
    b"at_command",
    b"custom_title",
    b"attribution_snapshot",
    b"file_history_snapshot",
    b"branch_checkpoint",
    b"session_model",
    b"session_mode",
    b"file_history",
    b"checkpoint",
    // A rewind only shows in the parents of the records after it.
    b"rewind",
    b"user_text_elements",
    b"parent_session",
    b"session_source",
    b"session_sources_snapshot",
    b"session_artifact_snapshot",
    b"goal_turn_end",
    b"attachment_references",
    b"session_approval_mode",
    b"session_execution_engine",
    b"agent_session_ready",
    b"agent_retry",
    b"agent_bootstrap",
    b"managed_session_header_v1",
    b"managed_session_commit_v1",
];

/// Origins of prompts that a person wrote.
const PERSONAL_ORIGINS: [&[u8]; 5] = [b"real_user", b"user", b"human", b"channel", b"im_user"];

/// Origins of prompts that the program writes for the model.
const SILENT_ORIGINS: [&[u8]; 4] = [b"system", b"builtin", b"assistant_output", b"tool_result"];

/// Subtypes of system records that are shown as a notice.
const NOTICES: [&[u8]; 6] = [
    b"goal_state",
    b"background_task_completed",
    b"turn_result",
    b"omni_recall",
    b"session_recording_degraded",
    b"session_notes",
];

/// The relevant fields of a line.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one record")]
struct Record<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    provenance: &'a [u8],
    role: &'a [u8],
    uuid: Option<JsonStr<'a>>,
    parent: Option<RecordParent>,
    session: Option<JsonStr<'a>>,
    time: Option<Time>,
    cwd: Option<JsonStr<'a>>,
    branch: Option<JsonStr<'a>>,
    model: Option<JsonStr<'a>>,
    forked_from: Option<JsonStr<'a>>,
    parts: Vec<QwenPart<'a>>,
    /// True if it has parts, of which there may be none.
    has_parts: bool,
    /// True if its parts are in something else than a list.
    has_other_list: bool,
    /// Hash of the message, because fragments of one message have one id.
    content: u64,
    tokens: Option<Tokens>,
    /// `systemPayload` of records outside the conversation.
    payload: Payload<'a>,
    failed: bool,
    /// Hash of the payload, for records without a message.
    own_content: u64,
    /// True if a field has another type than usual.
    is_unusual: bool,
    /// Call that the structured result is of, for a response without an id.
    call: Option<JsonStr<'a>>,
}

impl<'a> Record<'a> {
    fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        self.is_unusual |= shape::is_unusual(key, value.peek()?);
        match key {
            b"type" => self.kind = plain_string(value)?,
            b"subtype" => self.subtype = plain_string(value)?,
            b"provenance" => self.provenance = plain_string(value)?,
            b"uuid" => self.uuid = value.id()?,
            b"parentUuid" => {
                let parent = value.id()?.filter(|id| !id.0.is_empty());
                self.parent = Some(parent.map_or(RecordParent::Root, |id| RecordParent::Id(id.hash())));
            }
            b"sessionId" => self.session = value.text()?,
            b"timestamp" => self.time = value.time()?,
            b"cwd" => self.cwd = value.text()?,
            b"gitBranch" => self.branch = value.text()?,
            b"model" => self.model = value.text()?,
            b"forkedFrom" => {
                let from = &mut self.forked_from;
                value.object(|key, value| {
                    if key == b"sessionId" {
                        *from = value.text()?;
                    }
                    Ok(())
                })?;
            }
            b"message" => self.message(value)?,
            b"usageMetadata" => self.tokens = Some(tokens(value)?),
            b"toolCallResult" => {
                let (failed, call) = (&mut self.failed, &mut self.call);
                value.object(|key, value| {
                    match key {
                        b"status" => *failed = plain_string(value)? == b"error",
                        b"callId" => *call = value.text()?,
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            b"systemPayload" => {
                let from = value.position();
                self.payload.read(value)?;
                self.own_content = sample_hash(value.since(from));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the message: an object with parts, or a text.
    fn message(&mut self, value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        let from = value.clone();
        // Of several fields with parts, one is read.
        let mut fields: [Option<JsonCursor<'a>>; 3] = [None, None, None];
        let role = &mut self.role;
        if value.peek()? == b'{' {
            value.object(|key, value| {
                let field = match key {
                    b"parts" => 0,
                    b"content" => 1,
                    b"text" => 2,
                    b"role" => {
                        *role = plain_string(value)?;
                        return Ok(());
                    }
                    _ => return Ok(()),
                };
                if value.peek()? != b'n' {
                    fields[field] = Some(value.clone());
                }
                Ok(())
            })?;
        } else {
            fields[0] = Some(value.clone());
            value.skip()?;
        }
        if let Some(mut found) = fields.into_iter().flatten().next() {
            self.has_parts = matches!(found.peek()?, b'[' | b'{' | b'"');
            self.has_other_list = found.peek()? == b'{';
            QwenPart::list(&mut found, &mut self.parts)?;
        }
        self.content = hash(from.clone().raw()?);
        Ok(())
    }

    fn scan_line(mut self, subagent: bool, offset: u64) -> LineMetadata<'a> {
        // A record that has lost its type is what its message is.
        self.kind = match (self.kind, self.role) {
            (b"", b"model") => b"assistant",
            (b"", role) => role,
            (kind, _) => kind,
        };
        let mut metadata = LineMetadata {
            id: self.uuid,
            time: self.time,
            cwd: self.cwd,
            model: self.model,
            ..LineMetadata::default()
        };
        metadata.branch = self.branch.filter(|branch| branch.0 != b"HEAD");
        if self.content == 0 {
            self.content = self.own_content;
        }
        metadata.content = self.content;
        let has_unusual_part = self.parts.iter().any(|part| part.is_unusual);
        metadata.is_unusual = self.is_unusual || self.has_other_list || has_unusual_part || self.payload.is_unusual;
        metadata.begins_branch = self.subtype == b"rewind";
        let is_message = matches!(self.kind, b"user" | b"assistant" | b"tool_result" | b"");
        // The program's own result may be all that is left of a result.
        let has_result = self.kind == b"tool_result" && self.call.is_some();
        metadata.lacks_content = is_message && !self.has_parts && !has_result;
        self.add_marks(&mut metadata, offset);
        if let Some(tokens) = self.tokens {
            let key = self.uuid.map_or_else(|| hash(format!("@{offset}").as_bytes()), JsonStr::hash);
            metadata.usage = Some(ReplyUsage { key, tokens });
        }
        if self.forked_from.is_some() {
            metadata.rare().forked_from = self.forked_from;
        }
        if subagent {
            metadata.rare().session = self.session;
        }
        if self.payload.title.is_some() && self.subtype == b"custom_title" {
            let automatic = self.payload.title_source == b"auto";
            let rare = metadata.rare();
            *(if automatic { &mut rare.agent_title } else { &mut rare.user_title }) = self.payload.title;
        }
        metadata.link = match self.uuid {
            Some(id) => {
                let parent = self.parent.unwrap_or(RecordParent::Previous);
                RecordLink::Node { id: id.hash(), parent, group: 0, result: self.kind == b"tool_result" }
            }
            None if metadata.marks.is_empty() => RecordLink::Aside,
            None => RecordLink::Linear,
        };
        metadata
    }

    /// True for a text of the program, of a subtype that this version does not know.
    fn is_unknown_message(&self) -> bool {
        const KNOWN: [&[u8]; 2] = [b"", b"mid_turn_user_message"];
        let is_prompt = |part: &QwenPart<'_>| part.kind(true) == Some(EntryKind::Prompt);
        SILENT_ORIGINS.contains(&self.provenance) && !KNOWN.contains(&self.subtype) && self.parts.iter().all(is_prompt)
    }

    /// Adds the marks of its entries.
    fn add_marks(&self, metadata: &mut LineMetadata<'a>, offset: u64) {
        let name = self.uuid.map_or_else(|| format!("@{offset}"), |id| format!("{}/{:x}", id.decode(), self.content));
        let mut title = None;
        let mut push = |block: usize, kind, tool: Option<JsonStr<'_>>, error| {
            let block = u32::try_from(block).unwrap_or(u32::MAX);
            metadata.marks.push(EntryMark {
                key: EntryKey::new(&name, block),
                kind,
                block,
                tool: tool.map_or(0, JsonStr::hash),
                error,
            });
        };
        match self.kind {
            b"user" if self.subtype == b"notification" => push(0, EntryKind::Notice, None, false),
            // The program speaks in a way that this version does not know.
            b"user" if self.is_unknown_message() => push(0, EntryKind::Notice, None, false),
            b"user" | b"assistant" => {
                let user = self.kind == b"user";
                let typed = user && (self.provenance.is_empty() || PERSONAL_ORIGINS.contains(&self.provenance));
                for (at, part) in self.parts.iter().enumerate() {
                    match part.kind(user) {
                        Some(EntryKind::Prompt) if typed => {
                            if metadata.prompt.is_none() {
                                title = part.text.filter(|text| is_context(*text)).and_then(after_context);
                            }
                            metadata.prompt = metadata.prompt.or(part.text);
                            metadata.turns = 1;
                            push(at, EntryKind::Prompt, None, false);
                        }
                        // Prompts that the program adds in the user's name are for the model only.
                        Some(EntryKind::Prompt) if SILENT_ORIGINS.contains(&self.provenance) => {}
                        // A hook, a schedule or another program speaks.
                        Some(EntryKind::Prompt) => push(at, EntryKind::Notice, None, false),
                        None => {}
                        Some(kind) => push(at, kind, part.id.filter(|_| part.call), false),
                    }
                }
            }
            b"system" => match self.subtype {
                b"chat_compression" => push(0, EntryKind::Notice, None, false),
                b"ui_telemetry" if self.payload.event.ends_with(b".api_error") => {
                    push(0, EntryKind::Notice, None, true);
                }
                b"slash_command" if self.payload.phase == b"invocation" || self.payload.has_output => {
                    push(0, EntryKind::Notice, None, false);
                }
                // The prompt has the text of a command that succeeded.
                b"at_command" if self.payload.has_message => {
                    push(0, EntryKind::Notice, None, self.payload.status == b"error");
                }
                silent if SILENT_SUBTYPES.contains(&silent) => {}
                known if NOTICES.contains(&known) => push(0, EntryKind::Notice, None, false),
                _ => push(0, EntryKind::Other, None, false),
            },
            b"tool_result" => {}
            kind if self.uuid.is_some() || !kind.is_empty() => push(0, EntryKind::Other, None, false),
            _ => {}
        }
        if title.is_some() {
            metadata.rare().prompt = title;
        }
        if self.subtype == b"slash_command" && self.payload.phase == b"invocation" {
            metadata.rare().command = self.payload.command.map(|command| command.head(1000).into_owned());
        }
        let result = |part: &QwenPart<'_>| {
            let call = part.id.or(self.call).filter(|_| part.response)?;
            Some(ResultMark { tool: call.hash(), error: self.failed || part.failed })
        };
        metadata.results.extend(self.parts.iter().filter_map(result));
        if metadata.results.is_empty() && self.kind == b"tool_result" {
            let own = self.call.map(|call| ResultMark { tool: call.hash(), error: self.failed });
            metadata.results.extend(own);
        }
    }
}
