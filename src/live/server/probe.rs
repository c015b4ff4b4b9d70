//! Probes of a server that salon started, one at a time, and its restart when it does not respond.

use tokio::time::Instant;

use super::health::{HealthDecision, ServerHealth};
use super::http::HttpRequest;
use super::task::{ServerCommand, ServerTask};

impl ServerTask {
    /// Begins to watch the health of a server that has become ready. One that salon did not start is the user's.
    pub(super) fn watch_health(&mut self) {
        if self.running.process.is_none() {
            return;
        }
        match &mut self.running.health {
            Some(health) => health.alive(),
            None => self.running.health = Some(ServerHealth::new(self.config.health)),
        }
        self.running.next_probe.get_or_insert(Instant::now() + self.config.health.interval);
    }

    /// Records that the server sent something.
    pub(super) fn alive(&mut self) {
        if let Some(health) = &mut self.running.health {
            health.alive();
        }
    }

    /// Sends a probe, unless one is open or the last result is fresh.
    pub(super) fn probe(&mut self) {
        let now = Instant::now();
        let Some(health) = self.running.health else { return };
        if self.running.next_probe.is_some_and(|next| next <= now) {
            self.running.next_probe = Some(now + self.config.health.interval);
        }
        let (Some(endpoint), Some(commands)) = (self.running.endpoint.clone(), self.commands.upgrade()) else { return };
        if self.running.is_probed || !health.needs_probe(now) {
            return;
        }
        self.running.is_probed = true;
        let (path, limit, generation) = (self.config.spec.health, self.config.health.timeout, self.generation);
        tokio::spawn(async move {
            let answer = tokio::time::timeout(limit, endpoint.exchange(HttpRequest::get(path))).await;
            let healthy = matches!(answer, Ok(Ok(response)) if response.is_healthy());
            // An error means that the server task has ended.
            commands.send(ServerCommand::Probed(generation, healthy)).ok();
        });
    }

    /// Handles the result of a probe. That of an earlier process is of no importance.
    pub(super) fn probed(&mut self, generation: u64, healthy: bool) {
        if generation != self.generation {
            return;
        }
        self.running.is_probed = false;
        if let Some(health) = &mut self.running.health {
            health.probed(healthy, Instant::now());
        }
        self.check_health();
    }

    /// Restarts the server if it does not respond. Sessions open it again with their next prompt.
    pub(super) fn check_health(&mut self) {
        let busy = self.sessions.values().any(|mailbox| mailbox.is_busy);
        let Some(health) = &mut self.running.health else { return };
        match health.decide(busy, Instant::now()) {
            HealthDecision::Keep | HealthDecision::WaitForIdle => {}
            HealthDecision::Restart => {
                let failures = health.failures();
                self.running.health = None;
                self.running.next_probe = None;
                self.running.unresponsive = true;
                self.stop(Some(format!("{} did not answer {failures} checks of its health", self.name())));
            }
        }
    }
}
