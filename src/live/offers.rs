//! What an agent offers, before and while it runs: its models.

use std::path::Path;

use super::models;
use super::server::Freshness;
use super::supervisor::Live;
use crate::agent::protocol::{Conversation, Opening, Wire};
use crate::domain::run::Models;
use crate::domain::{Agent, Time};

impl Live {
    /// The models of an agent for work in a directory. Asked of its server, which is started for it if need be; an
    /// agent without one is not started for a list: what its runs told last is what is known.
    pub async fn models(&self, agent: Agent, directory: &Path, refresh: bool) -> Models {
        let failed = |why: String| Models { failure: Some(why), ..Models::default() };
        let Some(protocol) = (self.inner.options.protocols)(agent) else {
            return failed(format!("{} cannot be run in salon", agent.label()));
        };
        if protocol.wire() == Wire::Lines {
            return self.models_of_runs(agent);
        }
        let opening = Opening::new(Conversation::New { id: None }, directory.to_owned());
        let server = match self.inner.connector.server(agent, protocol, protocol.launch(&opening)) {
            Ok(server) => server,
            Err(failure) => return failed(failure.to_string()),
        };
        let freshness = if refresh { Freshness::New } else { Freshness::Kept };
        let list = models::Models::new(server, protocol).list(directory, freshness).await;
        let made = |age: std::time::Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Time::from_millis(self.inner.post.now().millis().saturating_sub(age))
        };
        Models { list: list.models, as_of: list.age.map(made), failure: list.problem }
    }

    fn models_of_runs(&self, agent: Agent) -> Models {
        let runs = self.runs();
        let told = runs.iter().filter(|info| info.agent == agent && !info.offers.models.is_empty());
        told.max_by_key(|info| info.active).map_or_else(Models::default, |info| Models {
            list: info.offers.models.clone(),
            as_of: info.active,
            failure: None,
        })
    }
}
