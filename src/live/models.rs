//! Model lists of an agent's server: shared by all callers, cached, and kept when a refresh fails.

use std::path::Path;
use std::time::Duration;

use super::server::{Freshness, HttpRequest, ServerHandle};
use crate::agent::protocol::Protocol;

/// Client for the model list of an agent whose transport is a server.
#[derive(Clone)]
pub struct ServerModels {
    server: ServerHandle,
    protocol: &'static dyn Protocol,
}

/// A list of models with its age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelList {
    /// Model name and display label.
    pub models: Vec<(String, String)>,
    /// Age of the list; `None` if there is no list yet. Users can still type a model name.
    pub age: Option<Duration>,
    /// Error message of the last refresh, if it failed.
    pub error: Option<String>,
}

impl std::fmt::Debug for ServerModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerModels").field("server", &self.server).finish_non_exhaustive()
    }
}

impl ServerModels {
    /// Creates a client for the agent of `protocol` on `server`.
    pub fn new(server: ServerHandle, protocol: &'static dyn Protocol) -> Self {
        Self { server, protocol }
    }

    /// Returns the models for a directory, whose settings may add some. Starts the server if necessary.
    pub async fn list(&self, directory: &Path, freshness: Freshness) -> ModelList {
        let Some(path) = self.protocol.models_path(directory) else { return ModelList::default() };
        let request =
            HttpRequest { headers: self.protocol.headers(directory), shared: true, ..HttpRequest::get(&path) };
        let fetched = self.server.fetch(request, freshness).await;
        let models = fetched.response.as_ref().and_then(|response| self.protocol.models(&response.body));
        let unreadable = || fetched.response.as_ref().map(|_| "the server's list cannot be read".to_owned());
        ModelList {
            age: models.as_ref().and(fetched.received_at).map(|at| at.elapsed()),
            error: fetched.error.clone().or_else(|| if models.is_none() { unreadable() } else { None }),
            models: models.unwrap_or_default(),
        }
    }
}
