//! One request to an agent's server outside of a run, such as the change of a title. The server runs only for it.

use super::environment;
use super::process::ChildEnvironment;
use super::server::{Freshness, HttpRequest, ServerConfig, ServerHandle, ServerSource};
use crate::agent::Protocol;
use crate::agent::protocol::{Conversation, Outgoing, RunStart};

/// Starts the server of an agent with the user's variables, sends a request, and stops the server. The error is the reason
/// why the request failed.
pub async fn send(protocol: &dyn Protocol, vars: &[(String, String)], request: Outgoing) -> Result<(), String> {
    let Outgoing::Request { method, path, headers, body, .. } = request else {
        return Err("this is no request to a server".to_owned());
    };
    let spec = protocol.server().ok_or("the agent has no server")?;
    let launch = protocol.launch(&RunStart::new(Conversation::New { id: None }, "/".into()));
    let program = launch.program.clone();
    if !environment::is_installed(&program, vars) {
        return Err(format!("{program} is not installed"));
    }
    let environment = ChildEnvironment { vars: environment::of_child(vars, protocol, &launch.cwd) };
    let server = ServerHandle::new(ServerConfig::new(ServerSource::Own { launch, environment }, spec));
    let request = HttpRequest { method, path, headers, body, shared: true };
    let fetched = server.fetch(request, Freshness::New).await;
    server.shut_down().await;
    match (fetched.error, fetched.response) {
        (Some(reason), _) => Err(format!("{program}: {reason}")),
        // A server answers an unknown path with its web page.
        (None, Some(response)) if serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).is_err() => {
            Err(format!("{program}: this version does not know the request"))
        }
        (None, Some(_)) => Ok(()),
        (None, None) => Err(format!("{program}: no response")),
    }
}
