//! Sessions of OpenCode before 0.6: a tree of JSON files per project, whose first messages contain their parts.
//!
//! `project/<project>/storage/session/{info,message,part}`. The layout of messages changed in 0.3: before it, a message was
//! one of the Vercel AI SDK, with its parts and with metadata. The session's directory is only in its messages.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::record::{OpenCodeMessage, OpenCodePart};
use crate::agent::tolerant_json;

/// True for the file of a session of this layout: `session/info/<id>.json`.
pub(super) fn is_session_file(path: &Path) -> bool {
    let folder = |at: usize| path.ancestors().nth(at).and_then(Path::file_name);
    folder(1).is_some_and(|name| name == "info") && folder(2).is_some_and(|name| name == "session")
}

/// Session file to which a message's or a part's file belongs: `session/{message,part}/<session>/…`.
pub(super) fn owner(root: &Path, path: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(root.join("project")).ok()?;
    let steps: Vec<_> = below.components().map(|step| step.as_os_str().to_string_lossy()).collect();
    let [project, storage, session, kind, id, ..] = &steps[..] else { return None };
    let is_known = storage == "storage" && session == "session" && matches!(&**kind, "message" | "part");
    is_known.then(|| root.join("project").join(&**project).join("storage/session/info").join(format!("{id}.json")))
}

/// Converts a message that contains its parts; `None` for any other.
pub(super) fn convert(id: &str, data: &str) -> Option<OpenCodeMessage> {
    let (stored, repairs) = tolerant_json::value(data.as_bytes())?;
    let inner = stored["parts"].as_array()?;
    let metadata = &stored["metadata"];
    let mut head = stored.clone();
    head.as_object_mut()?.remove("parts");
    if metadata.is_object() {
        head["time"] = metadata["time"].clone();
        head["error"] = metadata["error"].clone();
        if let Value::Object(assistant) = &metadata["assistant"] {
            assistant.iter().for_each(|(name, value)| head[name] = value.clone());
        }
    }
    let parts = inner.iter().map(|part| self::part(part, metadata)).enumerate();
    let parts = parts.map(|(at, part)| OpenCodePart { id: format!("{id}/{at:04}"), data: part.to_string() });
    let mut message = OpenCodeMessage::stored(id, head.to_string(), parts.collect());
    message.repaired(repairs);
    message.stored = Some(data.to_owned());
    Some(message)
}

fn part(part: &Value, metadata: &Value) -> Value {
    match part["type"].as_str() {
        Some("tool-invocation") => tool(&part["toolInvocation"], metadata),
        Some("file") => json!({
            "type": "file", "mime": if part["mediaType"].is_string() { &part["mediaType"] } else { &part["mime"] },
            "filename": part["filename"], "url": part["url"],
        }),
        _ => part.clone(),
    }
}

fn tool(call: &Value, metadata: &Value) -> Value {
    let id = call["toolCallId"].as_str().unwrap_or_default();
    let facts = &metadata["tool"][id];
    let status = match call["state"].as_str() {
        Some("result") if facts["error"] == true => "failed",
        Some("result") => "completed",
        Some("call") => "running",
        _ => "pending",
    };
    let output = call["result"].as_str().map_or_else(|| call["result"].to_string(), str::to_owned);
    json!({
        "type": "tool", "callID": id, "tool": call["toolName"],
        "state": {
            "status": status, "input": call["args"], "title": facts["title"], "metadata": facts, "time": facts["time"],
            "output": if call["result"].is_null() { Value::Null } else { Value::String(output) },
        },
    })
}
