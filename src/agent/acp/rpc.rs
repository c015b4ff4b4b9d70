//! Messages to an agent: JSON-RPC 2.0, one per line.

use serde::Serialize;
use serde_json::{Value, json};

use crate::agent::json_rpc::send;
use crate::agent::protocol::CodecStep;

/// Error code for a method that salon does not serve.
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
/// Error code for parameters that cannot be served.
pub(super) const INVALID_PARAMS: i64 = -32602;
/// Error code for a request that failed.
pub(super) const INTERNAL_ERROR: i64 = -32603;
/// Error code for a file that does not exist.
pub(super) const NOT_FOUND: i64 = -32002;

/// Sends a request.
pub(super) fn request(id: u64, method: &str, params: &impl Serialize, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}), step);
}

/// Sends a notification.
pub(super) fn notify(method: &str, params: &impl Serialize, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "method": method, "params": params}), step);
}

/// Sends the result of a request of the agent.
pub(super) fn respond(id: &Value, result: &impl Serialize, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "id": id, "result": result}), step);
}

/// Rejects a request of the agent.
pub(super) fn reject(id: &Value, code: i64, message: &str, step: &mut CodecStep) {
    send(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}), step);
}
