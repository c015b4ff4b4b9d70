//! Everything that is specific to one agent: where it keeps sessions, what its records mean, how it is started.
//!
//! One folder an agent and one row in [`FORMATS`]. Above this layer nothing knows an agent's file names or fields.
//! Readers only read: they open files and databases read-only, and never fail as a whole; they yield what they
//! could, and [`Issue`](crate::domain::Issue)s for the rest.

pub mod environment;
pub mod format;
pub mod protocol;
pub mod texts;

mod claude;
mod codex;
mod folder;
mod gemini;
mod goose;
mod jsonl;
mod opencode;
mod pages;
mod qwen;
mod sqlite;

pub use environment::Environment;
pub use format::{
    Cursor, Discovery, Endangered, Format, Marks, Note, Progress, Reading, Refreshed, Root, Sessions, Stamp,
    Summarised, TextLimit, Unit,
};

pub use protocol::Protocol;
pub use texts::Texts;

use crate::domain::Agent;

/// The table of agents.
pub static FORMATS: [&dyn Format; 6] =
    [&claude::Claude, &opencode::OpenCode, &codex::Codex, &gemini::Gemini, &qwen::Qwen, &goose::Goose];

/// How an agent is driven; `None` where salon cannot.
pub fn protocol(agent: Agent) -> Option<&'static dyn Protocol> {
    match agent {
        Agent::Claude => Some(&claude::Stream),
        Agent::OpenCode => Some(&opencode::Serve),
        Agent::Codex => Some(&codex::AppServer),
        Agent::Gemini | Agent::Qwen | Agent::Goose => None,
    }
}

/// The format of an agent.
pub fn format(agent: Agent) -> &'static dyn Format {
    FORMATS.into_iter().find(|format| format.agent() == agent).expect("every agent has a row in FORMATS")
}
