//! Messages of JSON-RPC, which some agents speak, one per line. The version field is not required, because Codex omits it.

use serde_json::Value;

use super::protocol::{CodecStep, Outgoing};

/// A message from the agent.
#[derive(Debug)]
pub(super) enum RpcMessage<'a> {
    /// Response to a request of salon: its id, and the result or the error.
    Response(u64, Result<&'a Value, &'a Value>),
    /// Request of the agent: its id, method and parameters.
    Request(&'a Value, &'a str, &'a Value),
    /// Notification: method and parameters.
    Notification(&'a str, &'a Value),
}

impl<'a> RpcMessage<'a> {
    /// Classifies a record; `None` for JSON that is no message.
    pub(super) fn of(record: &'a Value) -> Option<Self> {
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

/// Sends a message.
pub(super) fn send(message: &Value, step: &mut CodecStep) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}
