//! Model lists, cached in `state.db`: the cached list is shown at once and refreshed when it is old.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::store_writer::StoreWriter;
use super::task_message::TaskMessage;
use super::{live_options, saved_models};
use crate::agent::{self, Protocol};
use crate::app::runs::RunMsg;
use crate::domain::Agent;
use crate::domain::run::ModelCatalog;
use crate::serve::RunHost;
use crate::store::{Store, preferences};

/// Age up to which a list is current, in milliseconds, because agents change their models every few weeks.
const FRESH_MILLIS: i64 = 60 * 60 * 1000;

/// Loader of model lists.
#[derive(Clone, Debug)]
pub(super) struct ModelLists {
    /// Owner of the runs, which queries the agents.
    pub host: RunHost,
    /// Cache of the lists.
    pub store: Arc<Store>,
    /// Writer of the cache.
    pub writer: StoreWriter,
    /// Channel to the event loop.
    pub messages: mpsc::UnboundedSender<TaskMessage>,
    /// Directory of the query, because its settings may add models.
    pub directory: PathBuf,
}

impl ModelLists {
    /// Sends the cached list of an agent. Then queries the agent if the list is old or `refresh` is true.
    pub(super) async fn load(self, agent: Agent, refresh: bool) {
        let mut cached = self.cached(agent).await;
        let fresh = cached.as_of.is_some_and(|as_of| live_options::now().since(as_of) < FRESH_MILLIS);
        if let Some(known) = agent::protocol(agent).map(Protocol::capabilities) {
            (cached.modes, cached.efforts) = (known.modes, known.efforts);
        }
        self.send(agent, cached.clone());
        if fresh && !refresh {
            return;
        }
        let fetched = self.host.models(agent, &self.directory, refresh).await;
        if fetched.list.is_empty() {
            // Send the cached list together with the failure.
            self.send(agent, ModelCatalog { failure: fetched.failure, ..cached });
        } else {
            saved_models::save(agent, &fetched, &self.writer);
            self.send(agent, fetched);
        }
    }

    fn send(&self, agent: Agent, models: ModelCatalog) {
        // An error means that salon is shutting down.
        self.messages.send(TaskMessage::of_run(RunMsg::Models(agent.into(), models))).ok();
    }

    async fn cached(&self, agent: Agent) -> ModelCatalog {
        let store = self.store.clone();
        #[expect(clippy::disallowed_methods, reason = "on a blocking thread")]
        let saved = tokio::task::spawn_blocking(move || store.with(preferences::load_all)).await;
        saved_models::of_agent(agent, &saved.ok().and_then(Result::ok).unwrap_or_default()).unwrap_or_default()
    }
}
