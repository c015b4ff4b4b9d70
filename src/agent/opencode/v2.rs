//! Converts messages of OpenCode 2.x to the messages and parts of 1.x.
//!
//! Follows the schema of 2.0.14 and what 1.18.34 writes for its `/api`: `session_message` has one row per message, with
//! the kind in `type`, ordered by `seq`, and updated in place; `session_input` has prompts that are queued. Missing fields
//! are omitted, and unknown kinds are shown as such.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::record::{NOTICE, OpenCodeMessage, OpenCodePart};
use crate::agent::pages::MessageVersion;
use crate::agent::sqlite::{self, DatabaseError};
use crate::agent::tolerant_json::{self, Repairs};
use crate::agent::{tool_input, unknown_record};

/// Prefix of the ids of queued prompts, whose table is another one.
const QUEUED: &str = "queued:";

/// Prefix of the types of parts that are made of unknown records.
pub(super) const UNKNOWN: &str = "session_message: ";

/// Condition on queued prompts; a promoted one is a message as well.
const IS_QUEUED: &str = "promoted_seq is null";

/// Messages of a session in order, with their versions. Rows change in place, so a version includes time and size.
pub(super) fn versions(connection: &Connection, session: &str) -> Result<Vec<(String, MessageVersion)>, DatabaseError> {
    let mut found = Vec::new();
    if !sqlite::columns(connection, "session_message")?.is_empty() {
        let mut statement = connection.prepare_cached(
            "select id, seq, time_updated, octet_length(data) from session_message where session_id = ?1 order by seq, id",
        )?;
        let mut rows = statement.query([session])?;
        while let Some(row) = rows.next()? {
            let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
            found.push((row.get(0)?, [number(1)?, number(2)?, number(3)?, 0, 0]));
        }
    }
    if has_queue(connection)? {
        let sql = format!(
            "select id, octet_length(prompt) from session_input where session_id = ?1 and {IS_QUEUED} order by rowid"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([session])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            found.push((QUEUED.to_owned() + &id, [0, sqlite::number(row.get_ref(1)?).unwrap_or(0), 0, 0, 0]));
        }
    }
    Ok(found)
}

/// Ids of the newest messages, newest first.
pub(super) fn newest(
    connection: &Connection,
    session: &str,
    skip: u32,
    count: u32,
) -> Result<Vec<String>, DatabaseError> {
    let ids = versions(connection, session)?.into_iter().rev().map(|(id, _)| id);
    Ok(ids.skip(skip as usize).take(count as usize).collect())
}

/// Number of queued prompts of each session, and a number that changes with them.
pub(super) fn queue_counts(connection: &Connection) -> Result<HashMap<String, [i64; 2]>, DatabaseError> {
    let mut found = HashMap::new();
    if !has_queue(connection)? {
        return Ok(found);
    }
    let sql = format!("select session_id, count(*), max(rowid) from session_input where {IS_QUEUED} group by 1");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = |at| row.get_ref(at).map(|value| sqlite::number(value).unwrap_or(0));
        found.insert(sqlite::text(row.get_ref(0)?).into_owned(), [number(1)?, number(2)?]);
    }
    Ok(found)
}

/// True if the database has a table of queued prompts.
pub(super) fn has_queue(connection: &Connection) -> Result<bool, DatabaseError> {
    let columns = sqlite::columns(connection, "session_input")?;
    Ok(["id", "session_id", "prompt", "promoted_seq"].iter().all(|name| columns.iter().any(|column| column == name)))
}

/// Reads one message.
pub(super) fn load(connection: &Connection, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
    let (sql, own_id) = match id.strip_prefix(QUEUED) {
        Some(queued) => ("select 'queued', prompt, time_created from session_input where id = ?1", queued),
        None => ("select type, data, time_created from session_message where id = ?1", id),
    };
    let row = connection
        .prepare_cached(sql)?
        .query_row([own_id], |row| {
            let text = |at| row.get_ref(at).map(|value| sqlite::text(value).into_owned());
            Ok((text(0)?, text(1)?, sqlite::number(row.get_ref(2)?)))
        })
        .optional()?;
    let (kind, data, created) = row.unwrap_or_default();
    Ok(record(id, &kind, data, created))
}

/// Converts a row to a message with parts. A text that is no JSON gives a message without data, which is unreadable.
pub(super) fn record(id: &str, kind: &str, stored: String, created: Option<i64>) -> OpenCodeMessage {
    let (rows, repairs) = usual_rows(&stored);
    let mut rows = rows.iter();
    let Some(first) = rows.next() else {
        return OpenCodeMessage { id: id.to_owned(), stored: Some(stored), ..OpenCodeMessage::default() };
    };
    let (data, mut parts) = convert(id, kind, first, created);
    for (at, further) in rows.enumerate() {
        parts.extend(convert(&format!("{id}/+{at}"), kind, further, created).1);
    }
    let mut message = OpenCodeMessage::stored(id, data, parts);
    message.repaired(repairs);
    message.stored = Some(stored);
    message
}

/// Records of a row as objects: usually one. JSON in a text is decoded, and any other text is the text of a record.
fn usual_rows(stored: &str) -> (Vec<Value>, Repairs) {
    let (mut rows, mut repairs) = (Vec::new(), Repairs::default());
    for record in tolerant_json::records(stored.as_bytes()) {
        repairs.add(record.repairs);
        if !record.value.is_object() {
            repairs.add(Repairs::FIELD_TYPES);
        }
        add_rows(record.value, &mut rows);
    }
    let is_text = || stored.trim_start().starts_with(char::is_alphabetic) && stored.contains(char::is_whitespace);
    if rows.is_empty() && is_text() {
        repairs.add(Repairs::FIELD_TYPES);
        rows.push(json!({ "text": stored }));
    }
    (rows, repairs)
}

fn add_rows(value: Value, rows: &mut Vec<Value>) {
    match value {
        Value::Object(_) => rows.push(value),
        Value::Array(items) => items.into_iter().for_each(|item| add_rows(item, rows)),
        Value::String(text) => match tolerant_json::value(text.as_bytes()) {
            // Each level is shorter, so this ends.
            Some((inner @ (Value::Object(_) | Value::Array(_) | Value::String(_)), _)) => add_rows(inner, rows),
            _ => rows.push(json!({ "text": text })),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Converts a row to the record of a message and its parts.
pub(super) fn convert(id: &str, kind: &str, row: &Value, created: Option<i64>) -> (String, Vec<OpenCodePart>) {
    let time = if row["time"].is_object() { row["time"].clone() } else { json!({ "created": created }) };
    let role = if matches!(kind, "user" | "queued") { "user" } else { "assistant" };
    let mut head = json!({ "role": role, "time": time });
    let parts = match kind {
        "user" => user(row),
        "queued" => queued(row),
        "assistant" => {
            assistant_head(&mut head, row);
            let retry = (!row["retry"].is_null()).then(|| json!({ "type": "retry", "error": row["retry"]["error"] }));
            let text = (row["content"].is_null() && !row["text"].is_null())
                .then(|| json!({ "type": "text", "text": row["text"] }));
            list(&row["content"]).iter().map(content).chain(text).chain(retry).collect()
        }
        "compaction" => compaction(row),
        "shell" => vec![shell(row)],
        "model-switched" => {
            head["model"] = row["model"].clone();
            Vec::new()
        }
        "location-switched" => {
            let directory = row["location"]["directory"].as_str().or_else(|| row["location"].as_str());
            head["location"] = json!(directory);
            vec![notice("boundary", &format!("Moved to {}", directory.unwrap_or("another directory")))]
        }
        "synthetic" | "system" => vec![added(row)],
        "skill" => vec![skill(row)],
        "idle" if row["outcome"] == "interrupted" => vec![notice("warning", "Interrupted")],
        "agent-switched" => vec![notice("info", &format!("Agent: {}", row["agent"].as_str().unwrap_or("unknown")))],
        "idle" => error_message(&row["error"]).map(|error| notice("error", error)).into_iter().collect(),
        other => vec![json!({ "type": format!("{UNKNOWN}{other}"), "record": row })],
    };
    let part = |(at, part): (usize, Value)| {
        let own_id = part["id"].as_str().map(str::to_owned);
        OpenCodePart { id: own_id.unwrap_or_else(|| format!("{id}/{at}")), data: part.to_string() }
    };
    (head.to_string(), parts.into_iter().enumerate().map(part).collect())
}

fn notice(level: &str, text: &str) -> Value {
    json!({ "type": NOTICE, "text": text, "state": { "status": level } })
}

fn user(row: &Value) -> Vec<Value> {
    let mut parts = vec![json!({ "type": "text", "text": row["text"] })];
    parts.extend(list(&row["files"]).iter().map(file));
    parts
}

/// Items of a list, and of the lists in it, also if it is written as JSON in a text; any other text is one item.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => {
            let inner = |item: &Value| if item.is_object() { vec![item.clone()] } else { list(item) };
            items.iter().flat_map(inner).collect()
        }
        Value::Object(fields) if tool_input::has_numeric_names(fields) => {
            tool_input::items(value).into_iter().flat_map(list).collect()
        }
        Value::String(text) => match tolerant_json::value(text.as_bytes()) {
            Some((items @ Value::Array(_), _)) => list(&items),
            Some((item @ Value::Object(_), _)) => vec![item],
            _ => vec![json!({ "type": "text", "text": text, "name": text })],
        },
        Value::Object(_) => vec![value.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// An attachment. Its data, in base64, is not copied.
fn file(file: &Value) -> Value {
    let source = file["source"]["path"].as_str();
    let size = file["data"].as_str().map(|data| data.trim_end_matches('=').len() * 3 / 4);
    let url = file["uri"].as_str().or_else(|| file["url"].as_str()).or(source);
    let name = file["name"].as_str().or_else(|| file["filename"].as_str());
    json!({ "type": "file", "mime": file["mime"], "filename": name, "url": url, "size": size })
}

/// A prompt that waits until the agent takes it. 1.18 has its fields one level deeper.
fn queued(row: &Value) -> Vec<Value> {
    let prompt = if row["prompt"].is_object() { &row["prompt"] } else { row };
    let mut parts = match prompt {
        Value::String(text) => vec![json!({ "type": "text", "text": text })],
        prompt => user(prompt),
    };
    parts.push(notice("info", "Queued: the agent has not taken this prompt yet"));
    parts
}

fn added(row: &Value) -> Value {
    let text = if row["text"].is_null() { &row["description"] } else { &row["text"] };
    json!({ "type": "text", "synthetic": true, "text": text })
}

/// A value, or an empty text for none: a record of 2.x need not have a text.
fn or_empty(value: &Value) -> Value {
    if value.is_null() { Value::from("") } else { value.clone() }
}

fn skill(row: &Value) -> Value {
    let name = row["name"].as_str().or_else(|| row["skill"].as_str()).unwrap_or("unknown");
    let text = tool_input::flat(&row["text"]);
    json!({ "type": "text", "synthetic": true, "text": format!("Skill {name}\n\n{text}") })
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
    if error.is_null() && row["finish"] == "error" {
        head["error"] = json!({ "name": "Error", "data": { "message": "no reason given" } });
    }
    if !error.is_null() {
        let name = error["name"].as_str().or_else(|| error["type"].as_str()).unwrap_or("Error");
        let name = if name.contains("abort") { "MessageAbortedError" } else { name };
        head["error"] = json!({ "name": name, "data": { "message": error_message(error) } });
    }
}

fn error_message(error: &Value) -> Option<&str> {
    error["message"].as_str().or_else(|| error["data"]["message"].as_str()).or_else(|| error.as_str())
}

fn content(item: &Value) -> Value {
    match item["type"].as_str() {
        Some("tool") => tool(item),
        Some("file") => file(item),
        // Texts have no ids of their own; reasoning ids are unique within their message only.
        Some("text" | "reasoning") => json!({ "type": item["type"], "text": item["text"], "time": item["time"] }),
        _ => item.clone(),
    }
}

fn tool(item: &Value) -> Value {
    let state = &item["state"];
    let content = list(&state["content"]);
    let blocks = || content.iter();
    let text = |block: &Value| match tool_input::flat(&block["text"]) {
        text if text.is_empty() && block["type"] != "file" && block["type"] != "image" => unknown_record::all(block),
        text => text,
    };
    let printed = blocks().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    let files: Vec<Value> = blocks().filter(|block| block["type"] == "file").map(file).collect();
    let mut metadata = if state["structured"].is_object() { &state["structured"] } else { &state["metadata"] }.clone();
    let others = [&state["output"], &state["result"], &metadata["output"], &metadata["stdout"]];
    let other = || others.into_iter().map(tool_input::flat).find(|text| !text.trim().is_empty());
    let output = if printed.trim().is_empty() { other().unwrap_or(printed) } else { printed };
    if !state["error"].is_null() && !output.is_empty() && (metadata.is_object() || metadata.is_null()) {
        // What a tool printed before its error.
        metadata["output"] = json!(output);
    }
    if state["outputPaths"].is_array() && (metadata.is_object() || metadata.is_null()) {
        metadata["outputPaths"] = state["outputPaths"].clone();
    }
    let started = if item["time"]["ran"].is_null() { &item["time"]["created"] } else { &item["time"]["ran"] };
    json!({
        "type": "tool", "id": item["id"], "callID": item["id"],
        "tool": if item["name"].is_string() { &item["name"] } else { &item["tool"] },
        "state": {
            "status": state["status"], "input": state["input"], "output": output,
            "error": error_message(&state["error"]), "title": state["title"], "metadata": metadata, "attachments": files,
            "time": { "start": started, "end": item["time"]["completed"] },
        },
    })
}

fn compaction(row: &Value) -> Vec<Value> {
    match row["status"].as_str() {
        Some("failed") => {
            let reason = error_message(&row["error"]).unwrap_or("no reason given");
            return vec![notice("error", &format!("Compaction failed: {reason}"))];
        }
        Some("running") => {
            let summary = (!row["summary"].is_null()).then(|| json!({ "type": "text", "text": row["summary"] }));
            let running = notice("boundary", "Compaction is running or was interrupted");
            return std::iter::once(running).chain(summary).collect();
        }
        _ => {}
    }
    // Of a status that this version does not know.
    if let Some(reason) = error_message(&row["error"]) {
        return vec![notice("error", &format!("Compaction: {reason}"))];
    }
    vec![
        json!({ "type": "compaction", "auto": row["reason"] == "auto" || row["auto"] == true }),
        json!({ "type": "text", "text": or_empty(if row["summary"].is_null() { &row["text"] } else { &row["summary"] }) }),
    ]
}

/// A command that the user ran.
fn shell(row: &Value) -> Value {
    let output = match &row["output"] {
        Value::Object(output) if output.contains_key("output") => &row["output"]["output"],
        other => other,
    };
    let output =
        if output.is_object() || output.is_array() { json!(tool_input::lines(output)) } else { output.clone() };
    let status = match row["status"].as_str() {
        Some("running") => "running",
        Some("killed") => "interrupted",
        Some("timeout") => "failed",
        _ => "completed",
    };
    let call = if row["callID"].is_string() { &row["callID"] } else { &row["shellID"] };
    json!({
        "type": "tool", "tool": "bash", "callID": call,
        "state": {
            "status": status, "input": { "command": row["command"] }, "output": output,
            "metadata": { "exit": row["exit"] },
            "time": { "start": row["time"]["created"], "end": row["time"]["completed"] },
        },
    })
}
