//! Lists of models: asked once for all who want them, kept for a while, never lost by a failure to renew them.

use std::path::Path;
use std::time::Duration;

use super::server::{Freshness, Request, Server};
use crate::agent::protocol::Protocol;

/// The models of an agent whose wire is a server.
#[derive(Clone)]
pub struct Models {
    server: Server,
    protocol: &'static dyn Protocol,
}

/// What models there are, as far as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelList {
    /// The name to use, and what a person reads.
    pub models: Vec<(String, String)>,
    /// How old the list is; `None` where there never was one: a model can still be typed by hand.
    pub age: Option<Duration>,
    /// Why it is not newer, in words.
    pub problem: Option<String>,
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Models").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Models {
    /// Of the agent that this protocol drives at this server.
    pub fn new(server: Server, protocol: &'static dyn Protocol) -> Self {
        Self { server, protocol }
    }

    /// The models for work in a directory, whose own settings may name some. Starts the server if need be.
    pub async fn list(&self, directory: &Path, freshness: Freshness) -> ModelList {
        let Some(spec) = self.protocol.server() else { return ModelList::default() };
        let request = Request { headers: self.protocol.headers(directory), shared: true, ..Request::get(spec.models) };
        let fetched = self.server.fetch(request, freshness).await;
        let models = fetched.reply.as_ref().and_then(|reply| self.protocol.models(&reply.body));
        let unreadable = || fetched.reply.as_ref().map(|_| "the server's list cannot be read".to_owned());
        ModelList {
            age: models.as_ref().and(fetched.at).map(|at| at.elapsed()),
            problem: fetched.problem.clone().or_else(|| if models.is_none() { unreadable() } else { None }),
            models: models.unwrap_or_default(),
        }
    }
}
