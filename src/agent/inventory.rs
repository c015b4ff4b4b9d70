//! Inventory of record kinds: finds kinds and fields in sessions that this version does not know.
//!
//! Known kinds are lists in `assets/known`, one line per kind with its fields. Only names are reported, never contents, and
//! names that cannot be one are counted as such.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use serde_json::Value;

use super::json::repair;
use super::sqlite::{self, DatabaseError};
use super::{Source, tolerant_json, tool_input};
use crate::domain::Agent;
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::lines::LineReader;

/// Name of kinds and fields that cannot be a name.
const NOT_A_NAME: &str = "(not a name)";

/// A kind, or a field of a known kind, that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownKind {
    /// The agent.
    pub agent: Agent,
    /// The kind of record, or of a part of one.
    pub kind: String,
    /// The field; `None` if the kind itself is unknown.
    pub field: Option<String>,
}

/// Kinds and fields that this version does not know, with the number of records.
#[derive(Debug, Default)]
pub struct Inventory {
    unknown: BTreeMap<UnknownKind, u64>,
}

type KnownKinds = HashMap<&'static str, BTreeSet<&'static str>>;

/// Known kinds of each agent, with their fields.
static KNOWN: LazyLock<HashMap<Agent, KnownKinds>> = LazyLock::new(|| {
    let lists = [
        (Agent::Claude, include_str!("../../assets/known/claude.txt")),
        (Agent::OpenCode, include_str!("../../assets/known/opencode.txt")),
        (Agent::Codex, include_str!("../../assets/known/codex.txt")),
        (Agent::Gemini, include_str!("../../assets/known/gemini.txt")),
        (Agent::Qwen, include_str!("../../assets/known/qwen.txt")),
        (Agent::Goose, include_str!("../../assets/known/goose.txt")),
    ];
    let kinds = |list: &'static str| {
        let line =
            |line: &'static str| line.split_once(':').map(|(kind, fields)| (kind, fields.split_whitespace().collect()));
        list.lines().filter_map(line).collect()
    };
    lists.into_iter().map(|(agent, list)| (agent, kinds(list))).collect()
});

impl Inventory {
    /// Adds the records of a source, if it contains sessions. Records that cannot be read are left to the readers.
    pub fn add(&mut self, source: &Source) {
        if !super::format(source.agent).has_sessions(source) {
            return;
        }
        let read = match source.path.extension().and_then(|ending| ending.to_str()) {
            Some("db") => self.database(source),
            Some("zst" | "json") if source.agent == Agent::Codex => self.restored_lines(source),
            Some("json") => self.document(source),
            _ => self.lines(source),
        };
        if let Err(error) = read {
            tracing::debug!(path = %source.path.display(), %error, "source has no inventory");
        }
    }

    /// Unknown kinds and fields with their counts.
    pub fn unknown(&self) -> impl Iterator<Item = (&UnknownKind, u64)> {
        self.unknown.iter().map(|(unknown, count)| (unknown, *count))
    }

    fn lines(&mut self, source: &Source) -> Result<(), DatabaseError> {
        let mut lines = LineReader::from_offset(files::open(&source.path)?, 0)?;
        while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
            for record in tolerant_json::records(line.bytes) {
                self.record(source.agent, &record.value);
            }
        }
        Ok(())
    }

    /// Lines of a source whose text its format restores.
    fn restored_lines(&mut self, source: &Source) -> Result<(), DatabaseError> {
        let Some(texts) = super::format(source.agent).texts() else { return Ok(()) };
        texts.records(source, 0, &mut |record| {
            for found in tolerant_json::records(record.bytes) {
                self.record(source.agent, &found.value);
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    fn document(&mut self, source: &Source) -> Result<(), DatabaseError> {
        // A session of many files is read by its own file only.
        if source.agent == Agent::OpenCode {
            return Ok(());
        }
        if let Some((value, _)) = tolerant_json::value(&files::read(&source.path, SizeLimit::DOCUMENT)?) {
            self.record(source.agent, &value);
        }
        Ok(())
    }

    fn database(&mut self, source: &Source) -> Result<(), DatabaseError> {
        let database = sqlite::open(&source.path)?;
        let tables = [
            ("message", "select 'message', data from message"),
            ("part", "select 'part', data from part"),
            ("session_message", "select 'record/' || type, data from session_message"),
            ("messages", "select 'blocks', content_json from messages"),
        ];
        for (table, sql) in tables {
            let columns = sqlite::columns(&database.connection, table)?;
            if columns.is_empty() || (table == "messages") != (source.agent == Agent::Goose) {
                continue;
            }
            let mut statement = database.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (kind, data) = (sqlite::text(row.get_ref(0)?), sqlite::text(row.get_ref(1)?));
                if let Some((value, _)) = tolerant_json::value(data.as_bytes()) {
                    self.row(source.agent, &kind, &value);
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, agent: Agent, kind: &str, value: &Value) {
        match kind {
            "message" => self.kind(agent, &joined("message", &value["role"]), value),
            "part" => {
                self.kind(agent, &joined("part", &value["type"]), value);
                if value["state"].is_object() {
                    self.kind(agent, &joined("state", &value["state"]["status"]), &value["state"]);
                }
            }
            "blocks" => self.list(agent, "block", value),
            kind => {
                self.kind(agent, kind, value);
                self.list(agent, "content", &value["content"]);
            }
        }
    }

    fn record(&mut self, agent: Agent, value: &Value) {
        match agent {
            Agent::Claude => {
                self.kind(agent, &sub_kind(value), value);
                self.list(agent, "content", &value["message"]["content"]);
                if value["attachment"].is_object() {
                    self.kind(agent, &joined("attachment", &value["attachment"]["type"]), &Value::Null);
                }
            }
            Agent::Codex => {
                self.kind(agent, value["type"].as_str().unwrap_or("record"), value);
                let payload = &value["payload"];
                let kind = value["type"].as_str().unwrap_or_default();
                if payload.is_object() {
                    self.kind(agent, &joined(kind, &payload["type"]), payload);
                }
                if payload["item"].is_object() {
                    self.kind(agent, &joined("item", &payload["item"]["type"]), &payload["item"]);
                }
            }
            Agent::Qwen | Agent::Gemini if value["message"].is_object() => {
                self.kind(agent, &sub_kind(value), value);
                self.parts(agent, &value["message"]["parts"]);
            }
            Agent::Qwen | Agent::Gemini => self.chat(agent, value),
            Agent::Goose => {
                self.kind(agent, if value["role"].is_string() { "message" } else { "header" }, value);
                self.list(agent, "block", &value["content"]);
            }
            Agent::OpenCode | Agent::Configured(_) => {}
        }
    }

    /// A record of a chat's log, or its document.
    fn chat(&mut self, agent: Agent, value: &Value) {
        if value["$set"].is_object() {
            self.kind(agent, "$set", &value["$set"]);
            return self.messages(agent, &value["$set"]["messages"]);
        }
        if value["sessionId"].is_string() && value["message"].is_null() && value["type"].is_null() {
            self.kind(agent, "header", value);
            return self.messages(agent, &value["messages"]);
        }
        let kind = if value["$rewindTo"].is_null() { sub_kind(value) } else { "$rewindTo".to_owned() };
        self.kind(agent, &kind, value);
        self.chat_parts(agent, value);
    }

    fn messages(&mut self, agent: Agent, messages: &Value) {
        for message in messages.as_array().into_iter().flatten() {
            self.kind(agent, &sub_kind(message), message);
            self.chat_parts(agent, message);
        }
    }

    fn chat_parts(&mut self, agent: Agent, message: &Value) {
        self.parts(agent, &message["content"]);
        for call in tool_input::items(&message["toolCalls"]) {
            self.kind(agent, "toolCall", call);
        }
    }

    fn parts(&mut self, agent: Agent, parts: &Value) {
        for part in parts.as_array().into_iter().flatten() {
            self.kind(agent, "part", part);
        }
    }

    /// Items of a list, each of a kind of its own.
    fn list(&mut self, agent: Agent, prefix: &str, items: &Value) {
        for item in items.as_array().into_iter().flatten().filter(|item| item.is_object()) {
            self.kind(agent, &joined(prefix, &item["type"]), item);
        }
    }

    /// Counts a kind, or the fields of a known one, if they are unknown.
    fn kind(&mut self, agent: Agent, kind: &str, value: &Value) {
        let Some(fields) = KNOWN.get(&agent).and_then(|known| known.get(kind)) else {
            return self.count(UnknownKind { agent, kind: name(kind), field: None });
        };
        let Value::Object(found) = value else { return };
        // The fields of a kind that was never seen in a fixture are unknown to the list.
        if fields.is_empty() {
            return;
        }
        for field in found.keys().filter(|field| !fields.contains(field.as_str())) {
            self.count(UnknownKind { agent, kind: kind.to_owned(), field: Some(name(field)) });
        }
    }

    fn count(&mut self, unknown: UnknownKind) {
        *self.unknown.entry(unknown).or_default() += 1;
    }
}

fn joined(prefix: &str, kind: &Value) -> String {
    kind.as_str().map_or_else(|| prefix.to_owned(), |kind| format!("{prefix}/{kind}"))
}

/// Type of a record, with its subtype.
fn sub_kind(value: &Value) -> String {
    joined(value["type"].as_str().unwrap_or("record"), &value["subtype"])
}

/// A name as it is, if it can be one; a content never is.
fn name(text: &str) -> String {
    let is_name = text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./$: ".contains(&byte))
        && text.bytes().filter(|byte| *byte == b' ').count() <= 1;
    if is_name { text.to_owned() } else { NOT_A_NAME.to_owned() }
}
