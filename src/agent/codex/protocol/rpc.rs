//! Messages of `codex app-server`: JSON-RPC without its version field, one message per line.

use serde_json::{Value, json};

use crate::agent::protocol::{CodecStep, Outgoing};

/// A message from the agent.
#[derive(Debug)]
pub enum RpcMessage<'a> {
    /// Response to a request of salon: its id, and the result or the error.
    Response(u64, Result<&'a Value, &'a Value>),
    /// Request of the agent: its id, method and parameters.
    Request(&'a Value, &'a str, &'a Value),
    /// Notification: method and parameters.
    Notification(&'a str, &'a Value),
}

impl<'a> RpcMessage<'a> {
    /// Classifies a record; `None` for JSON that is no message.
    pub fn of(record: &'a Value) -> Option<Self> {
        let params = &record["params"];
        match (record["method"].as_str(), record.get("id")) {
            (Some(method), Some(id)) => Some(Self::Request(id, method, params)),
            (Some(method), None) => Some(Self::Notification(method, params)),
            (None, Some(id)) => {
                let error = record.get("error").filter(|error| !error.is_null());
                Some(Self::Response(id.as_u64()?, error.map_or_else(|| Ok(&record["result"]), Err)))
            }
            (None, None) => None,
        }
    }
}

pub fn request(id: u64, method: &str, params: &Value, step: &mut CodecStep) {
    send(&json!({"id": id, "method": method, "params": params}), step);
}

pub fn notify(method: &str, step: &mut CodecStep) {
    send(&json!({"method": method}), step);
}

pub fn respond(id: &Value, result: &Value, step: &mut CodecStep) {
    send(&json!({"id": id, "result": result}), step);
}

/// Rejects a request that salon does not support.
pub fn refuse(id: &Value, method: &str, step: &mut CodecStep) {
    let message = format!("salon does not support the request {method}");
    send(&json!({"id": id, "error": {"code": -32601, "message": message}}), step);
}

/// True if an error says that this version of the agent does not know the method.
pub fn unknown_method(error: &Value) -> bool {
    let message = message(error).to_ascii_lowercase();
    error["code"] == -32601 || message.contains("unknown variant") || message.contains("method not found")
}

/// Message of an error.
pub fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap_or("refused")
}

fn send(message: &Value, step: &mut CodecStep) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}
