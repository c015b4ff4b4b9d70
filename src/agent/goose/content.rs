//! Content of goose's messages: a list of blocks, the same in its database and in its old JSONL files.
//!
//! Verified with 1.34.0 and 1.52.0; blocks that were not seen there (notifications, documents) follow its schema. A
//! tool's result is a later message with the role `user`; it belongs to the call and makes no entry of its own.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::action::action;
use super::shape;
use crate::agent::pages::{MessageOutline, StoredMessage};
use crate::agent::tolerant_json::{self, Repairs};
use crate::agent::{TextLimit, tool_input, unknown_record};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{ToolAction, ToolStatus, Transcript};
use crate::domain::{Delta, Entry, EntryKey, EntryKind, Event, EventBody, Role, Time};

/// A message as stored.
#[derive(Clone, Debug, Default)]
pub(super) struct GooseMessage {
    /// Prefix of its entries' keys: session and row, or session and line.
    pub id: String,
    pub role: String,
    /// Creation time.
    pub time: Option<Time>,
    /// Blocks, as JSON.
    pub content: String,
    /// Audience, as JSON; empty if it is missing.
    pub metadata: String,
    /// Contents of later messages with results of its calls.
    pub results: Vec<String>,
    /// Ids of its results that belong to no call.
    pub lost_calls: Vec<String>,
}

/// Audience of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// The person and the model.
    Person,
    /// The model only: the summary of a compaction, or a text that follows it.
    Model,
    /// The model only, and written by goose itself: the time and the directory of a turn.
    Context,
}

impl GooseMessage {
    /// Parsed blocks with the repairs that they needed; `None` if nothing can be read.
    fn blocks(&self) -> Option<(Vec<Value>, Repairs)> {
        parsed_blocks(&self.content)
    }

    fn audience(&self, blocks: &[Value]) -> Audience {
        let metadata = tolerant_json::value(self.metadata.as_bytes()).map(|(value, _)| value).unwrap_or_default();
        let is_context = || blocks.iter().all(|block| block["text"].as_str().is_some_and(is_turn_context));
        match metadata["userVisible"].as_bool() {
            Some(false) if metadata["turnContext"] == true || is_context() => Audience::Context,
            Some(false) => Audience::Model,
            _ => Audience::Person,
        }
    }

    /// Ids of its tool calls.
    pub(super) fn calls(&self) -> Vec<String> {
        let (blocks, _) = self.blocks().unwrap_or_default();
        let calls = blocks.iter().filter(|block| is_call(block));
        calls.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
    }
}

/// Ids of the calls whose results are in a message.
pub(super) fn results(content: &str) -> Vec<String> {
    let (blocks, _) = parsed_blocks(content).unwrap_or_default();
    let results = blocks.iter().filter(|block| block["type"] == "toolResponse");
    results.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
}

/// Blocks of a content. A text or a single block is taken as a list of one.
fn parsed_blocks(content: &str) -> Option<(Vec<Value>, Repairs)> {
    let is_json = content.trim_start_matches(['\u{feff}', '\0', ' ', '\n']).starts_with(['[', '{', '"']);
    if !is_json && !content.trim().is_empty() && serde_json::from_str::<Value>(content).is_err() {
        return Some((vec![text_block(content)], Repairs::FIELD_TYPES));
    }
    let (mut blocks, mut repairs) = (Vec::new(), Repairs::default());
    for record in tolerant_json::records(content.as_bytes()) {
        repairs.add(record.repairs);
        if matches!(record.value, Value::Null | Value::Bool(_) | Value::Number(_)) {
            return None;
        }
        let has_text = record.value.as_array().is_some_and(|items| items.iter().any(Value::is_string));
        let (own, has_changed) = shape::blocks(record.value);
        blocks.extend(own);
        if has_changed || has_text {
            repairs.add(Repairs::FIELD_TYPES);
        }
    }
    let is_read = !blocks.is_empty() || content.trim() == "[]";
    is_read.then_some((blocks, repairs))
}

fn text_block(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// Joins the thoughts that some models stream word by word, each as a block without a signature.
fn joined_thoughts(blocks: Vec<Value>) -> Vec<Value> {
    let is_piece = |block: &Value| {
        block["type"] == "thinking" && block["thinking"].is_string() && block["signature"].as_str() == Some("")
    };
    let mut joined: Vec<Value> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match joined.last_mut().filter(|last| is_piece(last) && is_piece(&block)) {
            Some(last) => {
                let pieces = [&last["thinking"], &block["thinking"]].map(|piece| piece.as_str().unwrap_or_default());
                last["thinking"] = pieces.concat().into();
            }
            None => joined.push(block),
        }
    }
    joined
}

/// True for the text that goose adds to each turn.
fn is_turn_context(text: &str) -> bool {
    text.starts_with("<turn-context>") || text.starts_with("<info-msg>")
}

fn is_call(block: &Value) -> bool {
    matches!(block["type"].as_str(), Some("toolRequest" | "frontendToolRequest"))
}

impl StoredMessage for GooseMessage {
    fn outline(&self) -> MessageOutline {
        let entries = self.entries(TextLimit(0));
        let failed = |entry: &Entry| {
            entry.level == NoticeLevel::Error
                || entry.tool.as_ref().is_some_and(|tool| tool.status == ToolStatus::Failed)
        };
        let blocks = self.blocks();
        let repairs = blocks.as_ref().map_or_else(Repairs::default, |(_, repairs)| *repairs);
        MessageOutline {
            len: entries.len(),
            prompt: entries.iter().position(|entry| entry.kind == EntryKind::Prompt),
            errors: entries.iter().enumerate().filter(|(_, entry)| failed(entry)).map(|(at, _)| at).collect(),
            unreadable: u32::from(blocks.is_none() || repairs.is_lossy()),
            repairs,
        }
    }

    fn entries(&self, limit: TextLimit) -> Vec<Entry> {
        let (blocks, _) = self.blocks().unwrap_or_default();
        let audience = self.audience(&blocks);
        if audience == Audience::Context {
            return Vec::new();
        }
        let results = self.results.iter().filter_map(|content| parsed_blocks(content));
        let is_result = |block: &Value| block["type"] == "toolResponse";
        let results: Vec<Value> = results.flat_map(|(blocks, _)| blocks).filter(is_result).collect();
        let (mut entries, mut answered) = (Vec::new(), HashSet::new());
        let blocks = joined_thoughts(blocks);
        for (at, block) in blocks.iter().enumerate() {
            let mut truncator = Truncator { limit, cut: false };
            let mut transcript = Transcript::default();
            let key = EntryKey::new(&self.id, u32::try_from(at).unwrap_or(u32::MAX));
            let is_lost = block["type"] == "toolResponse"
                && block["id"]
                    .as_str()
                    .is_none_or(|id| !answered.insert(id.to_owned()) || self.lost_calls.iter().any(|lost| lost == id));
            let bodies = if is_lost {
                lost_call(block, &mut truncator)
            } else {
                bodies(&self.role, block, &results, &mut truncator)
            };
            for body in bodies {
                let body = if audience == Audience::Model { for_model(body) } else { body };
                transcript.apply(Event { key, time: self.time, body });
            }
            entries.extend(transcript.into_entries().into_iter().map(|mut entry| {
                entry.truncated = truncator.cut;
                if entry.kind == EntryKind::Image && self.role != "user" {
                    entry.role = Role::Assistant;
                }
                entry
            }));
        }
        entries
    }

    fn stored(&self, _index: usize) -> Vec<u8> {
        let results = self.results.iter().filter(|result| **result != self.content);
        let lines = std::iter::once(&self.content).chain(results);
        lines.map(String::as_str).collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn bytes(&self) -> u64 {
        (self.content.len() + self.results.iter().map(String::len).sum::<usize>()) as u64
    }
}

/// Body of a message for the model only: its texts are a summary, not a prompt or an answer.
fn for_model(body: EventBody) -> EventBody {
    match body {
        EventBody::Prompt(text) | EventBody::Text(Delta::Append(text) | Delta::Replace(text)) => {
            EventBody::Notice { level: NoticeLevel::Boundary, text }
        }
        other => other,
    }
}

/// Event bodies of one block; none if it has no entry. Their number must not depend on the limit.
fn bodies(role: &str, block: &Value, results: &[Value], truncator: &mut Truncator) -> Vec<EventBody> {
    let filled = |name: &str| block[name].as_str().filter(|text| !text.trim_start().is_empty());
    let body = match block["type"].as_str().unwrap_or_default() {
        // A text that has lost its text.
        "text" if !block["text"].is_string() => Some(unknown_record::event("text", block)),
        "text" if role == "user" => {
            let text = without_info(block["text"].as_str().unwrap_or_default());
            (!text.is_empty()).then(|| EventBody::Prompt(truncator.cut(text)))
        }
        "text" => filled("text").map(|text| match role {
            // goose reports a failed model request as an assistant message with this text.
            _ if text.starts_with("Ran into this error") => {
                EventBody::Notice { level: NoticeLevel::Error, text: truncator.cut(text) }
            }
            _ => EventBody::Text(Delta::Replace(truncator.cut(text))),
        }),
        "thinking" | "reasoning" => filled("thinking")
            .or_else(|| filled("text"))
            .or_else(|| filled("reasoning"))
            .or_else(|| unknown_record::longest_text(&block["thinking"]))
            .map(|text| EventBody::Thinking(Delta::Replace(truncator.cut(text)))),
        "toolRequest" | "frontendToolRequest" => return call(block, results, truncator),
        "image" => {
            Some(EventBody::Image(format!("image ({})", block["mimeType"].as_str().unwrap_or("of unknown kind"))))
        }
        "document" => {
            let name = filled("filename").or_else(|| filled("name")).unwrap_or("document");
            Some(EventBody::Image(format!("{name} ({})", block["mimeType"].as_str().unwrap_or("of unknown kind"))))
        }
        "error" => filled("message")
            .or_else(|| filled("msg"))
            .or_else(|| block["error"].as_str())
            .or_else(|| block["error"]["message"].as_str())
            .map(|text| EventBody::Notice { level: NoticeLevel::Error, text: truncator.cut(text) }),
        "actionRequired" => action_required(&block["data"])
            .map(|text| EventBody::Notice { level: NoticeLevel::Info, text: truncator.cut(&text) }),
        "conversationCompacted" | "summarizationRequested" | "contextLengthExceeded" => Some(EventBody::Notice {
            level: NoticeLevel::Boundary,
            text: truncator.cut(filled("msg").unwrap_or("Conversation compacted")),
        }),
        "systemNotification" if block["notificationType"] != "thinkingMessage" => {
            filled("msg").map(|text| EventBody::Notice { level: NoticeLevel::Info, text: truncator.cut(text) })
        }
        "toolConfirmationRequest" if filled("prompt").is_some() => {
            filled("prompt").map(|text| EventBody::Notice { level: NoticeLevel::Warning, text: truncator.cut(text) })
        }
        // The call shows what was to be confirmed, and its result.
        "toolResponse" | "redactedThinking" | "toolConfirmationRequest" | "systemNotification" => None,
        kind => match unknown_record::event(kind, block) {
            EventBody::Other(text) => Some(EventBody::Other(truncator.cut(&text))),
            other => Some(other),
        },
    };
    body.into_iter().collect()
}

/// Question of a tool, or the answer to it. A confirmation of a call is shown by the call.
fn action_required(data: &Value) -> Option<String> {
    match data["actionType"].as_str()? {
        "elicitation" => data["message"].as_str().map(str::to_owned),
        "toolConfirmation" => data["prompt"].as_str().filter(|prompt| !prompt.trim().is_empty()).map(str::to_owned),
        "elicitationResponse" => {
            let answers = ["user_data", "userData"].map(|name| tool_input::lines(&data[name]));
            answers.into_iter().find(|answer| !answer.is_empty())
        }
        _ => None,
    }
}

fn call(block: &Value, results: &[Value], truncator: &mut Truncator) -> Vec<EventBody> {
    let id: std::sync::Arc<str> = block["id"].as_str().unwrap_or_default().into();
    // Some versions wrote the call without its status.
    let tool_call =
        if block["toolCall"]["value"].is_object() { &block["toolCall"]["value"] } else { &block["toolCall"] };
    let name = tool_call["name"].as_str().unwrap_or("tool");
    let input = if tool_call.is_object() { tool_call["arguments"].clone() } else { tool_call.clone() };
    let result = results.iter().find(|result| result["id"] == block["id"]).map(|result| &result["toolResult"]);
    let call_body =
        EventBody::ToolCall { id: id.clone(), name: name.into(), action: action(name, &input, result), input };
    let request_error = error_text(&block["toolCall"]["error"]);
    let (status, output) = match (result, request_error) {
        (Some(result), Some(error)) => {
            let (status, output) = outcome(result);
            (status, with_error(output, error))
        }
        (Some(result), None) => outcome(result),
        (None, Some(error)) => (ToolStatus::Failed, error),
        (None, None) => (ToolStatus::Pending, String::new()),
    };
    vec![call_body, ended(id, status, truncator.cut(&output))]
}

/// Body of the end of a call.
fn ended(id: std::sync::Arc<str>, status: ToolStatus, output: String) -> EventBody {
    let output = Some(Delta::Replace(output));
    EventBody::ToolUpdate { id, status: Some(status), output, duration_ms: None, subagent: None, action: None }
}

/// Bodies of a result whose call is lost.
fn lost_call(block: &Value, truncator: &mut Truncator) -> Vec<EventBody> {
    let id: std::sync::Arc<str> = block["id"].as_str().unwrap_or_default().into();
    let (status, output) = outcome(&block["toolResult"]);
    let headline = ToolAction::Other(unknown_record::LOST_CALL.to_owned());
    let call = EventBody::ToolCall { id: id.clone(), name: "tool".into(), input: Value::Null, action: headline };
    vec![call, ended(id, status, truncator.cut(&output))]
}

/// Status and output of a call.
fn outcome(result: &Value) -> (ToolStatus, String) {
    let value = &result["value"];
    let from_text = value["content"].as_str().map(blocks_of_text);
    let content = from_text.as_ref().unwrap_or(&value["content"]);
    let blocks = if content.is_null() {
        value.as_array().map_or_else(Vec::new, |all| all.iter().collect())
    } else {
        tool_input::items(content)
    };
    let printed = blocks.into_iter().map(block_text).collect::<Vec<_>>().join("\n");
    let printed = value.as_str().map_or(printed, str::to_owned);
    let structured = &value["structuredContent"];
    let exit = ["exit_code", "exitCode"].iter().find_map(|name| structured[*name].as_i64());
    let output = if printed.is_empty() && !structured.is_null() {
        structured_text(structured)
    } else {
        tool_input::with_structured(printed, structured)
    };
    let status = if output.starts_with("The user has declined") {
        ToolStatus::Denied
    } else if result["status"] == "error" || value["isError"] == true || exit.is_some_and(|code| code != 0) {
        ToolStatus::Failed
    } else {
        ToolStatus::Done
    };
    // A result of another shape.
    let is_other = output.is_empty() && value.is_null() && result["error"].is_null();
    let output = if is_other { unknown_record::all(result) } else { output };
    let error = error_text(&result["error"]);
    let is_declined = error.as_ref().is_some_and(|error| error.contains("has declined to run this tool"));
    let output = match error {
        Some(error) => with_error(output, error),
        None => output,
    };
    (if is_declined { ToolStatus::Denied } else { status }, output)
}

/// Adds the text of an error that an output does not have.
fn with_error(output: String, error: String) -> String {
    if output.is_empty() || output.contains(error.trim()) {
        return if output.is_empty() { error } else { output };
    }
    format!("{error}\n\n{output}")
}

/// Blocks of a content that is a text: those that it has as JSON, or one with the text itself.
fn blocks_of_text(text: &str) -> Value {
    let decoded = tolerant_json::value(text.as_bytes()).map(|(content, _)| content);
    let is_blocks = |content: &Value| content.is_array() && !content[0]["type"].is_null();
    decoded.filter(is_blocks).unwrap_or_else(|| json!([text_block(text)]))
}

/// Text of a prompt without the element before it, which goose adds to each turn.
pub(super) fn without_info(text: &str) -> &str {
    let text = text.trim_start();
    let after = text.strip_prefix("<info-msg>").and_then(|info| info.split_once("</info-msg>"));
    after.map_or(text, |(_, prompt)| prompt.trim_start())
}

/// Text of an error: a string, or an object with a message.
fn error_text(error: &Value) -> Option<String> {
    let text = error.as_str().or_else(|| error["message"].as_str()).map(str::to_owned);
    text.or_else(|| (!error.is_null()).then(|| tool_input::lines(error)))
}

/// Output of a tool that returned only data: what it printed, or the data.
fn structured_text(structured: &Value) -> String {
    let printed = ["stdout", "output", "stderr"].iter().filter_map(|name| structured[*name].as_str());
    let printed = printed.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    if printed.is_empty() { tool_input::lines(structured) } else { printed }
}

fn block_text(block: &Value) -> String {
    match block["type"].as_str() {
        Some("image") => format!("[image ({})]", block["mimeType"].as_str().unwrap_or("of unknown kind")),
        Some("resource") => block["resource"]["text"].as_str().unwrap_or("[resource]").to_owned(),
        Some("resource_link") => {
            let parts = ["name", "uri", "description"].iter().filter_map(|name| block[*name].as_str());
            format!("[{}]", parts.collect::<Vec<_>>().join(" "))
        }
        _ => Some(tool_input::flat(&block["text"]))
            .filter(|text| !text.is_empty())
            .or_else(|| unknown_record::longest_text(block).map(str::to_owned))
            .unwrap_or_default(),
    }
}

/// Truncates texts to a limit, and records that it did.
struct Truncator {
    limit: TextLimit,
    cut: bool,
}

impl Truncator {
    fn cut(&mut self, text: &str) -> String {
        if text.len() <= self.limit.0 {
            return text.to_owned();
        }
        self.cut = true;
        let end = (0..=self.limit.0).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text[..end].to_owned()
    }
}
