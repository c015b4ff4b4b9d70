//! Health of a server that salon started: when it is probed, and when it is restarted. Pure; the clock is the caller's.
//!
//! A server under load may answer late and still work, so that silence alone restarts it only after many failures. While
//! a session is busy, a restart waits for a grace period; any sign of life cancels it.

use std::time::Duration;

use tokio::time::Instant;

/// Intervals and limits of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthLimits {
    /// Time between two probes. Failures within one interval count once.
    pub interval: Duration,
    /// Maximum time of a probe.
    pub timeout: Duration,
    /// Age up to which the result of a probe is reused.
    pub fresh: Duration,
    /// Consecutive failures after which an idle server is restarted.
    pub failures: u32,
    /// Time that a busy session holds a restart off.
    pub busy_grace: Duration,
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(5),
            fresh: Duration::from_millis(750),
            failures: 20,
            busy_grace: Duration::from_mins(2),
        }
    }
}

/// Decision about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthDecision {
    /// Nothing is to be done.
    Keep,
    /// The server would be restarted if no session were busy.
    WaitForIdle,
    /// The server is to be restarted.
    Restart,
}

/// Results of the probes of one server process.
#[derive(Clone, Copy, Debug)]
pub struct ServerHealth {
    limits: HealthLimits,
    failures: u32,
    /// Time of the last counted failure.
    counted: Option<Instant>,
    /// Time of the last result of a probe.
    probed: Option<Instant>,
    /// Time since which a restart waits for a busy session.
    held_since: Option<Instant>,
}

impl ServerHealth {
    /// Creates the health of a server that has just become ready.
    pub fn new(limits: HealthLimits) -> Self {
        Self { limits, failures: 0, counted: None, probed: None, held_since: None }
    }

    /// Number of consecutive failures.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Records a sign of life: a successful probe, or anything that the server sent.
    pub fn alive(&mut self) {
        (self.failures, self.counted, self.held_since) = (0, None, None);
    }

    /// Records the result of a probe.
    pub fn probed(&mut self, healthy: bool, now: Instant) {
        self.probed = Some(now);
        if healthy {
            self.alive();
        } else if self.counted.is_none_or(|counted| now.duration_since(counted) >= self.limits.interval) {
            self.failures += 1;
            self.counted = Some(now);
        }
    }

    /// Returns true if a probe is worth its request: the last result is not fresh.
    pub fn needs_probe(&self, now: Instant) -> bool {
        self.probed.is_none_or(|probed| now.duration_since(probed) >= self.limits.fresh)
    }

    /// Decides about the server. `busy` is true if a session has an open turn.
    pub fn decide(&mut self, busy: bool, now: Instant) -> HealthDecision {
        if self.failures < self.limits.failures {
            return HealthDecision::Keep;
        }
        if !busy {
            return HealthDecision::Restart;
        }
        let since = *self.held_since.get_or_insert(now);
        if now.duration_since(since) >= self.limits.busy_grace {
            HealthDecision::Restart
        } else {
            HealthDecision::WaitForIdle
        }
    }
}
