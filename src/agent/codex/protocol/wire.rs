//! Messages of `codex app-server`: JSON-RPC without its version field, one message a line.

use serde_json::{Value, json};

use crate::agent::protocol::{Outgoing, Step};

/// A message of the agent.
#[derive(Debug)]
pub enum Message<'a> {
    /// Answers a request of ours: its id, and the result or the error.
    Response(u64, Result<&'a Value, &'a Value>),
    /// Wants an answer: its id, what it asks, and with what.
    Request(&'a Value, &'a str, &'a Value),
    /// Tells something.
    Notification(&'a str, &'a Value),
}

impl<'a> Message<'a> {
    /// `None`: JSON, but no message.
    pub fn of(record: &'a Value) -> Option<Self> {
        let params = &record["params"];
        match (record["method"].as_str(), record.get("id")) {
            (Some(method), Some(id)) => Some(Self::Request(id, method, params)),
            (Some(method), None) => Some(Self::Notification(method, params)),
            (None, Some(id)) => {
                let told = record.get("error").filter(|error| !error.is_null());
                Some(Self::Response(id.as_u64()?, told.map_or_else(|| Ok(&record["result"]), Err)))
            }
            (None, None) => None,
        }
    }
}

/// Asks the agent.
pub fn request(id: u64, method: &str, params: &Value, step: &mut Step) {
    send(&json!({"id": id, "method": method, "params": params}), step);
}

/// Tells the agent.
pub fn notify(method: &str, step: &mut Step) {
    send(&json!({"method": method}), step);
}

/// Answers the agent.
pub fn respond(id: &Value, result: &Value, step: &mut Step) {
    send(&json!({"id": id, "result": result}), step);
}

/// Tells the agent that we cannot do what it asks for.
pub fn refuse(id: &Value, method: &str, step: &mut Step) {
    let message = format!("salon does not know the request {method}");
    send(&json!({"id": id, "error": {"code": -32601, "message": message}}), step);
}

/// Whether an error says that this version of the agent does not know what it was asked.
pub fn unknown_method(error: &Value) -> bool {
    let message = message(error).to_ascii_lowercase();
    error["code"] == -32601 || message.contains("unknown variant") || message.contains("method not found")
}

/// What an error says.
pub fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap_or("refused")
}

fn send(message: &Value, step: &mut Step) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}
