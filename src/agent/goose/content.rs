//! Content of goose's messages: a list of blocks, the same in its database and in its old JSONL files.
//!
//! Verified with 1.34.0; blocks that were not seen there (notifications, compaction marks) follow its documentation. A
//! tool's result is a later message with the role `user`; it belongs to the call and makes no entry of its own.

use serde::Deserialize;
use serde_json::Value;

use super::action::action;
use crate::agent::TextLimit;
use crate::agent::pages::{MessageOutline, StoredMessage};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{ToolStatus, Transcript};
use crate::domain::{Delta, Entry, EntryKey, EntryKind, Event, EventBody, Role, Time};

/// A message as stored.
#[derive(Clone, Debug, Default)]
pub struct GooseMessage {
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
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Audience {
    user_visible: Option<bool>,
}

impl GooseMessage {
    /// Parsed blocks; `None` if they are invalid.
    fn blocks(&self) -> Option<Vec<Value>> {
        serde_json::from_str(&self.content).ok()
    }

    /// True for messages for the model only, such as a compaction's summary.
    fn is_hidden(&self) -> bool {
        let audience: Audience = serde_json::from_str(&self.metadata).unwrap_or_default();
        audience.user_visible == Some(false)
    }

    /// Ids of its tool calls.
    pub fn calls(&self) -> Vec<String> {
        let blocks = self.blocks().unwrap_or_default();
        let calls = blocks.iter().filter(|block| is_call(block));
        calls.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
    }
}

/// Ids of the calls whose results are in a message.
pub fn results(content: &str) -> Vec<String> {
    let blocks: Vec<Value> = serde_json::from_str(content).unwrap_or_default();
    let results = blocks.iter().filter(|block| block["type"] == "toolResponse");
    results.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
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
        MessageOutline {
            len: entries.len(),
            prompt: entries.iter().position(|entry| entry.kind == EntryKind::Prompt),
            errors: entries.iter().enumerate().filter(|(_, entry)| failed(entry)).map(|(at, _)| at).collect(),
            unreadable: u32::from(self.blocks().is_none()),
        }
    }

    fn entries(&self, limit: TextLimit) -> Vec<Entry> {
        if self.is_hidden() {
            return Vec::new();
        }
        let results: Vec<Value> = self
            .results
            .iter()
            .filter_map(|content| serde_json::from_str::<Vec<Value>>(content).ok())
            .flatten()
            .collect();
        let mut entries = Vec::new();
        for (at, block) in self.blocks().unwrap_or_default().iter().enumerate() {
            let mut truncator = Truncator { limit, cut: false };
            let mut transcript = Transcript::default();
            let key = EntryKey::new(&self.id, u32::try_from(at).unwrap_or(u32::MAX));
            for body in bodies(&self.role, block, &results, &mut truncator) {
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
        let lines = std::iter::once(&self.content).chain(&self.results);
        lines.map(String::as_str).collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn bytes(&self) -> u64 {
        (self.content.len() + self.results.iter().map(String::len).sum::<usize>()) as u64
    }
}

/// Event bodies of one block; none if it has no entry. Their number must not depend on the limit.
fn bodies(role: &str, block: &Value, results: &[Value], truncator: &mut Truncator) -> Vec<EventBody> {
    let filled = |name: &str| block[name].as_str().filter(|text| !text.trim_start().is_empty());
    let body = match block["type"].as_str().unwrap_or_default() {
        "text" => filled("text").map(|text| match role {
            "user" => EventBody::Prompt(truncator.cut(text)),
            // goose reports a failed model request as an assistant message with this text.
            _ if text.starts_with("Ran into this error") => {
                EventBody::Notice { level: NoticeLevel::Error, text: truncator.cut(text) }
            }
            _ => EventBody::Text(Delta::Replace(truncator.cut(text))),
        }),
        "thinking" => filled("thinking").map(|text| EventBody::Thinking(Delta::Replace(truncator.cut(text)))),
        "toolRequest" | "frontendToolRequest" => return call(block, results, truncator),
        "image" => {
            Some(EventBody::Image(format!("image ({})", block["mimeType"].as_str().unwrap_or("of unknown kind"))))
        }
        "conversationCompacted" | "summarizationRequested" | "contextLengthExceeded" => Some(EventBody::Notice {
            level: NoticeLevel::Boundary,
            text: truncator.cut(filled("msg").unwrap_or("Conversation compacted")),
        }),
        "systemNotification" if block["notificationType"] != "thinkingMessage" => {
            filled("msg").map(|text| EventBody::Notice { level: NoticeLevel::Info, text: truncator.cut(text) })
        }
        "toolResponse" | "redactedThinking" | "toolConfirmationRequest" | "actionRequired" | "systemNotification" => {
            None
        }
        _ => Some(EventBody::Other(truncator.cut(&block.to_string()))),
    };
    body.into_iter().collect()
}

fn call(block: &Value, results: &[Value], truncator: &mut Truncator) -> Vec<EventBody> {
    let id: std::sync::Arc<str> = block["id"].as_str().unwrap_or_default().into();
    let tool_call = &block["toolCall"]["value"];
    let name = tool_call["name"].as_str().unwrap_or("tool");
    let input = tool_call["arguments"].clone();
    let result = results.iter().find(|result| result["id"] == block["id"]).map(|result| &result["toolResult"]);
    let call_body =
        EventBody::ToolCall { id: id.clone(), name: name.into(), action: action(name, &input, result), input };
    let request_error = block["toolCall"]["error"].as_str();
    let (status, output) = match (result, request_error) {
        (Some(result), _) => outcome(result),
        (None, Some(error)) => (ToolStatus::Failed, error.to_owned()),
        (None, None) => (ToolStatus::Pending, String::new()),
    };
    let update = EventBody::ToolUpdate {
        id,
        status: Some(status),
        output: Some(Delta::Replace(truncator.cut(&output))),
        duration_ms: None,
        subagent: None,
        action: None,
    };
    vec![call_body, update]
}

/// Status and output of a call.
fn outcome(result: &Value) -> (ToolStatus, String) {
    let value = &result["value"];
    let texts = value["content"].as_array().or_else(|| value.as_array()).into_iter().flatten();
    let output = texts.map(block_text).collect::<Vec<_>>().join("\n");
    let status = if output.starts_with("The user has declined") {
        ToolStatus::Denied
    } else if result["status"] == "error" || value["isError"] == true {
        ToolStatus::Failed
    } else {
        ToolStatus::Done
    };
    let error = result["error"].as_str().filter(|_| output.is_empty()).map(str::to_owned);
    (status, error.unwrap_or(output))
}

fn block_text(block: &Value) -> String {
    match block["type"].as_str() {
        Some("image") => format!("[image ({})]", block["mimeType"].as_str().unwrap_or("of unknown kind")),
        Some("resource") => block["resource"]["text"].as_str().unwrap_or("[resource]").to_owned(),
        _ => block["text"].as_str().unwrap_or_default().to_owned(),
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
