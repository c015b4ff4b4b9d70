//! Requests of agents to run commands through salon: plain values that the transport executes.

use std::path::PathBuf;
use std::sync::Arc;

/// Id of a terminal, assigned by salon; unique within the process of an agent.
pub type TerminalId = Arc<str>;

/// Request of an agent about a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalRequest {
    /// Starts a command.
    Create(TerminalCommand),
    /// Returns the output so far.
    Output(TerminalId),
    /// Waits until the command has ended.
    WaitForExit(TerminalId),
    /// Ends the command. Its output remains.
    Kill(TerminalId),
    /// Ends the command if it runs, and forgets it.
    Release(TerminalId),
}

/// A command that an agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalCommand {
    /// Directory that the command's directory must not leave.
    pub root: PathBuf,
    /// Program, or a whole command line if there are no arguments.
    pub command: String,
    /// Arguments.
    pub args: Vec<String>,
    /// Variables besides those of the agent.
    pub env: Vec<(String, String)>,
    /// Directory of the command; `None` for the root.
    pub cwd: Option<PathBuf>,
    /// Maximum bytes of output that are kept, from its end.
    pub limit: Option<u64>,
}

/// Result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalResult {
    /// The command was started.
    Created(TerminalId),
    /// Output of a command.
    Output {
        /// The terminal.
        id: TerminalId,
        /// Output so far, or its end.
        text: String,
        /// True if the beginning of the output is missing.
        truncated: bool,
        /// End of the command; `None` while it runs.
        exit: Option<TerminalExit>,
    },
    /// The command has ended.
    Exited(TerminalExit),
    /// The command was ended or released.
    Done,
}

/// End of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalExit {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Number of the signal.
    pub signal: Option<i32>,
}
