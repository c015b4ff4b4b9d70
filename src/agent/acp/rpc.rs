//! JSON-RPC 2.0, one message per line.

use serde::Serialize;
use serde_json::{Value, json};

use crate::agent::protocol::{CodecStep, Outgoing};

/// Error code for a method that salon does not serve.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// Error code for parameters that cannot be served.
pub const INVALID_PARAMS: i64 = -32602;
/// Error code for a request that failed.
pub const INTERNAL_ERROR: i64 = -32603;
/// Error code for a file that does not exist.
pub const NOT_FOUND: i64 = -32002;

/// A message from the agent.
#[derive(Debug)]
pub enum AcpMessage<'a> {
    /// Response to a request of salon: its id, and the result or the error.
    Response(u64, Result<&'a Value, &'a Value>),
    /// Request of the agent: its id, method and parameters.
    Request(&'a Value, &'a str, &'a Value),
    /// Notification: method and parameters.
    Notification(&'a str, &'a Value),
}

impl<'a> AcpMessage<'a> {
    /// Classifies a record; `None` for JSON that is no message.
    pub fn of(record: &'a Value) -> Option<Self> {
        let params = &record["params"];
        match (record["method"].as_str(), record.get("id").filter(|id| !id.is_null())) {
            (Some(method), Some(id)) => Some(Self::Request(id, method, params)),
            (Some(method), None) => Some(Self::Notification(method, params)),
            (None, Some(id)) => match (record.get("error"), record.get("result")) {
                (Some(error), _) if !error.is_null() => Some(Self::Response(id.as_u64()?, Err(error))),
                (_, result) => Some(Self::Response(id.as_u64()?, Ok(result.unwrap_or(&Value::Null)))),
            },
            (None, None) => None,
        }
    }
}

/// Sends a request.
pub fn request(id: u64, method: &str, params: &impl Serialize, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}), step);
}

/// Sends a notification.
pub fn notify(method: &str, params: &impl Serialize, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "method": method, "params": params}), step);
}

/// Sends the result of a request of the agent.
pub fn respond(id: &Value, result: &impl Serialize, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "id": id, "result": result}), step);
}

/// Rejects a request of the agent.
pub fn reject(id: &Value, code: i64, message: &str, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}), step);
}

fn send(message: &Value, step: &mut CodecStep) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}
