//! What went wrong with a run, in words: the cause first, then what helps.

use crate::domain::Agent;
use crate::domain::run::{Failure, Refusal, Stopped};

/// A failure in words.
pub fn words(failure: &Failure, agent: Agent) -> String {
    let name = agent.label();
    match failure {
        Failure::NotInstalled => {
            format!("{name} is not installed: there is no program \"{}\" on PATH.", agent.name())
        }
        Failure::NotLoggedIn(said) => with(&format!("{name} is not logged in: log in with \"{}\"", agent.name()), said),
        Failure::RateLimited { message, .. } => with("Too many requests: it can be tried again later", message),
        Failure::UnknownModel(model) => with("The model is not known: choose another one", model),
        Failure::UnknownSession(said) => with(&format!("{name} does not know the session"), said),
        Failure::HeldElsewhere(holder) => with("Another program has the session open", holder),
        Failure::Crashed { code: Some(code), stderr } => with(&format!("{name} ended by itself, exit {code}"), stderr),
        Failure::Crashed { code: None, stderr } => with(&format!("{name} was ended by a signal"), stderr),
        Failure::Other(said) => with(&format!("{name} failed"), said),
    }
}

/// Why something was not done, in words.
pub fn refused(refusal: &Refusal, agent: Agent) -> String {
    match refusal {
        Refusal::HeldBy { pid } => format!("Another salon (process {pid}) runs it: it can be followed."),
        Refusal::OpenElsewhere(holder) => with("Another program has the session open", holder),
        Refusal::NotKept(reason) => with("It could not be kept on disk, and is not sent", reason),
        Refusal::UnknownRun => "There is no such run any more.".to_owned(),
        Refusal::Failed(failure) => words(failure, agent),
    }
}

/// Why there is no process, in words.
pub fn stopped(stopped: &Stopped, agent: Agent) -> String {
    match stopped {
        Stopped::NotStarted => "not started".to_owned(),
        Stopped::OnRequest => "stopped".to_owned(),
        Stopped::Evicted => "resting: it goes on with the next prompt".to_owned(),
        Stopped::Failed(failure) => words(failure, agent),
    }
}

fn with(cause: &str, said: &str) -> String {
    match said.trim() {
        "" => format!("{cause}."),
        said => format!("{cause}: {said}"),
    }
}
