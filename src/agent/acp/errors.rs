//! Maps errors of the protocol to run failures.

use serde_json::Value;

use crate::domain::run::RunFailure;

/// Error code of an agent that requires a login.
const AUTH_REQUIRED: i64 = -32000;

/// Failure of opening a session. It never causes a new session.
pub(super) fn of_session(error: &Value, login: &str) -> RunFailure {
    let text = text(error);
    let is_unknown = |words: &&str| text.to_ascii_lowercase().contains(*words);
    match error["code"].as_i64() {
        Some(super::rpc::NOT_FOUND) => RunFailure::UnknownSession(text),
        Some(AUTH_REQUIRED) => RunFailure::NotLoggedIn(format!("{text}. {login}")),
        _ if ["invalid session identifier", "session not found", "unknown session"].iter().any(is_unknown) => {
            RunFailure::UnknownSession(text)
        }
        _ => of_text(text),
    }
}

/// Failure of a turn.
pub(super) fn of_turn(error: &Value, login: &str) -> RunFailure {
    let text = text(error);
    match error["code"].as_i64() {
        Some(429) => RunFailure::RateLimited { until: None, message: text },
        Some(401 | 403) => RunFailure::NotLoggedIn(text),
        Some(404) => RunFailure::UnknownModel(text),
        Some(AUTH_REQUIRED) => RunFailure::NotLoggedIn(format!("{text}. {login}")),
        _ => of_text(text),
    }
}

/// Failure that an agent reported as text: the status of its model service is part of the message.
pub(super) fn of_text(text: String) -> RunFailure {
    let is_status = |status: &str| text.split(|c: char| !c.is_ascii_digit()).any(|word| word == status);
    let lower = text.to_ascii_lowercase();
    if is_status("429") || lower.contains("rate limit") || lower.contains("resource_exhausted") {
        RunFailure::RateLimited { until: None, message: text }
    } else if is_status("401") || is_status("403") || lower.contains("api key not valid") {
        RunFailure::NotLoggedIn(text)
    } else if is_status("404") && lower.contains("model") {
        RunFailure::UnknownModel(text)
    } else {
        RunFailure::Other(text)
    }
}

/// True if the agent rejected a prompt without processing it.
pub(super) fn is_refusal(error: &Value) -> bool {
    matches!(error["code"].as_i64(), Some(-32700 | -32602..=-32600 | AUTH_REQUIRED | super::rpc::NOT_FOUND))
}

/// True if the agent does not have the method.
pub(super) fn is_unknown_method(error: &Value) -> bool {
    error["code"].as_i64() == Some(super::rpc::METHOD_NOT_FOUND)
}

/// Message of an error: what the agent says in detail, else its message. Some messages are the JSON of a model service.
pub(super) fn text(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or_default();
    let details = error["data"]["details"].as_str().or_else(|| error["data"].as_str());
    let inner = serde_json::from_str::<Value>(details.unwrap_or(message)).unwrap_or_default();
    let inner = inner["error"]["message"].as_str().or_else(|| inner["message"].as_str());
    let text = inner.or(details).unwrap_or(message).trim();
    if text.is_empty() { error.to_string() } else { text.to_owned() }
}
