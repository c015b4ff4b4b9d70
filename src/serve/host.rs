//! The process that owns the runs: this one, or a server. Callers need not know which.

use std::path::Path;
use std::sync::Arc;

use super::client::{Client, ServedViewer};
use super::message::{Call, Reply};
use crate::domain::Agent;
use crate::domain::backend::Backend;
use crate::domain::prompt::{Prompt, PromptId};
use crate::domain::run::{ModelCatalog, Refusal, RunFailure, RunId, RunInfo, RunStart};
use crate::domain::run_event::{Replay, RingCursor};
use crate::domain::run_request::RunRequest;
use crate::live::{Live, Viewer};

/// Owner of runs.
#[derive(Clone, Debug)]
pub enum RunHost {
    /// This process.
    Here(Live),
    /// A server.
    Served(Client),
}

impl RunHost {
    /// Returns the run of a session; creates it if necessary. See [`Live::open_run`].
    pub async fn open_run(&self, agent: Agent, start: RunStart, prompt: Option<String>) -> Result<RunId, Refusal> {
        match self {
            Self::Here(live) => live.open_run(agent, start, prompt).await,
            Self::Served(client) => match client.call(Call::OpenRun { agent, start, prompt }).await? {
                Reply::Run(run) => Ok(run),
                _ => Err(unexpected()),
            },
        }
    }

    /// Recreates a recorded run.
    pub async fn open_recorded(&self, run: &RunId) -> Result<(), Refusal> {
        match self {
            Self::Here(live) => live.open_recorded(run).await,
            Self::Served(client) => client.call(Call::OpenRecorded { run: run.clone() }).await.map(drop),
        }
    }

    /// Queues a prompt, which is on disk on return.
    pub async fn submit(&self, run: &RunId, text: String) -> Result<PromptId, Refusal> {
        match self {
            Self::Here(live) => live.submit(run, text).await,
            Self::Served(client) => match client.call(Call::Submit { run: run.clone(), text }).await? {
                Reply::Prompt(id) => Ok(id),
                _ => Err(unexpected()),
            },
        }
    }

    /// Executes a request to a run.
    pub async fn execute(&self, request: RunRequest) -> Result<(), Refusal> {
        match self {
            Self::Here(live) => live.execute(request).await,
            Self::Served(client) => client.call(Call::Request(request)).await.map(drop),
        }
    }

    /// Returns the queue of a run in the order of delivery.
    pub async fn queue(&self, run: &RunId) -> Result<Vec<Prompt>, Refusal> {
        match self {
            Self::Here(live) => live.queue(run).await,
            Self::Served(client) => match client.call(Call::Queue { run: run.clone() }).await? {
                Reply::Queue(prompts) => Ok(prompts),
                _ => Err(unexpected()),
            },
        }
    }

    /// Returns the models of an agent.
    pub async fn models(&self, agent: Agent, directory: &Path, refresh: bool) -> ModelCatalog {
        match self {
            Self::Here(live) => live.models(agent, directory, refresh).await,
            Self::Served(client) => {
                match client.call(Call::Models { agent, directory: directory.to_owned(), refresh }).await {
                    Ok(Reply::Models(models)) => models,
                    Ok(_) => ModelCatalog { failure: Some(unexpected().to_string()), ..ModelCatalog::default() },
                    Err(refusal) => ModelCatalog { failure: Some(refusal.to_string()), ..ModelCatalog::default() },
                }
            }
        }
    }

    /// Returns all backends, without their memory. None if the server does not answer.
    pub async fn backends(&self) -> Vec<Backend> {
        match self {
            Self::Here(live) => live.backends(),
            Self::Served(client) => match client.call(Call::Backends).await {
                Ok(Reply::Backends(backends)) => backends,
                _ => Vec::new(),
            },
        }
    }

    /// Attaches a viewer to a run.
    pub async fn view(&self, run: &RunId) -> Option<RunViewer> {
        match self {
            Self::Here(live) => live.watch(run).map(RunViewer::Here),
            Self::Served(client) => client.view(run).await.map(RunViewer::Served),
        }
    }
}

fn unexpected() -> Refusal {
    Refusal::Failed(RunFailure::Other("salon serve sent an unexpected reply".to_owned()))
}

/// Viewer of a run, wherever it is.
#[derive(Debug)]
pub enum RunViewer {
    /// Run of this process.
    Here(Viewer),
    /// Run of a server.
    Served(ServedViewer),
}

impl RunViewer {
    /// Returns the latest known state.
    pub fn info(&self) -> Arc<RunInfo> {
        match self {
            Self::Here(viewer) => viewer.info(),
            Self::Served(viewer) => viewer.info(),
        }
    }

    /// Position of the first event to show: the beginning of a run of this process, the end of a run of a server.
    pub fn start(&self) -> RingCursor {
        match self {
            Self::Here(_) => RingCursor::default(),
            Self::Served(viewer) => viewer.start(),
        }
    }

    /// Waits for a change of state or a new event. Returns false if there will be none.
    pub async fn changed(&mut self) -> bool {
        match self {
            Self::Here(viewer) => viewer.changed().await,
            Self::Served(viewer) => viewer.changed().await,
        }
    }

    /// Returns the events after a cursor; `None` if the run has ended.
    pub async fn since(&self, cursor: RingCursor) -> Option<Replay> {
        match self {
            Self::Here(viewer) => viewer.since(cursor).await,
            Self::Served(viewer) => viewer.since(cursor).await,
        }
    }
}
