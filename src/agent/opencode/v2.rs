//! Converts messages of OpenCode 2.x to the messages and parts of 1.x.
//!
//! Unverified: follows descriptions of `session_message` (one row per message, the kind in `type`, order by `seq`, rows
//! updated in place); no 2.x was available. Missing fields are omitted, and unknown kinds are shown as such.

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::record::{OpenCodeMessage, OpenCodePart};
use crate::agent::pages::MessageVersion;
use crate::agent::sqlite::{self, DatabaseError};

/// Messages of a session in order, with their versions. Rows change in place, so a version includes time and size.
pub fn versions(connection: &Connection, session: &str) -> Result<Vec<(String, MessageVersion)>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "select id, seq, time_updated, octet_length(data) from session_message where session_id = ?1 order by seq, id",
    )?;
    let mut rows = statement.query([session])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
        found.push((row.get(0)?, [number(1)?, number(2)?, number(3)?, 0, 0]));
    }
    Ok(found)
}

/// Reads one message.
pub fn load(connection: &Connection, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
    let mut statement =
        connection.prepare_cached("select type, data, time_created from session_message where id = ?1")?;
    let row = statement
        .query_row([id], |row| {
            let text = |at| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
            Ok((text(0)?, text(1)?, sqlite::number(row.get_ref(2)?)))
        })
        .optional()?;
    let (kind, data, created) = row.unwrap_or_default();
    Ok(record(id, &kind, data, created))
}

/// Converts a row to a message with parts. Invalid JSON gives a message without data, which counts as unreadable.
pub fn record(id: &str, kind: &str, stored: String, created: Option<i64>) -> OpenCodeMessage {
    let parsed = serde_json::from_str::<Value>(&stored);
    let (data, parts) = match &parsed {
        Ok(row) => convert(id, kind, row, created),
        Err(_) => (String::new(), Vec::new()),
    };
    OpenCodeMessage { id: id.to_owned(), data, parts, stored: Some(stored) }
}

fn convert(id: &str, kind: &str, row: &Value, created: Option<i64>) -> (String, Vec<OpenCodePart>) {
    let time = if row["time"].is_object() { row["time"].clone() } else { json!({ "created": created }) };
    let role = if kind == "user" { "user" } else { "assistant" };
    let mut head = json!({ "role": role, "time": time });
    let parts = match kind {
        "user" => user(row),
        "assistant" => {
            assistant_head(&mut head, row);
            row["content"].as_array().into_iter().flatten().map(content).collect()
        }
        "compaction" => compaction(row),
        "shell" => vec![shell(row)],
        "model-switched" => {
            head["model"] = row["model"].clone();
            Vec::new()
        }
        "system" | "synthetic" | "agent-switched" | "idle" => Vec::new(),
        other => vec![json!({ "type": format!("session_message: {other}"), "data": row })],
    };
    let part = |(at, part): (usize, Value)| {
        let own_id = part["id"].as_str().map(str::to_owned);
        OpenCodePart { id: own_id.unwrap_or_else(|| format!("{id}/{at}")), data: part.to_string() }
    };
    (head.to_string(), parts.into_iter().enumerate().map(part).collect())
}

fn user(row: &Value) -> Vec<Value> {
    let file =
        |file: &Value| json!({ "type": "file", "mime": file["mime"], "filename": file["name"], "url": file["uri"] });
    let mut parts = vec![json!({ "type": "text", "text": row["text"] })];
    parts.extend(row["files"].as_array().into_iter().flatten().map(file));
    parts
}

fn assistant_head(head: &mut Value, row: &Value) {
    head["modelID"] = row["model"]["id"].clone();
    head["providerID"] = row["model"]["providerID"].clone();
    for name in ["cost", "tokens"] {
        if !row[name].is_null() {
            head[name] = row[name].clone();
        }
    }
    let error = &row["error"];
    if !error.is_null() {
        let name = error["name"].as_str().or_else(|| error["type"].as_str()).unwrap_or("Error");
        let name = if name.contains("abort") { "MessageAbortedError" } else { name };
        let message = error["message"].as_str().or_else(|| error["data"]["message"].as_str());
        head["error"] = json!({ "name": name, "data": { "message": message } });
    }
}

fn content(item: &Value) -> Value {
    match item["type"].as_str() {
        Some("tool") => tool(item),
        // Texts have no ids of their own; reasoning ids are unique within their message only.
        Some("text" | "reasoning") => json!({ "type": item["type"], "text": item["text"], "time": item["time"] }),
        _ => item.clone(),
    }
}

fn tool(item: &Value) -> Value {
    let state = &item["state"];
    let texts = state["content"].as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
    let output = state["output"].as_str().map_or_else(|| texts.collect::<Vec<_>>().join("\n"), str::to_owned);
    let error = state["error"]["message"].as_str().or_else(|| state["error"].as_str());
    let metadata = if state["structured"].is_object() { &state["structured"] } else { &state["metadata"] };
    let started = if item["time"]["ran"].is_null() { &item["time"]["created"] } else { &item["time"]["ran"] };
    json!({
        "type": "tool", "id": item["id"], "callID": item["id"],
        "tool": if item["name"].is_string() { &item["name"] } else { &item["tool"] },
        "state": {
            "status": state["status"], "input": state["input"], "output": output, "error": error,
            "title": state["title"], "metadata": metadata,
            "time": { "start": started, "end": item["time"]["completed"] },
        },
    })
}

fn compaction(row: &Value) -> Vec<Value> {
    vec![
        json!({ "type": "compaction", "auto": row["reason"] == "auto" || row["auto"] == true }),
        json!({ "type": "text", "text": if row["summary"].is_string() { &row["summary"] } else { &row["text"] } }),
    ]
}

fn shell(row: &Value) -> Value {
    json!({
        "type": "tool", "tool": "bash", "callID": row["callID"],
        "state": {
            "status": "completed", "input": { "command": row["command"] }, "output": row["output"],
            "time": { "start": row["time"]["created"], "end": row["time"]["completed"] },
        },
    })
}
