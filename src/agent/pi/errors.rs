//! Maps errors of pi to run failures.

use crate::domain::run::RunFailure;

/// Failure that pi reports as the text `STATUS: message`.
pub(super) fn failure(text: String) -> RunFailure {
    let status = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    match status {
        "429" => RunFailure::RateLimited { until: None, message: text },
        "401" | "403" => RunFailure::NotLoggedIn(text),
        "404" if lower.contains("model") => RunFailure::UnknownModel(text),
        _ if lower.contains("no api key") => RunFailure::NotLoggedIn(text),
        _ => RunFailure::Other(text),
    }
}
