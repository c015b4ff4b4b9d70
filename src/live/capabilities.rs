//! Model lists per agent: from its server, or from its running sessions.

use std::path::Path;

use super::models;
use super::server::Freshness;
use super::supervisor::Live;
use crate::agent::protocol::{Conversation, RunStart, Transport};
use crate::domain::run::ModelCatalog;
use crate::domain::{Agent, Time};

impl Live {
    /// Returns the models of an agent for a directory, with the modes and efforts of its known versions. Asks the agent's
    /// server; only a refresh starts one.
    ///
    /// An agent without a server is not started for this. Its list is the last one that one of its runs reported.
    pub async fn models(&self, agent: Agent, directory: &Path, refresh: bool) -> ModelCatalog {
        let failed = |reason: String| ModelCatalog { failure: Some(reason), ..ModelCatalog::default() };
        let Some(protocol) = (self.inner.options.protocols)(agent) else {
            return failed(format!("{} cannot run in salon", agent.label()));
        };
        let protocol = self.inner.connector.protocol(agent, protocol);
        let known = protocol.capabilities();
        let known = ModelCatalog { modes: known.modes, efforts: known.efforts, ..ModelCatalog::default() };
        if protocol.transport() == Transport::Lines {
            let models = protocol.capabilities().models;
            let reported = self.models_of_runs(agent);
            let list = if reported.list.is_empty() { models } else { reported.list };
            return ModelCatalog { list, as_of: reported.as_of, ..known };
        }
        if !refresh && !self.inner.connector.has_server(agent) {
            return known;
        }
        let opening = RunStart::new(Conversation::New { id: None }, directory.to_owned());
        let server = match self.inner.connector.server(agent, protocol, protocol.launch(&opening)) {
            Ok(server) => server,
            Err(failure) => return failed(failure.to_string()),
        };
        let freshness = if refresh { Freshness::New } else { Freshness::Cached };
        let mut list = models::ServerModels::new(server.clone(), protocol).list(directory, freshness).await;
        // The server may have turned out to be of another generation.
        if list.error.is_some()
            && server.status().spec != protocol.server()
            && let Some(other) = self.inner.connector.other_generation(agent, protocol)
        {
            list = models::ServerModels::new(server, other).list(directory, freshness).await;
        }
        let fetched_at = |age: std::time::Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Time::from_millis(self.inner.store.now().millis().saturating_sub(age))
        };
        ModelCatalog { list: list.models, as_of: list.age.map(fetched_at), failure: list.error, ..known }
    }

    fn models_of_runs(&self, agent: Agent) -> ModelCatalog {
        let runs = self.runs();
        let reporting = runs.iter().filter(|info| info.agent == agent && !info.capabilities.models.is_empty());
        reporting.max_by_key(|info| info.last_event).map_or_else(ModelCatalog::default, |info| ModelCatalog {
            list: info.capabilities.models.clone(),
            as_of: info.last_event,
            ..ModelCatalog::default()
        })
    }
}
