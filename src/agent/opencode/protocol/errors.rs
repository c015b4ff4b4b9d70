//! Maps OpenCode's errors to outcomes and failures.

use serde_json::Value;

use crate::domain::Time;
use crate::domain::run::{RunFailure, TurnOutcome};

/// Outcome of a turn that ended with this error.
pub(super) fn outcome(error: &Value, now: Time) -> TurnOutcome {
    if error["name"] == "MessageAbortedError" {
        TurnOutcome::Interrupted
    } else {
        TurnOutcome::Failed(failure(error, now))
    }
}

/// Failure, classified by its remedy.
pub(super) fn failure(error: &Value, now: Time) -> RunFailure {
    let name = error["name"].as_str().unwrap_or("Error");
    let data = &error["data"];
    let message = data["message"].as_str().or_else(|| error["message"].as_str()).unwrap_or_default();
    let first_line = message.lines().next().unwrap_or_default().trim();
    let text = if first_line.is_empty() { name.to_owned() } else { first_line.to_owned() };
    match (name, data["statusCode"].as_u64()) {
        ("ProviderAuthError", _) | (_, Some(401 | 403)) => RunFailure::NotLoggedIn(text),
        (_, Some(429)) => RunFailure::RateLimited { until: retry_after(&data["responseHeaders"], now), message: text },
        ("ProviderModelNotFoundError", _) => RunFailure::UnknownModel(text),
        _ if first_line.contains("Model not found") => RunFailure::UnknownModel(text),
        (_, Some(404)) if first_line.to_lowercase().contains("model") => RunFailure::UnknownModel(text),
        (_, Some(status)) => RunFailure::Other(format!("{text} ({status})")),
        ("UnknownError" | "APIError", None) => RunFailure::Other(text),
        _ if first_line.is_empty() => RunFailure::Other(text),
        _ => RunFailure::Other(format!("{name}: {text}")),
    }
}

/// Time of the next permitted attempt, if the provider's headers contain it.
fn retry_after(headers: &Value, now: Time) -> Option<Time> {
    let number = |name: &str| headers[name].as_str().and_then(|text| text.trim().parse::<f64>().ok());
    let millis = number("retry-after-ms").or_else(|| number("retry-after").map(|seconds| seconds * 1000.0))?;
    #[expect(clippy::cast_possible_truncation, reason = "within bounds that hold it")]
    (0.0..1e12).contains(&millis).then(|| Time::from_millis(now.millis().saturating_add(millis as i64)))
}

/// Message of a rejected request.
pub(super) fn rejection_text(status: u16, body: &[u8]) -> String {
    let text = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let message = text["data"]["message"].as_str().or_else(|| text["message"].as_str());
    match (status, message) {
        (0, _) => format!("no answer: {}", String::from_utf8_lossy(body)),
        (401, _) => "OpenCode's server rejected the password".to_owned(),
        (_, Some(message)) => message.to_owned(),
        (_, None) => format!("OpenCode's server answered {status}"),
    }
}
