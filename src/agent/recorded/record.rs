//! Records of a session that salon keeps itself: one JSON object per line, each entry once it is complete.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::event::NoticeLevel;
use crate::domain::tool::{PlanItem, ToolAction};
use crate::domain::{Entry, EntryKind, SessionKey, Time, Tokens, ToolStatus};

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Record {
    /// The first line.
    Session {
        /// The agent's name.
        agent: String,
        /// The agent's id of the session.
        id: String,
        /// Directory of the session.
        cwd: String,
        /// Time of the first record.
        time: Time,
    },
    /// Title that the agent gave the session.
    Title {
        /// The title.
        title: String,
    },
    /// A complete entry.
    Entry(Box<EntryRecord>),
    /// Model and usage of a turn.
    Turn {
        /// Model that answered.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        model: Option<String>,
        /// Usage of the turn alone.
        tokens: Tokens,
    },
}

/// An entry of the conversation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntryRecord {
    /// Identity of the entry, in hexadecimal digits.
    pub key: String,
    /// Kind of the entry.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub text: String,
    /// Severity of a notice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<NoticeLevel>,
    /// Items of a plan that no tool set.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub plan: Vec<PlanItem>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool: Option<ToolRecord>,
}

/// A tool call with its result.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ToolRecord {
    pub id: String,
    pub name: String,
    pub input: Value,
    pub action: ToolAction,
    pub status: ToolStatus,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub output: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<u64>,
}

/// Encodes the first line of a session's file.
pub fn session(key: &SessionKey, cwd: &str, time: Time) -> Vec<u8> {
    let (agent, id) = (key.agent.name().to_owned(), key.id.to_string());
    line(&Record::Session { agent, id, cwd: cwd.to_owned(), time })
}

/// Encodes the title that the agent gave the session.
pub fn title(title: &str) -> Vec<u8> {
    line(&Record::Title { title: title.to_owned() })
}

/// Encodes the model and the usage of a turn.
pub fn turn(model: Option<&str>, tokens: Tokens) -> Vec<u8> {
    line(&Record::Turn { model: model.map(str::to_owned), tokens })
}

/// Encodes a complete entry.
pub fn entry(entry: &Entry) -> Vec<u8> {
    let tool = entry.tool.as_deref().map(|tool| ToolRecord {
        id: tool.id.to_string(),
        name: tool.name.to_string(),
        input: tool.input.clone(),
        action: tool.action.clone(),
        status: tool.status,
        output: tool.output.clone(),
        duration_ms: tool.duration_ms,
    });
    let is_derived = tool.is_some() || entry.kind == EntryKind::Plan;
    line(&Record::Entry(Box::new(EntryRecord {
        key: format!("{:016x}", entry.key.raw()),
        kind: entry.kind.name().to_owned(),
        time: entry.time,
        text: if is_derived { String::new() } else { entry.text.clone() },
        level: (entry.kind == EntryKind::Notice).then_some(entry.level),
        plan: if tool.is_none() { entry.plan.clone() } else { Vec::new() },
        tool,
    })))
}

fn line(record: &Record) -> Vec<u8> {
    // Records consist of texts, numbers and JSON values, all of which have an encoding.
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}
