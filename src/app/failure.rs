//! Error messages for failed and stopped runs: the cause first, then the remedy.

use crate::domain::Agent;
use crate::domain::run::{Refusal, RunFailure, StopReason};

/// Returns the message for a failure.
pub fn describe(failure: &RunFailure, agent: Agent) -> String {
    let name = agent.label();
    match failure {
        RunFailure::NotInstalled => {
            format!(
                "{name} is not installed: \"{}\" was not found on PATH. Install it, or add it to PATH.",
                agent.program()
            )
        }
        RunFailure::NotLoggedIn(detail) => {
            with(&format!("{name} is not logged in: run \"{}\"", agent.login_command()), detail)
        }
        RunFailure::RateLimited { message, .. } => with("Rate limited: try again later", message),
        RunFailure::UnknownModel(model) => with("Unknown model: choose another one", model),
        RunFailure::UnknownSession(detail) => with(&format!("{name} cannot find the session"), detail),
        RunFailure::OpenElsewhere(owner) => with("Another program has the session open", owner),
        RunFailure::Crashed { code: Some(code), stderr } => {
            with(&format!("{name} exited unexpectedly (exit code {code})"), stderr)
        }
        RunFailure::Crashed { code: None, stderr } => with(&format!("{name} was killed by a signal"), stderr),
        RunFailure::UnsupportedVersion(detail) => with("Unsupported version", detail),
        RunFailure::Other(detail) => with(&format!("{name} failed"), detail),
    }
}

/// Returns the message for a failure without its details, for places next to the transcript, which contains them.
pub fn summarise(failure: &RunFailure, agent: Agent) -> String {
    let text = match failure {
        RunFailure::NotInstalled => return describe(failure, agent),
        RunFailure::NotLoggedIn(_) => describe(&RunFailure::NotLoggedIn(String::new()), agent),
        RunFailure::RateLimited { .. } => {
            describe(&RunFailure::RateLimited { until: None, message: String::new() }, agent)
        }
        RunFailure::UnknownModel(_) => describe(&RunFailure::UnknownModel(String::new()), agent),
        RunFailure::UnknownSession(_) => describe(&RunFailure::UnknownSession(String::new()), agent),
        RunFailure::OpenElsewhere(_) => describe(&RunFailure::OpenElsewhere(String::new()), agent),
        RunFailure::Crashed { code, .. } => {
            describe(&RunFailure::Crashed { code: *code, stderr: String::new() }, agent)
        }
        RunFailure::UnsupportedVersion(_) => "Unsupported version".to_owned(),
        RunFailure::Other(_) => "Failed".to_owned(),
    };
    text.trim_end_matches('.').to_owned()
}

/// Returns the message for a refused request to a run.
pub fn describe_refusal(refusal: &Refusal, agent: Agent) -> String {
    match refusal {
        Refusal::Failed(failure) => describe(failure, agent),
        Refusal::NotSaved(why) => format!("could not be saved to disk: {why}"),
        Refusal::Offline(why) => why.clone(),
        Refusal::LeasedBy { .. } | Refusal::OpenElsewhere(_) | Refusal::Untrusted(_) | Refusal::UnknownRun => {
            refusal.to_string()
        }
    }
}

/// Returns the reason why a run has no process.
pub fn describe_stop(stopped: &StopReason, agent: Agent) -> String {
    match stopped {
        StopReason::NotStarted => "not started".to_owned(),
        StopReason::OnRequest => "stopped".to_owned(),
        StopReason::Evicted => "idle · restarts with your next prompt".to_owned(),
        StopReason::Failed(failure) => describe(failure, agent),
    }
}

fn with(cause: &str, detail: &str) -> String {
    match detail.trim() {
        "" => format!("{cause}."),
        detail => format!("{cause}: {detail}"),
    }
}
