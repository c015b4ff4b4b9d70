//! Model lists per agent: from its server, or from its running sessions.

use std::path::Path;

use super::models;
use super::server::Freshness;
use super::supervisor::Live;
use crate::agent::protocol::{Conversation, RunStart, Transport};
use crate::domain::run::ModelCatalog;
use crate::domain::{Agent, Time};

impl Live {
    /// Returns the models of an agent for a directory. Asks the agent's server and starts it if necessary.
    ///
    /// An agent without a server is not started for this. Its list is the last one that one of its runs reported.
    pub async fn models(&self, agent: Agent, directory: &Path, refresh: bool) -> ModelCatalog {
        let failed = |reason: String| ModelCatalog { failure: Some(reason), ..ModelCatalog::default() };
        let Some(protocol) = (self.inner.options.protocols)(agent) else {
            return failed(format!("{} cannot run in salon", agent.label()));
        };
        if protocol.transport() == Transport::Lines {
            return self.models_of_runs(agent);
        }
        let opening = RunStart::new(Conversation::New { id: None }, directory.to_owned());
        let server = match self.inner.connector.server(agent, protocol, protocol.launch(&opening)) {
            Ok(server) => server,
            Err(failure) => return failed(failure.to_string()),
        };
        let freshness = if refresh { Freshness::New } else { Freshness::Cached };
        let list = models::ServerModels::new(server, protocol).list(directory, freshness).await;
        let fetched_at = |age: std::time::Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Time::from_millis(self.inner.store.now().millis().saturating_sub(age))
        };
        ModelCatalog { list: list.models, as_of: list.age.map(fetched_at), failure: list.error }
    }

    fn models_of_runs(&self, agent: Agent) -> ModelCatalog {
        let runs = self.runs();
        let reporting = runs.iter().filter(|info| info.agent == agent && !info.capabilities.models.is_empty());
        reporting.max_by_key(|info| info.last_event).map_or_else(ModelCatalog::default, |info| ModelCatalog {
            list: info.capabilities.models.clone(),
            as_of: info.last_event,
            failure: None,
        })
    }
}
