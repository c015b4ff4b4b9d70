//! Writes a name back into an agent's own files, in the agent's own way. Only on the user's explicit request. Blocks: not
//! for the event loop.

use super::resume;
use crate::agent::{self, Environment};
use crate::domain::Session;

/// Writes a title for the agent. The error is the reason why it does not know the name.
pub fn write_back(session: &Session, title: &str, environment: &Environment) -> Result<(), String> {
    let label = session.key.agent.label();
    if session.flags.subagent {
        return Err("a sub-agent has no name of its own".to_owned());
    }
    // A running agent would overwrite it, or write at the same time.
    if let Some(status) = resume::live_status(&session.key, environment) {
        let owner = resume::describe_owner(&session.key, &status);
        return Err(format!("open in {owner}; rename it there, or close it first"));
    }
    match agent::format(session.key.agent).write_title(session, title) {
        Some(written) => written.map_err(|error| format!("{}: {error}", session.path.display())),
        None => Err(format!("{label} has no way to rename a session from outside; salon can name it for itself")),
    }
}
