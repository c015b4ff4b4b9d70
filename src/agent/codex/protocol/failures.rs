//! What went wrong, told apart by Codex's error codes, and until when its limits last.

use serde_json::Value;

use super::wire;
use crate::domain::Time;
use crate::domain::run::Failure;

/// Why a thread could not be begun or taken up again. Never a reason to begin another one.
pub fn of_thread(error: &Value) -> Failure {
    let message = wire::message(error).to_owned();
    if ["no rollout found", "invalid session id", "invalid thread id", "thread not found"]
        .iter()
        .any(|words| message.contains(words))
    {
        Failure::UnknownSession(message)
    } else if message.contains("already has an active writer") {
        Failure::HeldElsewhere(message)
    } else if wire::unknown_method(error) {
        Failure::Other(format!("This version of Codex is too old to be driven: {message}"))
    } else {
        Failure::Other(message)
    }
}

/// Why a turn failed: `{message, codexErrorInfo, additionalDetails}`.
pub fn of_turn(error: &Value, limits: &Limits) -> Failure {
    let message = match (wire::message(error), error["additionalDetails"].as_str()) {
        (message, Some(details)) if !details.is_empty() => format!("{message}\n{details}"),
        (message, _) => message.to_owned(),
    };
    let info = &error["codexErrorInfo"];
    // A code is a word, or an object of one field that holds the HTTP status.
    let (code, status) = match info.as_object().and_then(|fields| fields.iter().next()) {
        Some((code, fields)) => (code.as_str(), fields["httpStatusCode"].as_u64()),
        None => (info.as_str().unwrap_or_default(), None),
    };
    match (code, status.or_else(|| status_in(&message))) {
        ("usageLimitExceeded" | "rateLimitExceeded", _) | (_, Some(429)) => {
            Failure::RateLimited { until: limits.until(), message }
        }
        ("unauthorized", _) | (_, Some(401 | 403)) => Failure::NotLoggedIn(message),
        ("modelNotFound", _) => Failure::UnknownModel(message),
        _ => Failure::Other(message),
    }
}

/// Versions without codes name the status in words: `last status: 429 Too Many Requests`.
fn status_in(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once("last status: ").or_else(|| message.split_once("unexpected status "))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The limits of the account, as they were told last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The short and the long window: percent used, and when it begins anew.
    windows: [Option<(f64, Option<i64>)>; 2],
}

impl Limits {
    /// Takes in a snapshot; what it does not mention stays.
    pub fn update(&mut self, snapshot: &Value) {
        for (known, name) in self.windows.iter_mut().zip(["primary", "secondary"]) {
            let window = &snapshot[name];
            if let Some(used) = window["usedPercent"].as_f64() {
                *known = Some((used, window["resetsAt"].as_i64()));
            }
        }
    }

    /// When every window that is used up has begun anew.
    fn until(&self) -> Option<Time> {
        let used_up = self.windows.iter().flatten().filter(|(used, _)| *used >= 100.0);
        let resets = used_up.filter_map(|(_, resets)| *resets).max()?;
        resets.checked_mul(1000).map(Time::from_millis)
    }
}
