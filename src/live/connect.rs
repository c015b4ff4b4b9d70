//! Makes connections: starts a run's own child, or takes a place at the server that all runs of an agent share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::link::{Child, Link};
use super::post::Post;
use super::process::{ChildEnvironment, Process};
use super::server::{ChildNews, Hosting, Server, Source};
use super::{environment, recover};
use crate::agent::Protocol;
use crate::agent::protocol::{Opening, Wire};
use crate::domain::Agent;
use crate::domain::launch::Launch;
use crate::domain::run::Failure;
use crate::store::registry::ProcessId;

/// A server that runs already, by the user's doing.
#[derive(Clone)]
pub struct Attached {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Makes connections.
#[derive(Debug)]
pub struct Connector {
    vars: Vec<(String, String)>,
    attached: BTreeMap<Agent, Attached>,
    post: Post,
    servers: Mutex<BTreeMap<Agent, Server>>,
}

impl Connector {
    /// In the user's environment; children are recorded at `post`.
    pub fn new(vars: Vec<(String, String)>, attached: BTreeMap<Agent, Attached>, post: Post) -> Self {
        Self { vars, attached, post, servers: Mutex::default() }
    }

    /// Connects a run to its agent: starts a child, or takes a place at the server, starting that on the first need.
    pub async fn connect(
        &self,
        agent: Agent,
        protocol: &'static dyn Protocol,
        opening: &Opening,
    ) -> Result<Link, Failure> {
        let launch = protocol.launch(opening);
        match protocol.wire() {
            Wire::Lines => self.child(protocol, launch).await,
            Wire::Server => {
                let server = self.server(agent, protocol, launch)?;
                server.seat().await.map(Link::Seat)
            }
        }
    }

    async fn child(&self, protocol: &dyn Protocol, launch: Launch) -> Result<Link, Failure> {
        let (process, outputs) = Process::spawn(&launch, &self.environment(protocol, &launch.cwd))?;
        let on_record = recover::identify(process.pid());
        if let Some(child) = on_record
            && let Err(fault) = self.post.record_child(child, launch.program).await
        {
            // It ends with us all the same, unless we are killed.
            tracing::warn!("a child is not on record: {fault}");
        }
        Ok(Link::Child(Child { process, outputs, on_record }))
    }

    /// The one server of an agent. It starts nothing by itself.
    pub fn server(&self, agent: Agent, protocol: &dyn Protocol, launch: Launch) -> Result<Server, Failure> {
        let spec = protocol.server().ok_or_else(|| Failure::Other(format!("{} has no server", agent.label())))?;
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let source = match self.attached.get(&agent).cloned() {
                Some(Attached { address, password }) => Source::Attached { address, password },
                None => Source::Own { environment: self.environment(protocol, &launch.cwd), launch },
            };
            let (children, news) = mpsc::unbounded_channel();
            tokio::spawn(keep_record(self.post.clone(), news));
            Server::new(Hosting { children: Some(children), ..Hosting::new(source, spec) })
        };
        Ok(servers.entry(agent).or_insert_with(make).clone())
    }

    /// Ends the servers that we started.
    pub async fn shut_down(&self) {
        let servers = std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        for server in servers.values() {
            server.shut_down().await;
        }
    }

    fn environment(&self, protocol: &dyn Protocol, cwd: &Path) -> ChildEnvironment {
        ChildEnvironment { vars: environment::of_child(&self.vars, protocol, cwd) }
    }
}

/// Records a server as it comes and goes.
async fn keep_record(post: Post, mut news: mpsc::UnboundedReceiver<ChildNews>) {
    let mut known: Option<ProcessId> = None;
    while let Some(news) = news.recv().await {
        let kept = match news {
            ChildNews::Started { pid, program } => {
                known = recover::identify(pid);
                let Some(child) = known else { continue };
                post.record_child(child, program).await
            }
            ChildNews::Reaped { pid } => {
                let Some(child) = known.take().filter(|child| child.pid == pid) else { continue };
                post.forget_child(child).await
            }
        };
        if let Err(fault) = kept {
            tracing::warn!("the record of a server is behind: {fault}");
        }
    }
}
