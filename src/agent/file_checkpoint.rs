//! Commits that an agent makes of a project's files in a repository of its own.

use std::path::PathBuf;

use serde_json::Value;

use crate::domain::Time;

/// Commit of a project's files that the agent made before a tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct FileCheckpoint {
    /// Directory of the agent's own repository, whose work tree is the project.
    pub repository: PathBuf,
    /// The commit.
    pub commit: String,
    /// Name of the called tool.
    pub tool: String,
    /// Input of the call.
    pub input: Value,
    /// Time of the commit, if known.
    pub made: Option<Time>,
}
