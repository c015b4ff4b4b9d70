//! Requests to the server and the routing of its responses.

use tokio::time::Instant;

use super::ServerPhase;
use super::http::{Endpoint, HttpRequest};
use super::response_cache::{CacheLookup, Freshness, SharedResponse};
use super::task::{PendingRequest, Requester, ServerCommand, ServerTask};
use crate::live::transport_event::TransportEvent;

impl ServerTask {
    pub(super) async fn request(&mut self, session: u64, id: u64, request: HttpRequest) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        if request.shared {
            return self.fetch_shared(request, Freshness::Cached, Requester::Session(session, id));
        }
        self.replace_outdated().await;
        match self.ready_endpoint() {
            Some(endpoint) => self.send(endpoint, session, id, request),
            None => self.pending.push(PendingRequest::Session { session, id, request }),
        }
    }

    pub(super) fn ready_endpoint(&self) -> Option<Endpoint> {
        match self.phase {
            ServerPhase::Ready | ServerPhase::Degraded => self.running.endpoint.clone(),
            ServerPhase::NotStarted
            | ServerPhase::Starting
            | ServerPhase::Stopping
            | ServerPhase::Stopped
            | ServerPhase::Failed(_) => None,
        }
    }

    pub(super) fn send(&self, endpoint: Endpoint, session: u64, id: u64, request: HttpRequest) {
        let Some(mailbox) = self.sessions.get(&session) else { return };
        let (responses, in_flight) = (mailbox.responses.clone(), self.in_flight.clone());
        tokio::spawn(async move {
            tokio::time::sleep(request.pause).await;
            let (status, body) = match endpoint.exchange(request).await {
                Ok(response) => (response.status, response.body),
                Err(reason) => (0, reason.into_bytes()),
            };
            // An error means that the run has ended.
            responses.send(TransportEvent::Response { id, status, body }).ok();
            drop(in_flight);
        });
    }

    pub(super) fn fetch_shared(&mut self, request: HttpRequest, freshness: Freshness, requester: Requester) {
        match self.cache.request(&request, freshness, requester, Instant::now()) {
            CacheLookup::Hit(requester, shared) => self.respond(requester, &shared),
            CacheLookup::Pending => {}
            CacheLookup::Miss => match self.ready_endpoint() {
                Some(endpoint) => self.send_shared(endpoint, request),
                None => self.pending.push(PendingRequest::Shared(request)),
            },
        }
    }

    pub(super) fn send_shared(&self, endpoint: Endpoint, request: HttpRequest) {
        let Some(commands) = self.commands.upgrade() else { return };
        let limit = self.config.shared_timeout;
        tokio::spawn(async move {
            let exchange = tokio::time::timeout(limit, endpoint.exchange(request.clone())).await;
            let result = exchange.unwrap_or_else(|_| Err(format!("no response within {} s", limit.as_secs_f32())));
            // An error means that the server task has ended, and its callers with it.
            commands.send(ServerCommand::FetchCompleted(request, result)).ok();
        });
    }

    pub(super) fn respond(&self, requester: Requester, shared: &SharedResponse) {
        match requester {
            // An error means that the caller is gone.
            Requester::Caller(answer) => drop(answer.send(shared.clone())),
            Requester::Session(session, id) => {
                let Some(mailbox) = self.sessions.get(&session) else { return };
                let (status, body) = match (&shared.response, &shared.error) {
                    (Some(response), _) => (response.status, response.body.clone()),
                    (None, error) => (0, error.clone().unwrap_or_default().into_bytes()),
                };
                mailbox.respond(TransportEvent::Response { id, status, body });
            }
        }
    }

    pub(super) fn send_pending(&mut self) {
        let Some(endpoint) = self.ready_endpoint() else { return };
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                PendingRequest::Session { session, id, request } => self.send(endpoint.clone(), session, id, request),
                PendingRequest::Shared(request) => self.send_shared(endpoint.clone(), request),
            }
        }
    }
}
