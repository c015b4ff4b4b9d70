//! One request to an agent's server outside of a run, such as the change of a title. The server runs only for it.

use std::sync::Arc;
use std::time::Duration;

use super::environment;
use super::process::ChildEnvironment;
use super::server::{Freshness, HttpRequest, ServerConfig, ServerHandle, ServerSource, ServiceLookup};
use crate::agent::Protocol;
use crate::agent::protocol::{Conversation, Outgoing, RunStart, Transport};
use crate::domain::run::RunFailure;

/// Starts the server of an agent with the user's variables, sends a request, and stops the server. A server that the
/// user's own program registered is used instead, and goes on. `request` makes the request for the protocol of the
/// server's version; `None` if it has none. The error is the reason why the request failed.
pub async fn send(
    protocol: &'static dyn Protocol,
    vars: &[(String, String)],
    request: &dyn Fn(&dyn Protocol) -> Option<Outgoing>,
) -> Result<(), String> {
    let spec = protocol.server().ok_or("the agent has no server")?;
    let launch = protocol.launch(&RunStart::new(Conversation::New { id: None }, "/".into()));
    let program = launch.program.clone();
    if !environment::is_installed(&program, vars) {
        return Err(format!("{program} is not installed"));
    }
    let environment = ChildEnvironment { vars: environment::of_child(vars, protocol, &launch.cwd) };
    let users = vars.to_vec();
    let service = Some(ServiceLookup(Arc::new(move || protocol.registered_server(&users))));
    let config = ServerConfig::new(ServerSource::Own { launch, environment }, spec);
    let server = ServerHandle::new(ServerConfig { service, ..config });
    let mut sent = exchange(&server, &program, request(protocol)).await;
    // The server may turn out to be of another generation.
    if sent.is_err() && server.status().spec != Some(spec) {
        let next = protocol.fallback(&RunFailure::UnsupportedVersion(String::new()));
        if let Some(next) = next.filter(|next| next.transport() == Transport::Server) {
            sent = exchange(&server, &program, request(next)).await;
        }
    }
    server.shut_down().await;
    sent
}

async fn exchange(server: &ServerHandle, program: &str, request: Option<Outgoing>) -> Result<(), String> {
    let Some(Outgoing::Request { method, path, headers, body, .. }) = request else {
        return Err(format!("{program}: this version does not know the request"));
    };
    let request = HttpRequest { method, path, headers, body, shared: true, pause: Duration::ZERO };
    let fetched = server.fetch(request, Freshness::New).await;
    match (fetched.error, fetched.response) {
        (Some(reason), _) => Err(format!("{program}: {reason}")),
        (None, Some(response)) if response.status == 204 => Ok(()),
        // A server answers an unknown path with its web page.
        (None, Some(response)) if serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).is_err() => {
            Err(format!("{program}: this version does not know the request"))
        }
        (None, Some(_)) => Ok(()),
        (None, None) => Err(format!("{program}: no response")),
    }
}
