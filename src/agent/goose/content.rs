//! What goose stores in a message: a list of blocks, the same in its database and in its old JSONL files.
//!
//! Verified with 1.34.0; blocks that were not seen there (notifications, compaction marks) follow its documentation.
//! A tool's result is a later message of the user's role; it belongs to the call and makes no entry of its own.

use serde::Deserialize;
use serde_json::Value;

use super::action::action;
use crate::agent::TextLimit;
use crate::agent::pages::{Message, Outline};
use crate::domain::event::Level;
use crate::domain::transcript::{ToolStatus, Transcript};
use crate::domain::{Body, Entry, EntryKind, Event, Key, Piece, Role, Time};

/// A message as stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// What makes its entries' keys: session and row, or session and line.
    pub id: String,
    /// `user` or `assistant`.
    pub role: String,
    /// When it was made.
    pub time: Option<Time>,
    /// Its blocks, as JSON.
    pub content: String,
    /// Whom it is for, as JSON; empty where it is not told.
    pub metadata: String,
    /// Contents of the messages behind it that hold results of its calls.
    pub results: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Audience {
    user_visible: Option<bool>,
}

impl Stored {
    /// Its blocks; `None` where they cannot be read.
    fn blocks(&self) -> Option<Vec<Value>> {
        serde_json::from_str(&self.content).ok()
    }

    /// Some messages are for the model only, as a compaction's summary is.
    fn is_hidden(&self) -> bool {
        let audience: Audience = serde_json::from_str(&self.metadata).unwrap_or_default();
        audience.user_visible == Some(false)
    }

    /// Ids of the calls that it makes.
    pub fn calls(&self) -> Vec<String> {
        let blocks = self.blocks().unwrap_or_default();
        let calls = blocks.iter().filter(|block| is_call(block));
        calls.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
    }
}

/// Ids of the calls whose results a message holds.
pub fn results(content: &str) -> Vec<String> {
    let blocks: Vec<Value> = serde_json::from_str(content).unwrap_or_default();
    let results = blocks.iter().filter(|block| block["type"] == "toolResponse");
    results.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
}

fn is_call(block: &Value) -> bool {
    matches!(block["type"].as_str(), Some("toolRequest" | "frontendToolRequest"))
}

impl Message for Stored {
    fn outline(&self) -> Outline {
        let entries = self.entries(TextLimit(0));
        let failed = |entry: &Entry| {
            entry.level == Level::Error || entry.tool.as_ref().is_some_and(|tool| tool.status == ToolStatus::Failed)
        };
        Outline {
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
            let mut cutter = Cutter { limit, cut: false };
            let mut transcript = Transcript::default();
            let key = Key::new(&self.id, u32::try_from(at).unwrap_or(u32::MAX));
            for body in bodies(&self.role, block, &results, &mut cutter) {
                transcript.apply(Event { key, time: self.time, body });
            }
            entries.extend(transcript.into_entries().into_iter().map(|mut entry| {
                entry.truncated = cutter.cut;
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

/// The events of one block; none where it shows nothing. Must not depend on the limit in number.
fn bodies(role: &str, block: &Value, results: &[Value], cutter: &mut Cutter) -> Vec<Body> {
    let filled = |name: &str| block[name].as_str().filter(|text| !text.trim_start().is_empty());
    let body = match block["type"].as_str().unwrap_or_default() {
        "text" => filled("text").map(|text| match role {
            "user" => Body::Prompt(cutter.cut(text)),
            // goose says so in the assistant's name when the model could not be asked.
            _ if text.starts_with("Ran into this error") => {
                Body::Notice { level: Level::Error, text: cutter.cut(text) }
            }
            _ => Body::Text(Piece::Whole(cutter.cut(text))),
        }),
        "thinking" => filled("thinking").map(|text| Body::Thinking(Piece::Whole(cutter.cut(text)))),
        "toolRequest" | "frontendToolRequest" => return call(block, results, cutter),
        "image" => Some(Body::Image(format!("image ({})", block["mimeType"].as_str().unwrap_or("of unknown kind")))),
        "conversationCompacted" | "summarizationRequested" | "contextLengthExceeded" => Some(Body::Notice {
            level: Level::Boundary,
            text: cutter.cut(filled("msg").unwrap_or("Conversation compacted")),
        }),
        "systemNotification" if block["notificationType"] != "thinkingMessage" => {
            filled("msg").map(|text| Body::Notice { level: Level::Info, text: cutter.cut(text) })
        }
        "toolResponse" | "redactedThinking" | "toolConfirmationRequest" | "actionRequired" | "systemNotification" => {
            None
        }
        _ => Some(Body::Other(cutter.cut(&block.to_string()))),
    };
    body.into_iter().collect()
}

fn call(block: &Value, results: &[Value], cutter: &mut Cutter) -> Vec<Body> {
    let id: std::sync::Arc<str> = block["id"].as_str().unwrap_or_default().into();
    let asked = &block["toolCall"]["value"];
    let name = asked["name"].as_str().unwrap_or("tool");
    let input = asked["arguments"].clone();
    let result = results.iter().find(|result| result["id"] == block["id"]).map(|result| &result["toolResult"]);
    let opened = Body::ToolCall { id: id.clone(), name: name.into(), action: action(name, &input, result), input };
    let refused = block["toolCall"]["error"].as_str();
    let (status, output) = match (result, refused) {
        (Some(result), _) => outcome(result),
        (None, Some(error)) => (ToolStatus::Failed, error.to_owned()),
        (None, None) => (ToolStatus::Pending, String::new()),
    };
    let update = Body::ToolUpdate {
        id,
        status: Some(status),
        output: Some(Piece::Whole(cutter.cut(&output))),
        duration_ms: None,
        subagent: None,
        action: None,
    };
    vec![opened, update]
}

/// What became of a call, and what it printed.
fn outcome(result: &Value) -> (ToolStatus, String) {
    let value = &result["value"];
    let texts = value["content"].as_array().or_else(|| value.as_array()).into_iter().flatten();
    let output = texts.map(printed).collect::<Vec<_>>().join("\n");
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

fn printed(block: &Value) -> String {
    match block["type"].as_str() {
        Some("image") => format!("[image ({})]", block["mimeType"].as_str().unwrap_or("of unknown kind")),
        Some("resource") => block["resource"]["text"].as_str().unwrap_or("[resource]").to_owned(),
        _ => block["text"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Cuts texts to a limit and remembers that it did.
struct Cutter {
    limit: TextLimit,
    cut: bool,
}

impl Cutter {
    fn cut(&mut self, text: &str) -> String {
        if text.len() <= self.limit.0 {
            return text.to_owned();
        }
        self.cut = true;
        let end = (0..=self.limit.0).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text[..end].to_owned()
    }
}
