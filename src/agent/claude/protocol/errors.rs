//! Classification of failed results and of the program's error messages.

use serde_json::Value;

use crate::domain::Time;
use crate::domain::run::RunFailure;

/// Message of a failed result, without diagnostics for the agent's developers.
pub(super) fn message(record: &Value) -> String {
    if let Some(text) = record["result"].as_str().filter(|text| !text.is_empty()) {
        return text.to_owned();
    }
    let errors = record["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let errors: Vec<&str> = errors.filter(|error| !error.starts_with("[ede_diagnostic]")).collect();
    if errors.is_empty() { record["subtype"].as_str().unwrap_or("error").replace('_', " ") } else { errors.join("\n") }
}

/// Parses the end of a rate limit that early versions append to the message: `…|1735689600`.
pub(super) fn limit_reset(message: &str) -> Option<Time> {
    message.rsplit_once('|')?.1.trim().parse().ok().map(Time::from_secs)
}

/// Recognises the program's messages that it cannot work on a session.
pub(super) fn refusal(text: &str) -> Option<RunFailure> {
    let line = |marks: &[&str]| {
        let line = text.lines().find(|line| marks.iter().all(|mark| line.contains(mark)))?.trim();
        Some(line.strip_prefix("Error: ").unwrap_or(line).to_owned())
    };
    line(&["No conversation found with session ID"])
        .map(RunFailure::UnknownSession)
        .or_else(|| line(&["Session ID", "is already in use"]).map(RunFailure::OpenElsewhere))
        .or_else(|| line(&["Please run /login"]).or_else(|| line(&["Invalid API key"])).map(RunFailure::NotLoggedIn))
}
