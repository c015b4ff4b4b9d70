//! Classifies one line of a rollout by its first bytes.
//!
//! A summary needs only the line's kind, its time and the offset of its payload. Lines are long (outputs, encrypted
//! reasoning) and numerous, so nothing more of them is parsed here.

use memchr::memmem::Finder;

use super::calls;
use super::fields::{self, after, field, number, split_at_quote};
use crate::agent::json;
use crate::agent::jsonl::{JsonCursor, JsonStr};
use crate::agent::tool_input;

/// A line with the structure of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RolloutLine<'a> {
    /// Timestamp as written; empty in the oldest files.
    pub time: &'a str,
    pub kind: LineKind,
    /// Bytes from the payload's opening brace to the end of the line, beyond the payload's end. In the oldest files,
    /// which have no payload, the whole line.
    pub payload: &'a [u8],
    /// True if its fields are in another order or notation than Codex writes.
    pub has_other_order: bool,
}

/// Kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Head of this file, or of one that was copied into it.
    Meta,
    /// Settings of a turn.
    TurnContext,
    /// Replacement of the history by a summary.
    Compacted,
    /// Usage of one reply.
    UsageRecord,
    /// Message of the model's conversation.
    Message,
    /// Reasoning in the model's conversation.
    Reasoning,
    /// Tool call of the model.
    Call,
    /// Tool output sent to the model.
    CallOutput,
    /// Event: the user's prompt.
    UserMessage,
    /// Event: the agent's answer.
    AgentMessage,
    /// Event: the agent's reasoning.
    AgentReasoning,
    /// Event: cumulative usage.
    TokenCount,
    /// Event: start of a turn.
    Started,
    /// Event: end of a turn.
    Complete,
    /// Event: abort of a turn.
    Aborted,
    /// Event: error.
    Error,
    /// Event: undo of turns.
    RolledBack,
    /// Event: end of a tool call, more complete than the model's record. Also its beginning, or the question whether to
    /// make it, which may be all that is recorded.
    CallEnd,
    /// Event: the thread's goal was set or cleared.
    Goal,
    /// Event: the thread got a name.
    ThreadName,
    /// Event: end of a review, with its findings.
    ReviewEnded,
    /// Event: beginning of a review, or an item for it.
    Review,
    /// Event: another model answers.
    Rerouted,
    /// Event: warning, or a lost connection to the model.
    Warning,
    /// Message between agents: a sub-agent's task, or its report.
    InterAgent,
    /// Spoken sentence of a voice conversation.
    VoiceSegment,
    /// Event: a completed item of the conversation.
    Item(ItemKind),
    /// Record without an entry.
    Ignored,
    /// Record of a type that this version does not know.
    Unknown,
}

/// Kind of a completed item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// The user's prompt.
    User,
    /// The agent's answer.
    Agent,
    /// The agent's reasoning.
    Reasoning,
    /// A plan that the agent proposes.
    Plan,
    /// Tool call: command, file change, MCP, sub-agent, search …
    Tool,
    /// Beginning of a review.
    Review,
    /// Item without an entry; a compaction has a line of its own.
    Ignored,
    /// Item type unknown to this version.
    Unknown,
}

impl<'a> RolloutLine<'a> {
    /// Parses a line. `None` if it is no record: not JSON, cut off, or with another line appended.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii();
        if bytes.last() != Some(&b'}') || bytes.first() != Some(&b'{') || fields::has_next_record(bytes) {
            return None;
        }
        Self::parse_canonical(bytes).or_else(|| Self::parse_generic(bytes))
    }

    /// Parses the form that Codex writes: fixed fields in a fixed order.
    fn parse_canonical(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"{\"timestamp\":\"")?;
        let (time, mut rest) = split_at_quote(rest, 40)?;
        if let Some(ordinal) = rest.strip_prefix(b",\"ordinal\":") {
            let digits = ordinal.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest = &ordinal[digits..];
        }
        let (kind, rest) = split_at_quote(rest.strip_prefix(b",\"type\":\"")?, 40)?;
        let payload = rest.strip_prefix(b",\"payload\":")?;
        let time = std::str::from_utf8(time).ok()?;
        // Other payloads have no type.
        let is_typed = matches!(kind, b"event_msg" | b"response_item");
        let has_other_order = is_typed && !payload.starts_with(b"{\"type\":\"");
        Some(Self { time, kind: line_kind(kind, payload)?, payload, has_other_order })
    }

    /// Parses any other order of fields, and files of versions before 0.32.
    #[cold]
    fn parse_generic(bytes: &'a [u8]) -> Option<Self> {
        let record = GenericRecord::read(bytes)?;
        // A number is a time since the epoch, as importers of other agents' sessions write it.
        let time = std::str::from_utf8(record.time).unwrap_or_default().trim_matches('"');
        let is_list = record.payload.is_some_and(|payload| payload.starts_with(b"["));
        let payload = record.payload.map(|payload| only_item(payload).unwrap_or(payload));
        // A text or a list in place of the usual object.
        if let Some(payload) = payload.filter(|payload| payload.starts_with(b"\"") || payload.starts_with(b"[")) {
            let has_other_order = payload.starts_with(b"\"{");
            return Some(Self { time, kind: LineKind::Unknown, payload, has_other_order });
        }
        if let Some(payload) = payload {
            let kind = line_kind(record.kind.unwrap_or_default(), payload)?;
            return Some(Self { time, kind, payload, has_other_order: !is_list });
        }
        if matches!(record.kind, Some(b"event_msg" | b"response_item")) {
            return None;
        }
        let kind = match record.kind {
            // A record of a type that is unknown here may be the torn head of one with a payload.
            Some(kind) => match response_kind(kind) {
                LineKind::Unknown => LineKind::Ignored,
                kind => kind,
            },
            None if record.has_id => LineKind::Meta,
            None => LineKind::Ignored,
        };
        // A line without any known field may be around another record.
        let has_other_order = record.kind.is_none() && !record.has_id;
        Some(Self { time, kind, payload: bytes, has_other_order })
    }

    /// Id that connects a call, its output and its item.
    pub(super) fn call_id(&self) -> Option<&'a [u8]> {
        match self.kind {
            LineKind::Item(_) => fields::id(after(self.payload, &fields::ITEM)?, &fields::ID),
            _ => fields::id(self.payload, &fields::CALL_ID).or_else(|| fields::id(self.payload, &fields::ID)),
        }
    }

    /// A text field of the item: the first of that name after the item's opening brace.
    pub(super) fn item_field(&self, name: &Finder<'_>) -> Option<&'a [u8]> {
        field(after(self.payload, &fields::ITEM)?, name)
    }

    /// First text of the line.
    pub(super) fn text(&self) -> Option<JsonStr<'a>> {
        let name = match self.kind {
            LineKind::UserMessage | LineKind::AgentMessage => &fields::MESSAGE,
            LineKind::Goal => &fields::OBJECTIVE,
            LineKind::ThreadName => &fields::THREAD_NAME,
            LineKind::InterAgent if after(self.payload, &fields::CONTENT).is_some() => &fields::CONTENT,
            _ => &fields::TEXT,
        };
        // One byte back, so that the text is read from its opening quote.
        let at = self.payload.len() - after(self.payload, name)?.len() - 1;
        JsonCursor::new(&self.payload[at..]).text().ok().flatten()
    }

    /// True if the line has visible text.
    pub(super) fn has_text(&self) -> bool {
        match self.kind {
            LineKind::Item(ItemKind::Reasoning) => {
                ["summary_text", "raw_content"].iter().any(|name| is_filled(self.payload, name))
            }
            LineKind::UserMessage | LineKind::AgentMessage if self.text().is_none() => {
                self.value().is_some_and(|value| !tool_input::flat(&value["message"]).is_empty())
            }
            LineKind::AgentReasoning if self.text().is_none() => {
                self.value().is_some_and(|value| !tool_input::flat(&value["text"]).is_empty())
            }
            LineKind::Item(ItemKind::Agent) if self.text().is_none() => {
                self.value().is_some_and(|value| !tool_input::flat(&value["item"]["content"]).is_empty())
            }
            kind => match self.text() {
                Some(text) => !text.is_blank(),
                None if kind == LineKind::Message => {
                    self.value().is_some_and(|value| !tool_input::flat(&value["content"]).is_empty())
                }
                None => false,
            },
        }
    }

    /// True if the end of a call reports a failure. Only the first and last bytes of an output are searched.
    pub(super) fn is_failure(&self) -> bool {
        let code = match self.kind {
            LineKind::CallOutput => {
                let Some(output) = after(self.payload, &fields::OUTPUT) else { return false };
                let (head, tail) = (&output[..output.len().min(300)], &output[output.len().saturating_sub(400)..]);
                if calls::HEADERS.iter().any(|header| head.starts_with(header.as_bytes())) {
                    number(head, &Finder::new("xited with code ")).or_else(|| number(head, &Finder::new("Exit code: ")))
                } else if head.starts_with(b"{") {
                    number(tail, &fields::INNER_EXIT_CODE)
                } else {
                    return ["rejected by user", "verification failed", "exec_command failed"]
                        .iter()
                        .any(|text| Finder::new(text).find(head).is_some());
                }
            }
            _ => match field(self.payload, &fields::STATUS) {
                Some(b"failed" | b"declined") => return true,
                _ if after(self.payload, &fields::MCP_ERROR).is_some()
                    || after(self.payload, &fields::IS_ERROR).is_some() =>
                {
                    return true;
                }
                _ if after(self.payload, &fields::SUCCESS).is_some_and(|rest| rest.starts_with(b"false")) => {
                    return true;
                }
                _ => number(self.payload, &fields::EXIT_CODE),
            },
        };
        code.is_some_and(|code| code != 0)
    }

    /// Payload as a value; bytes after it are ignored. A payload that a strict parser refuses is read as far as possible.
    pub(super) fn value(&self) -> Option<serde_json::Value> {
        let mut values = serde_json::Deserializer::from_slice(self.payload).into_iter();
        values.next()?.ok().or_else(|| json::parse(self.payload))
    }

    /// Ordinal of a line in a paginated rollout.
    pub(super) fn ordinal(bytes: &[u8]) -> Option<u64> {
        let usual = number(&bytes[..bytes.len().min(80)], &fields::ORDINAL);
        usual.or_else(|| {
            let mut found = None;
            let read = JsonCursor::new(bytes).object(|name, value| {
                if name == b"ordinal" {
                    found = value.number()?;
                }
                Ok(())
            });
            read.ok().and(found)
        })
    }
}

/// The only item of a list, if it is an object.
fn only_item(list: &[u8]) -> Option<&[u8]> {
    let (mut items, mut only) = (0, None);
    list.starts_with(b"[").then_some(())?;
    let read = JsonCursor::new(list).array(|item| {
        items += 1;
        only = Some(item.raw()?);
        Ok(())
    });
    only.filter(|item| read.is_ok() && items == 1 && item.starts_with(b"{"))
}

/// Fields of a record that is not in the form that Codex writes.
#[derive(Default)]
struct GenericRecord<'a> {
    time: &'a [u8],
    kind: Option<&'a [u8]>,
    has_id: bool,
    payload: Option<&'a [u8]>,
}

impl<'a> GenericRecord<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut record = Self::default();
        let mut cursor = JsonCursor::new(bytes);
        cursor
            .object(|name, value| {
                match name {
                    b"timestamp" => record.time = value.raw()?,
                    b"type" => record.kind = value.text()?.map(|kind| kind.0),
                    b"id" => record.has_id = value.text()?.is_some(),
                    b"payload" => record.payload = Some(value.raw()?),
                    _ => {}
                }
                Ok(())
            })
            .ok()?;
        cursor.at_end().then_some(record)
    }
}

/// True if a field is a text or a list that is not empty.
fn is_filled(payload: &[u8], name: &str) -> bool {
    let name = format!("\"{name}\":");
    after(payload, &Finder::new(&name)).map(<[u8]>::trim_ascii_start).is_some_and(|value| match value.first() {
        Some(b'[') => !value[1..].trim_ascii_start().starts_with(b"]"),
        Some(b'{') => !value[1..].trim_ascii_start().starts_with(b"}"),
        Some(b'"') => value.get(1) != Some(&b'"'),
        _ => false,
    })
}

fn line_kind(kind: &[u8], payload: &[u8]) -> Option<LineKind> {
    if payload.first() != Some(&b'{') {
        return None;
    }
    Some(match kind {
        b"session_meta" => LineKind::Meta,
        b"turn_context" => LineKind::TurnContext,
        b"compacted" => LineKind::Compacted,
        b"token_usage_record" => LineKind::UsageRecord,
        // A payload that has lost its type.
        b"response_item" | b"event_msg" if payload_type(payload).is_none() => LineKind::Unknown,
        b"response_item" => response_kind(payload_type(payload)?),
        b"event_msg" => event_kind(payload_type(payload)?, payload),
        b"inter_agent_communication" => LineKind::InterAgent,
        b"realtime_item" => match payload_type(payload) {
            Some(b"transcript_segment") => LineKind::VoiceSegment,
            None | Some(b"realtime_session_started" | b"realtime_session_ended") => LineKind::Ignored,
            Some(_) => LineKind::Unknown,
        },
        b"world_state" | b"inter_agent_communication_metadata" | b"session_state" => LineKind::Ignored,
        _ => LineKind::Unknown,
    })
}

/// Type of the payload, usually its first field.
fn payload_type(payload: &[u8]) -> Option<&[u8]> {
    match payload.strip_prefix(b"{\"type\":\"") {
        Some(rest) => split_at_quote(rest, 60).map(|(value, _)| value),
        None => field(payload, &fields::TYPE),
    }
}

fn response_kind(kind: &[u8]) -> LineKind {
    match kind {
        b"message" => LineKind::Message,
        b"reasoning" => LineKind::Reasoning,
        b"agent_message" => LineKind::InterAgent,
        kind if kind.ends_with(b"_call") => LineKind::Call,
        kind if kind.ends_with(b"_output") => LineKind::CallOutput,
        // Snapshots of the work tree, and compactions that only the model's host can read.
        b"ghost_snapshot"
        | b"compaction"
        | b"compaction_summary"
        | b"compaction_trigger"
        | b"context_compaction"
        | b"other" => LineKind::Ignored,
        _ => LineKind::Unknown,
    }
}

fn event_kind(kind: &[u8], payload: &[u8]) -> LineKind {
    match kind {
        b"user_message" => LineKind::UserMessage,
        b"agent_message" => LineKind::AgentMessage,
        b"agent_reasoning" | b"agent_reasoning_raw_content" => LineKind::AgentReasoning,
        b"entered_review_mode" => LineKind::Review,
        b"model_reroute" => LineKind::Rerouted,
        b"token_count" => LineKind::TokenCount,
        b"task_started" | b"turn_started" => LineKind::Started,
        b"task_complete" | b"turn_complete" => LineKind::Complete,
        b"turn_aborted" => LineKind::Aborted,
        b"error" => LineKind::Error,
        b"thread_rolled_back" => LineKind::RolledBack,
        b"exec_command_end"
        | b"patch_apply_end"
        | b"mcp_tool_call_end"
        | b"image_generation_end"
        | b"view_image_tool_call"
        | b"web_search_end"
        | b"exec_command_begin"
        | b"patch_apply_begin"
        | b"mcp_tool_call_begin"
        | b"exec_approval_request"
        | b"apply_patch_approval_request"
        | b"dynamic_tool_call_response" => LineKind::CallEnd,
        kind if kind.starts_with(b"collab_") && kind.ends_with(b"_end") => LineKind::CallEnd,
        b"item_completed" => LineKind::Item(item_kind(payload)),
        b"thread_goal_updated" | b"thread_goal_cleared" => LineKind::Goal,
        b"thread_name_updated" => LineKind::ThreadName,
        b"exited_review_mode" => LineKind::ReviewEnded,
        b"warning"
        | b"guardian_warning"
        | b"stream_error"
        | b"deprecation_notice"
        | b"undo_completed"
        | b"background_event" => LineKind::Warning,
        // What a hook printed.
        b"hook_completed" if after(payload, &fields::TEXT).is_some() => LineKind::Unknown,
        kind if is_bookkeeping(kind) => LineKind::Ignored,
        _ => LineKind::Unknown,
    }
}

/// True for an event that has no text of its own, or whose text another record has: beginnings and progress of what
/// has an end, requests that Codex's own screen answers, settings, and lists for the screen.
fn is_bookkeeping(kind: &[u8]) -> bool {
    const STARTS: [&[u8]; 6] = [b"mcp_startup", b"mcp_list", b"list_", b"get_", b"hook_", b"collab_"];
    const ENDS: [&[u8]; 8] =
        [b"_begin", b"_delta", b"_request", b"_started", b"_response", b"_applied", b"_break", b"_configured"];
    const NAMES: [&[u8]; 13] = [
        b"sub_agent_activity",
        b"context_compacted",
        b"request_user_input",
        b"realtime_conversation_sdp",
        b"realtime_conversation_closed",
        b"turn_diff",
        b"plan_update",
        b"plan_delta",
        b"shutdown_complete",
        b"raw_response_item",
        b"model_verification",
        b"skills_update_available",
        b"patch_apply_updated",
    ];
    let is_question = kind == b"elicitation_request";
    NAMES.contains(&kind)
        || STARTS.iter().any(|start| kind.starts_with(start))
        || (!is_question && ENDS.iter().any(|end| kind.ends_with(end)))
}

fn item_kind(payload: &[u8]) -> ItemKind {
    after(payload, &fields::ITEM).and_then(|item| field(item, &fields::TYPE)).map_or(ItemKind::Ignored, item_kind_of)
}

/// Maps an item's type to its kind.
pub(super) fn item_kind_of(kind: &[u8]) -> ItemKind {
    match kind {
        b"UserMessage" => ItemKind::User,
        b"AgentMessage" => ItemKind::Agent,
        b"Reasoning" => ItemKind::Reasoning,
        b"Plan" => ItemKind::Plan,
        b"CommandExecution"
        | b"FileChange"
        | b"McpToolCall"
        | b"CollabAgentToolCall"
        | b"DynamicToolCall"
        | b"WebSearch"
        | b"ImageView"
        | b"ImageGeneration"
        | b"Extension"
        | b"Sleep"
        | b"SubAgentActivity"
        | b"FunctionCallOutput" => ItemKind::Tool,
        // The findings of a review are in a message as well.
        b"ContextCompaction" | b"ExitedReviewMode" => ItemKind::Ignored,
        b"EnteredReviewMode" => ItemKind::Review,
        _ => ItemKind::Unknown,
    }
}
