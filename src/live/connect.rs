//! Opens connections: spawns a run's own child, or opens a session on the server that all runs of an agent share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::fingerprint::LaunchFingerprint;
use super::options::{AttachedServer, DirectoryVariables, LiveOptions};
use super::process::{ChildEnvironment, Process};
use super::server::{
    ServerConfig, ServerHandle, ServerPhase, ServerProcessEvent, ServerSource, ServerStatus, ServiceLookup,
};
use super::store_handle::StoreHandle;
use super::transport::{ChildConnection, Connection};
use super::{environment, identity};
use crate::agent::protocol::{LaunchChange, RunStart, Transport, UntrustedProject};
use crate::agent::{self, Protocol};
use crate::domain::Agent;
use crate::domain::launch::Launch;
use crate::domain::run::{FolderTrust, RunFailure};
use crate::store::registry::ProcessId;

/// Connection of a run to its agent, or the reason why there is none.
pub type Connected = Result<Box<dyn Connection>, RunFailure>;

/// Opens the connections of runs.
pub trait Connect: Send + Sync {
    /// Connects a run to its agent. Spawns a child, or opens a session on the shared server, which starts on first use.
    fn connect<'a>(
        &'a self,
        agent: Agent,
        protocol: &'static dyn Protocol,
        opening: &'a RunStart,
    ) -> Pin<Box<dyn Future<Output = Connected> + Send + 'a>>;

    /// Returns the configuration with which a process of a run would be started now; `None` if it has no process of its
    /// own.
    fn fingerprint<'a>(
        &'a self,
        _protocol: &'static dyn Protocol,
        _opening: &'a RunStart,
    ) -> Pin<Box<dyn Future<Output = Option<LaunchFingerprint>> + Send + 'a>> {
        Box::pin(std::future::ready(None))
    }

    /// Returns the restriction of a run in a folder that the user never trusted.
    fn untrusted_project(&self, protocol: &dyn Protocol, opening: &RunStart) -> Option<UntrustedProject>;

    /// Returns another protocol for an agent after a failure, and uses it for all later runs.
    fn fall_back(&self, agent: Agent, protocol: &dyn Protocol, failure: &RunFailure) -> Option<&'static dyn Protocol>;
}

/// Connects to the installed agents; owns the shared servers.
pub struct Connector {
    vars: Vec<(String, String)>,
    directory_vars: DirectoryVariables,
    attached: BTreeMap<Agent, AttachedServer>,
    store: StoreHandle,
    servers: Mutex<BTreeMap<Agent, ServerHandle>>,
    /// Protocols that replace those of agents whose version they cannot drive.
    fallbacks: Mutex<BTreeMap<Agent, &'static dyn Protocol>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variables contain API keys.
        f.debug_struct("Connector").field("attached", &self.attached).finish_non_exhaustive()
    }
}

impl Connector {
    /// Creates a connector with the user's environment. Children are recorded in `store`.
    pub fn new(options: &LiveOptions, store: StoreHandle) -> Self {
        let LiveOptions { vars, directory_vars, attached, .. } = options;
        let (vars, directory_vars, attached) = (vars.clone(), directory_vars.clone(), attached.clone());
        Self { vars, directory_vars, attached, store, servers: Mutex::default(), fallbacks: Mutex::default() }
    }

    /// Returns the protocol that drives the agent's version, as far as it is known.
    pub(super) fn protocol(&self, agent: Agent, usual: &'static dyn Protocol) -> &'static dyn Protocol {
        let fallbacks = self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner);
        fallbacks.get(&agent).copied().unwrap_or(usual)
    }

    /// Returns the protocol of the agent's next generation, and uses it from now on. `None` if it has no server.
    pub(super) fn other_generation(&self, agent: Agent, protocol: &dyn Protocol) -> Option<&'static dyn Protocol> {
        let failure = RunFailure::UnsupportedVersion(String::new());
        let next = protocol.fallback(&failure).filter(|next| next.transport() == Transport::Server)?;
        self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner).insert(agent, next);
        Some(next)
    }

    /// Returns the restriction of a run in a folder that the user never trusted in the agent. Arguments of the user take
    /// precedence.
    pub fn restriction(&self, protocol: &dyn Protocol, opening: &RunStart) -> Option<UntrustedProject> {
        let project = protocol.untrusted_project(&self.vars, &opening.cwd)?;
        (!opening.extra.iter().any(|arg| arg.starts_with(project.option))).then_some(project)
    }

    /// Returns the change of a start that the trust in its folder requires.
    fn launch_change(&self, protocol: &dyn Protocol, opening: &RunStart) -> LaunchChange {
        let Some(project) = self.restriction(protocol, opening) else { return LaunchChange::default() };
        if opening.trust == FolderTrust::Trusted { project.trusted } else { project.restricted.unwrap_or_default() }
    }

    async fn spawn_child(&self, protocol: &dyn Protocol, launch: Launch, vars: Vec<(String, String)>) -> Connected {
        let mut environment = self.environment(protocol, &launch.cwd);
        environment.vars.extend(self.vars_of(launch.cwd.clone()).await);
        environment.vars.retain(|(name, _)| !vars.iter().any(|(changed, _)| changed == name));
        environment.vars.extend(vars);
        let spawned = Process::spawn(&launch, &environment)?;
        let recorded = identity::identify(spawned.0.pid());
        if let Some(child) = recorded
            && let Err(failure) = self.store.record_child(child, launch.program).await
        {
            // Without a record the child still ends with this process, except after `kill -9`.
            tracing::warn!("a child was not recorded: {failure}");
        }
        Ok(Box::new(ChildConnection::new(spawned, recorded, environment, self.store.clone())))
    }

    /// Returns the variables of a directory that the user's environment does not set.
    async fn vars_of(&self, cwd: PathBuf) -> Vec<(String, String)> {
        let lookup = self.directory_vars.clone();
        let mut found = tokio::task::spawn_blocking(move || lookup(&cwd)).await.unwrap_or_default();
        found.retain(|(name, _)| self.vars.iter().all(|(set, _)| set != name));
        found
    }

    /// Returns the shared server of an agent. Starts no process yet.
    pub fn server(&self, agent: Agent, protocol: &dyn Protocol, launch: Launch) -> Result<ServerHandle, RunFailure> {
        let spec = protocol.server().ok_or_else(|| RunFailure::Other(format!("{} has no server", agent.label())))?;
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let create = || {
            let source = match self.attached.get(&agent).cloned() {
                Some(AttachedServer { address, password }) => ServerSource::Attached { address, password },
                None => ServerSource::Own { environment: self.environment(protocol, &launch.cwd), launch },
            };
            let (events, receiver) = mpsc::unbounded_channel();
            tokio::spawn(record_processes(self.store.clone(), receiver));
            let service = self.service_lookup(agent);
            let config = ServerConfig { process_events: Some(events), service, ..ServerConfig::new(source, spec) };
            ServerHandle::new(config)
        };
        Ok(servers.entry(agent).or_insert_with(create).clone().with_interface(spec))
    }

    /// Returns the lookup of the server that the user's own program registered. A server that the settings name takes its
    /// place.
    fn service_lookup(&self, agent: Agent) -> Option<ServiceLookup> {
        let (protocol, vars) = (agent::protocol(agent)?, self.vars.clone());
        let lookup = move || protocol.registered_server(&vars);
        (!self.attached.contains_key(&agent)).then(|| ServiceLookup(Arc::new(lookup)))
    }

    /// Returns true if a process is the registered server of an agent and its sessions can be controlled there. Connects
    /// to it, and starts nothing. The error is the reason why it cannot be used.
    pub(super) async fn controls(
        &self,
        agent: Agent,
        usual: &'static dyn Protocol,
        opening: &RunStart,
        pid: Option<u32>,
    ) -> Result<bool, RunFailure> {
        let Some(lookup) = self.service_lookup(agent) else { return Ok(false) };
        let registered = tokio::task::spawn_blocking(move || (lookup.0)()).await.ok().flatten();
        let Some(service) = registered.filter(|service| pid == Some(service.pid)) else { return Ok(false) };
        let protocol = self.protocol(agent, usual);
        if protocol.transport() != Transport::Server {
            let reason = format!("salon drives {} over its client protocol", agent.label());
            return Err(RunFailure::Other(reason));
        }
        let server = self.server(agent, protocol, protocol.launch(opening))?;
        Ok(server.use_service().await? == Some(service.pid))
    }

    /// Returns true if a request to an agent's server starts no process: it runs, or the user started it.
    pub fn has_server(&self, agent: Agent) -> bool {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_up = |server: &ServerHandle| {
            matches!(server.status().phase, ServerPhase::Starting | ServerPhase::Ready | ServerPhase::Degraded)
        };
        self.attached.contains_key(&agent) || servers.get(&agent).is_some_and(is_up)
    }

    /// Returns the servers with their agents; true for one that salon did not start.
    pub(super) fn servers(&self) -> Vec<(Agent, bool, ServerStatus)> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(agent, server): (&Agent, &ServerHandle)| {
            let status = server.status();
            (*agent, self.attached.contains_key(agent) || status.service.is_some(), status)
        };
        servers.iter().map(row).collect()
    }

    /// Stops the servers that this process started.
    pub async fn shut_down(&self) {
        let servers = std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        for server in servers.values() {
            server.shut_down().await;
        }
    }

    fn environment(&self, protocol: &dyn Protocol, cwd: &Path) -> ChildEnvironment {
        let mut vars = environment::of_child(&self.vars, protocol, cwd);
        vars.retain(|(name, _)| name != identity::OWNER_VARIABLE);
        vars.push((identity::OWNER_VARIABLE.into(), identity::owner_mark(self.store.process())));
        ChildEnvironment { vars }
    }
}

impl Connect for Connector {
    fn connect<'a>(
        &'a self,
        agent: Agent,
        protocol: &'static dyn Protocol,
        opening: &'a RunStart,
    ) -> Pin<Box<dyn Future<Output = Connected> + Send + 'a>> {
        let mut launch = protocol.launch(opening);
        let change = self.launch_change(protocol, opening);
        launch.args.extend(change.args);
        Box::pin(async move {
            match protocol.transport() {
                Transport::Lines => self.spawn_child(protocol, launch, change.vars).await,
                Transport::Server => {
                    let session = self.server(agent, protocol, launch)?.open_session().await?;
                    Ok(Box::new(session) as Box<dyn Connection>)
                }
            }
        })
    }

    fn fingerprint<'a>(
        &'a self,
        protocol: &'static dyn Protocol,
        opening: &'a RunStart,
    ) -> Pin<Box<dyn Future<Output = Option<LaunchFingerprint>> + Send + 'a>> {
        // A server belongs to other runs as well, and replaces its process itself.
        if protocol.transport() != Transport::Lines {
            return Box::pin(std::future::ready(None));
        }
        let launch = protocol.launch(opening);
        Box::pin(async move {
            let variables = self.vars_of(opening.cwd.clone()).await;
            let path = self.vars.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
            LaunchFingerprint::read(launch.program, path, variables).await
        })
    }

    fn untrusted_project(&self, protocol: &dyn Protocol, opening: &RunStart) -> Option<UntrustedProject> {
        if opening.trust == FolderTrust::Trusted { None } else { self.restriction(protocol, opening) }
    }

    fn fall_back(&self, agent: Agent, protocol: &dyn Protocol, failure: &RunFailure) -> Option<&'static dyn Protocol> {
        // A server of the user is the user's choice, whatever its version.
        let is_allowed =
            |other: &&dyn Protocol| other.transport() == Transport::Server || !self.attached.contains_key(&agent);
        let other = protocol.fallback(failure).filter(is_allowed)?;
        self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner).insert(agent, other);
        Some(other)
    }
}

/// Keeps the registry of child processes in step with a server's process.
async fn record_processes(store: StoreHandle, mut events: mpsc::UnboundedReceiver<ServerProcessEvent>) {
    let mut recorded: Option<ProcessId> = None;
    while let Some(event) = events.recv().await {
        let kept = match event {
            ServerProcessEvent::Started { pid, program } => {
                recorded = identity::identify(pid);
                let Some(child) = recorded else { continue };
                store.record_child(child, program).await
            }
            ServerProcessEvent::Reaped { pid } => {
                let Some(child) = recorded.take().filter(|child| child.pid == pid) else { continue };
                store.remove_child(child).await
            }
        };
        if let Err(failure) = kept {
            tracing::warn!("the record of a server was not updated: {failure}");
        }
    }
}
