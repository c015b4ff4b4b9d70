//! Writes a name back into an agent's own files, in the agent's own way. Only on the user's explicit request. Blocks: not
//! for the event loop.

use std::path::Path;

use super::{agent_command, env, resume};
use crate::agent::{self, Environment, Protocol};
use crate::domain::Session;
use crate::live::server_request;

/// Writes a title for the agent. The error is the reason why it does not know the name.
pub fn write_back(session: &Session, title: &str, environment: &Environment) -> Result<(), String> {
    let label = session.key.agent.label();
    if session.flags.subagent {
        return Err("a sub-agent cannot be renamed".to_owned());
    }
    let format = agent::format(session.key.agent);
    // A running agent would overwrite it, or write at the same time.
    let status = resume::live_status(&session.key, environment);
    if let Some(status) = status.filter(|status| !format.is_shared(environment, status)) {
        let owner = resume::describe_owner(&session.key, &status);
        return Err(format!("open in {owner}; rename it there, or close it first"));
    }
    if let Some(written) = format.write_title(session, title) {
        return written.map_err(|error| format!("{}: {error}", session.path.display()));
    }
    if let Some(exchange) = format.rename_exchange(session, title) {
        return agent_command::exchange(&exchange);
    }
    // A session with files of its own is not in the database that the server uses.
    let protocol = agent::protocol(session.key.agent).filter(|_| format.own_files(session).is_none());
    let request = |protocol: &dyn Protocol| protocol.rename_request(&session.key.id, Path::new(&*session.cwd), title);
    match protocol.filter(|protocol| request(*protocol).is_some()) {
        Some(protocol) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let vars: Vec<_> = env::vars().collect();
            runtime.map_err(|error| error.to_string())?.block_on(server_request::send(protocol, &vars, &request))
        }
        None => Err(format!("{label} has no way to rename a session from outside; salon can name it for itself")),
    }
}
