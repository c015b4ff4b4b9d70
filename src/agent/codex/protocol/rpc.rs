//! Messages to `codex app-server`: JSON-RPC without its version field, one message per line.

use serde_json::{Value, json};

use crate::agent::json_rpc::send;
use crate::agent::protocol::CodecStep;

pub(super) fn request(id: u64, method: &str, params: &Value, step: &mut CodecStep) {
    send(&json!({"id": id, "method": method, "params": params}), step);
}

pub(super) fn notify(method: &str, step: &mut CodecStep) {
    send(&json!({"method": method}), step);
}

pub(super) fn respond(id: &Value, result: &Value, step: &mut CodecStep) {
    send(&json!({"id": id, "result": result}), step);
}

/// Rejects a request that salon does not support.
pub(super) fn refuse(id: &Value, method: &str, step: &mut CodecStep) {
    let message = format!("salon does not support the request {method}");
    send(&json!({"id": id, "error": {"code": -32601, "message": message}}), step);
}

/// True if an error says that this version of the agent does not know the method.
pub(super) fn unknown_method(error: &Value) -> bool {
    let message = message(error).to_ascii_lowercase();
    error["code"] == -32601 || message.contains("unknown variant") || message.contains("method not found")
}

/// Message of an error.
pub(super) fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap_or("refused")
}
