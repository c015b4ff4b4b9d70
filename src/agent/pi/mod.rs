//! pi (1.6.0), driven by its own protocol: `pi --mode rpc`, one JSON object per line in both directions.
//!
//! pi never asks for permission; its extensions can, by dialogs. It allows prompts within a turn. [`mod@codec`] encodes
//! commands and keeps the turn, [`events`] decodes what pi reports, [`dialogs`] the questions of its extensions. No IO
//! and no clock.

mod codec;
mod dialogs;
mod errors;
mod events;
mod tools;

use super::protocol::{Codec, Conversation, RunStart};
use crate::domain::run::RunFailure;

/// Creates the codec of a conversation.
pub(super) fn codec() -> Box<dyn Codec> {
    Box::new(codec::PiCodec::default())
}

/// Arguments that open the conversation, after those that start the protocol.
pub(super) fn arguments(opening: &RunStart) -> Vec<String> {
    let (option, id) = match &opening.conversation {
        Conversation::New { .. } => return Vec::new(),
        Conversation::Resume(id) => ("--session", id),
        Conversation::Fork(id) => ("--fork", id),
    };
    vec![option.to_owned(), id.to_string()]
}

/// Reason why the process ended by itself.
pub(super) fn ended(code: Option<i32>, stderr: &str) -> RunFailure {
    match stderr.lines().find(|line| line.contains("No session found")) {
        Some(line) => RunFailure::UnknownSession(line.trim().to_owned()),
        None => RunFailure::Crashed { code, stderr: stderr.to_owned() },
    }
}
