//! Owner of the terminal: salon or a foreground program.

use std::time::Instant;

use super::command_sequence::CommandSequence;
use super::foreground::ForegroundChild;
use crate::app::Msg;
use crate::domain::SessionKey;

/// Owner of the terminal.
#[derive(Debug)]
pub(super) enum TerminalOwner {
    /// Salon.
    Salon,
    /// A foreground program.
    Program {
        /// Its process.
        child: ForegroundChild,
        /// Purpose of the program.
        purpose: Purpose,
        /// Start time.
        since: Instant,
    },
    /// A program failed, and its output stays visible until a key is pressed.
    Failure(Msg),
}

/// Purpose of a foreground program.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Resume a session.
    Resume(SessionKey),
    /// Connect a source.
    Connect(std::sync::Arc<str>),
    /// Edit a text of the user.
    EditText(std::path::PathBuf),
    /// Run commands that the user chose.
    Commands(CommandSequence),
    /// Edit a file. A temporary file is removed afterwards.
    Edit(Option<std::path::PathBuf>),
}
