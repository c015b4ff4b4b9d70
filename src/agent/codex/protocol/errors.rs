//! Maps Codex's errors to run failures, and tracks the account's rate limits.

use serde_json::Value;

use super::rpc;
use crate::domain::Time;
use crate::domain::run::{Quota, RunFailure};

/// Failure of starting or resuming a thread. It never causes a new thread.
pub(super) fn of_thread(error: &Value) -> RunFailure {
    let message = rpc::message(error).to_owned();
    if ["no rollout found", "invalid session id", "invalid thread id", "thread not found"]
        .iter()
        .any(|words| message.contains(words))
    {
        RunFailure::UnknownSession(message)
    } else if message.contains("already has an active writer") {
        RunFailure::OpenElsewhere(message)
    } else if rpc::unknown_method(error) {
        RunFailure::UnsupportedVersion(format!("This version of Codex is too old for salon: {message}"))
    } else {
        RunFailure::Other(message)
    }
}

/// Failure of a turn: `{message, codexErrorInfo, additionalDetails}`.
pub(super) fn of_turn(error: &Value, limits: &RateLimits) -> RunFailure {
    let message = match (rpc::message(error), error["additionalDetails"].as_str()) {
        (message, Some(details)) if !details.is_empty() => format!("{message}\n{details}"),
        (message, _) => message.to_owned(),
    };
    let info = &error["codexErrorInfo"];
    // A code is a word, or an object whose only field contains the HTTP status.
    let (code, status) = match info.as_object().and_then(|fields| fields.iter().next()) {
        Some((code, fields)) => (code.as_str(), fields["httpStatusCode"].as_u64()),
        None => (info.as_str().unwrap_or_default(), None),
    };
    match (code, status.or_else(|| status_in(&message))) {
        ("usageLimitExceeded" | "rateLimitExceeded", _) | (_, Some(429)) => {
            RunFailure::RateLimited { until: limits.until(), message }
        }
        ("unauthorized", _) | (_, Some(401 | 403)) => RunFailure::NotLoggedIn(message),
        ("modelNotFound", _) => RunFailure::UnknownModel(message),
        _ => RunFailure::Other(message),
    }
}

/// HTTP status in the message of versions without codes: `last status: 429 Too Many Requests`.
fn status_in(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once("last status: ").or_else(|| message.split_once("unexpected status "))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Rate limits of the account, as last reported.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateLimits {
    /// The short and the long window: percent used, and reset time in seconds since 1970.
    windows: [Option<(f64, Option<i64>)>; 2],
}

impl RateLimits {
    /// Merges a snapshot; windows that it omits are unchanged.
    pub(super) fn update(&mut self, snapshot: &Value) {
        for (known, name) in self.windows.iter_mut().zip(["primary", "secondary"]) {
            let window = &snapshot[name];
            if let Some(used) = window["usedPercent"].as_f64() {
                *known = Some((used, window["resetsAt"].as_i64()));
            }
        }
    }

    /// Returns the used part of the window that is closest to its limit.
    pub(super) fn quota(&self) -> Option<Quota> {
        let (used, resets) = self.windows.iter().flatten().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let resets_at = resets.and_then(|seconds| seconds.checked_mul(1000)).map(Time::from_millis);
        #[expect(clippy::cast_possible_truncation, reason = "a percentage needs no more digits")]
        Some(Quota { percent: used as f32, resets_at })
    }

    /// Latest reset time of the exhausted windows.
    fn until(&self) -> Option<Time> {
        let used_up = self.windows.iter().flatten().filter(|(used, _)| *used >= 100.0);
        let resets = used_up.filter_map(|(_, resets)| *resets).max()?;
        resets.checked_mul(1000).map(Time::from_millis)
    }
}
