//! Use of the server that the user's own program registered: found, verified, and never stopped by this process.

use std::time::Duration;

use tokio::time::Instant;

use super::ServerPhase;
use super::http::{Endpoint, HttpRequest, HttpResponse};
use super::task::ServerTask;
use crate::agent::protocol::{REJECTED_PASSWORD, RegisteredServer, ServerSpec};
use crate::domain::run::RunFailure;

/// Maximum time for the answer of a registered server. One that takes longer is not used.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum time that a registered server gets to finish its start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

impl ServerTask {
    /// Returns the registered server, if one runs. A server that rejects its registered password is an error, because a
    /// second one beside it would write to the same sessions.
    pub(super) async fn registered_server(&self) -> Result<Option<RegisteredServer>, RunFailure> {
        let Some(lookup) = self.config.service.clone() else { return Ok(None) };
        // A panic of the lookup means that nothing was found.
        let found = tokio::task::spawn_blocking(move || (lookup.0)()).await.ok().flatten();
        let Some(service) = found else { return Ok(None) };
        let spec = self.config.spec.newest();
        let endpoint = match Endpoint::new(service.address, spec.user, &service.password) {
            Ok(endpoint) => endpoint,
            Err(reason) => {
                tracing::warn!("a registered server is not used: {reason}");
                return Ok(None);
            }
        };
        match check(&endpoint, spec, &service).await {
            ServiceCheck::Ready => Ok(Some(service)),
            ServiceCheck::Unusable(reason) => {
                tracing::info!("the registered server (pid {}) is not used: {reason}", service.pid);
                Ok(None)
            }
            ServiceCheck::Rejected => {
                let version = service.version.map(|version| format!(", version {version}")).unwrap_or_default();
                let text = format!(
                    "the background service (pid {}{version}) {REJECTED_PASSWORD} that is registered for it",
                    service.pid
                );
                Err(RunFailure::Other(text))
            }
        }
    }

    /// Connects to the registered server if no other is used, and returns its process id.
    pub(super) async fn use_service(&mut self) -> Result<Option<u32>, RunFailure> {
        let is_down = matches!(self.phase, ServerPhase::NotStarted | ServerPhase::Stopped | ServerPhase::Failed(_));
        if is_down && !self.closed {
            // Found once: a service that ends now must not be replaced by an own server, which nobody asked for.
            let service = self.registered_server().await?;
            if service.is_some() {
                self.start_with(Ok(service)).await?;
            }
        }
        Ok(self.running.service)
    }

    /// Connects to the registered server, with the interface of the newest generation.
    pub(super) fn use_registered(&mut self, service: RegisteredServer) -> Result<(), RunFailure> {
        self.config.spec = self.config.spec.newest();
        self.running.password = service.password;
        self.running.service = Some(service.pid);
        // Only a process that this one starts is replaced after an update.
        self.running.fingerprint = None;
        self.connect(service.address).map_err(RunFailure::Other)
    }
}

/// Result of the verification of a registered server.
enum ServiceCheck {
    Ready,
    Rejected,
    Unusable(String),
}

/// Verifies that the server at an address is the registered one, and waits for the end of its start.
async fn check(endpoint: &Endpoint, spec: ServerSpec, service: &RegisteredServer) -> ServiceCheck {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, endpoint.exchange(HttpRequest::get(spec.health))).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(reason)) => return ServiceCheck::Unusable(reason),
            Err(_) => return ServiceCheck::Unusable("no answer".to_owned()),
        };
        match response {
            HttpResponse { status: 401 | 403, .. } => return ServiceCheck::Rejected,
            HttpResponse { status: 404, .. } => return ServiceCheck::Unusable("its version is too old".to_owned()),
            response if !is_registered(&response, service) => {
                return ServiceCheck::Unusable("another server has its address".to_owned());
            }
            HttpResponse { status: 200, .. } => return ServiceCheck::Ready,
            HttpResponse { status: 500, .. } => return ServiceCheck::Unusable("its start failed".to_owned()),
            _ if Instant::now() >= deadline => return ServiceCheck::Unusable("it does not become ready".to_owned()),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Returns true if a server has the registered process id and version.
fn is_registered(response: &HttpResponse, service: &RegisteredServer) -> bool {
    let Some(info) = response.json() else { return false };
    let same_version = service.version.as_deref().is_none_or(|version| info["version"] == version);
    info["pid"] == service.pid && same_version
}
