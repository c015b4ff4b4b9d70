//! Prompts that the server admitted to a session, and has not promoted to messages yet.

use std::collections::HashMap;

use serde_json::{Value, json};

/// Maximum prompts that are kept, because a session that is never promoted must not exhaust memory.
const MAX_ADMITTED: usize = 1000;

/// Admitted prompts by their ids.
#[derive(Debug, Default)]
pub(super) struct AdmittedInputs {
    rows: HashMap<String, Value>,
}

impl AdmittedInputs {
    /// Records the event of an admission. 1.18 has the text under `prompt`, 2.x under `input`.
    pub(super) fn admit(&mut self, data: &Value) {
        if self.rows.len() < MAX_ADMITTED
            && let (Some(id), Some(row)) = (input_id(data), row(data))
        {
            self.rows.insert(id.to_owned(), row);
        }
    }

    /// Returns the message of a promotion, as a row.
    pub(super) fn promote(&mut self, data: &Value) -> Option<Value> {
        let admitted = input_id(data).and_then(|id| self.rows.remove(id));
        row(data).or(admitted)
    }
}

/// Id of the message that a prompt becomes.
pub(super) fn input_id(data: &Value) -> Option<&str> {
    data["inputID"].as_str().or_else(|| data["messageID"].as_str())
}

/// Row of a user's message.
fn row(data: &Value) -> Option<Value> {
    let input = &data["input"];
    let prompts = [&data["prompt"], &input["data"], &input["payload"], &input["prompt"], input];
    let prompt = prompts.into_iter().find(|prompt| prompt["text"].is_string())?;
    Some(json!({
        "text": prompt["text"], "files": prompt["files"],
        "time": {"created": data["timestamp"]},
    }))
}
