//! Action to run at startup.

use std::path::PathBuf;

use crate::domain::run::RunStart;
use crate::domain::{Agent, SessionKey};

/// Action to run once its session is known.
#[derive(Clone, Debug)]
pub enum StartupAction {
    /// Continue a session in the chat.
    Chat {
        /// Session key.
        key: SessionKey,
        /// Prompt to send, if any.
        prompt: Option<String>,
    },
    /// Open a session's transcript.
    Open(SessionKey),
    /// Search for a text.
    Search(String),
    /// Select the workspace of a directory.
    Workspace(PathBuf),
    /// Watch a session.
    Watch(SessionKey),
    /// Show a message.
    Notice(String),
    /// Open the form of a new session with a prompt to edit.
    EditNew {
        /// Agent that runs it; `None` for another one than that of the session that is continued.
        agent: Option<Agent>,
        /// Directory and settings.
        start: RunStart,
        /// Prompt.
        prompt: String,
    },
    /// Start a new session.
    New {
        /// Agent that runs it.
        agent: Agent,
        /// Directory and settings.
        start: RunStart,
        /// Prompt to send, if any.
        prompt: Option<String>,
    },
}
