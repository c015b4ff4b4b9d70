//! Reasons of failures, from what a transport's program reports.

use super::command::MISSING;
use crate::domain::remote::RemoteFailure;
use crate::serve::message::PROTOCOL;
use crate::serve::{ConnectError, VERSION};
use crate::stdx::text::one_line;

/// Maximum characters of a reason.
const MAX_REASON: usize = 200;

/// Exit code of ssh if it could not connect; any other is that of the program over there.
const SSH_FAILED: i32 = 255;

/// End of a transport's program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportEnd {
    /// Name of the program.
    pub program: String,
    /// Exit code; `None` if it runs, or if a signal ended it.
    pub code: Option<i32>,
    /// End of its messages.
    pub messages: String,
}

/// Returns the reason why no connection was made.
pub fn classify(error: &ConnectError, end: &TransportEnd) -> RemoteFailure {
    if let ConnectError::Incompatible { version, protocol, .. } = error {
        let (version, own_version) = (one_line(version), VERSION.to_owned());
        return RemoteFailure::Incompatible { version, own_version, is_older: *protocol < PROTOCOL };
    }
    // What a login printed before says nothing about it.
    if end.code == Some(MISSING) {
        return RemoteFailure::Missing;
    }
    let messages = end.messages.to_lowercase();
    // docker and its compose, podman, and the program of development containers.
    if ["is not running", "container state improper", "is paused", "dev container not found"]
        .iter()
        .any(|text| messages.contains(text))
    {
        return RemoteFailure::Stopped;
    }
    // A salon without the options of this one ends with a message about its usage.
    if messages.contains("unexpected argument") && messages.contains("salon") {
        let own_version = VERSION.to_owned();
        return RemoteFailure::Incompatible { version: "of an older version".to_owned(), own_version, is_older: true };
    }
    if end.code.is_none_or(|code| code == SSH_FAILED) && needs_person(&end.messages) {
        return RemoteFailure::NeedsUser(last_line(&end.messages));
    }
    match error {
        ConnectError::Failed(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            RemoteFailure::Misbehaved(error.to_string())
        }
        _ => RemoteFailure::Unreachable(reason(error, end)),
    }
}

/// Returns the reason of a lost connection.
pub(super) fn lost(reason: &str, end: &TransportEnd) -> RemoteFailure {
    let is_garbage =
        ["no message", "exceeds", "too much", "within a compressed"].iter().any(|text| reason.contains(text));
    if is_garbage {
        return RemoteFailure::Misbehaved(reason.to_owned());
    }
    let last = last_line(&end.messages);
    RemoteFailure::Unreachable(if last.is_empty() { "the connection was lost".to_owned() } else { last })
}

fn reason(error: &ConnectError, end: &TransportEnd) -> String {
    let last = last_line(&end.messages);
    if !last.is_empty() {
        return last;
    }
    match (error, end.code) {
        (ConnectError::Failed(error), _) if error.kind() == std::io::ErrorKind::TimedOut => "no answer".to_owned(),
        (_, Some(code)) => format!("{} ended with exit code {code}", end.program),
        (error, None) => error.to_string(),
    }
}

/// Returns true if ssh needs a person: a passphrase, a second factor, an unknown or changed key of the host.
fn needs_person(messages: &str) -> bool {
    ["Permission denied", "Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"]
        .iter()
        .any(|text| messages.contains(text))
}

/// Last line that says something. Programs print hints before the reason.
fn last_line(messages: &str) -> String {
    let line = messages.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    crate::stdx::text::first_chars(&one_line(line), MAX_REASON).to_owned()
}
