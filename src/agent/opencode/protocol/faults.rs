//! What OpenCode's errors mean.

use serde_json::Value;

use crate::domain::Time;
use crate::domain::run::{Failure, Outcome};

/// How a turn ended that ended with this error.
pub fn outcome(error: &Value, now: Time) -> Outcome {
    if error["name"] == "MessageAbortedError" { Outcome::Interrupted } else { Outcome::Failed(failure(error, now)) }
}

/// What went wrong, told apart by what remedies it.
pub fn failure(error: &Value, now: Time) -> Failure {
    let name = error["name"].as_str().unwrap_or("Error");
    let data = &error["data"];
    let message = data["message"].as_str().or_else(|| error["message"].as_str()).unwrap_or_default();
    let words = message.lines().next().unwrap_or_default().trim();
    let told = if words.is_empty() { name.to_owned() } else { words.to_owned() };
    match (name, data["statusCode"].as_u64()) {
        ("ProviderAuthError", _) | (_, Some(401 | 403)) => Failure::NotLoggedIn(told),
        (_, Some(429)) => Failure::RateLimited { until: retry_after(&data["responseHeaders"], now), message: told },
        ("ProviderModelNotFoundError", _) => Failure::UnknownModel(told),
        _ if words.contains("Model not found") => Failure::UnknownModel(told),
        (_, Some(404)) if words.to_lowercase().contains("model") => Failure::UnknownModel(told),
        (_, Some(status)) => Failure::Other(format!("{told} ({status})")),
        ("UnknownError" | "APIError", None) => Failure::Other(told),
        _ if words.is_empty() => Failure::Other(told),
        _ => Failure::Other(format!("{name}: {told}")),
    }
}

/// When the provider allows the next try, where it says so.
fn retry_after(headers: &Value, now: Time) -> Option<Time> {
    let number = |name: &str| headers[name].as_str().and_then(|text| text.trim().parse::<f64>().ok());
    let millis = number("retry-after-ms").or_else(|| number("retry-after").map(|seconds| seconds * 1000.0))?;
    #[expect(clippy::cast_possible_truncation, reason = "within bounds that hold it")]
    (0.0..1e12).contains(&millis).then(|| Time::from_millis(now.millis().saturating_add(millis as i64)))
}

/// What a refused request says, in words.
pub fn refusal(status: u16, body: &[u8]) -> String {
    let told = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let message = told["data"]["message"].as_str().or_else(|| told["message"].as_str());
    match (status, message) {
        (0, _) => format!("no answer: {}", String::from_utf8_lossy(body)),
        (401, _) => "OpenCode's server refuses the password".to_owned(),
        (_, Some(message)) => message.to_owned(),
        (_, None) => format!("OpenCode's server answered {status}"),
    }
}
