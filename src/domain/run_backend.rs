//! State of the backend of a run, from its phase and its last failure.

use super::backend::BackendState;
use super::run::{Phase, RunFailure, RunInfo, StopReason};

impl RunInfo {
    /// Returns the state of the run's backend.
    pub fn backend_state(&self) -> BackendState {
        match (&self.phase, &self.failure) {
            (Phase::Stopped(StopReason::Failed(failure)), _) => after(failure),
            (Phase::Idle, Some(failure @ (RunFailure::RateLimited { .. } | RunFailure::NotLoggedIn(_)))) => {
                after(failure)
            }
            (Phase::Starting, _) => BackendState::Starting,
            (Phase::Idle, _) => BackendState::Idle,
            (Phase::Working { .. }, _) => BackendState::Working,
            (Phase::Interrupting { .. }, _) => BackendState::Interrupting,
            (Phase::Stopped(StopReason::NotStarted), _) => BackendState::NotStarted,
            (Phase::Stopped(StopReason::OnRequest), _) => BackendState::Stopped,
            (Phase::Stopped(StopReason::Evicted), _) => BackendState::Evicted,
        }
    }
}

/// Returns the state that a failure leaves.
fn after(failure: &RunFailure) -> BackendState {
    match failure {
        RunFailure::NotInstalled => BackendState::NotInstalled,
        RunFailure::NotLoggedIn(_) => BackendState::NotLoggedIn,
        RunFailure::RateLimited { .. } => BackendState::RateLimited,
        RunFailure::UnsupportedVersion(_) => BackendState::UnsupportedVersion,
        RunFailure::Crashed { .. } => BackendState::Crashed,
        RunFailure::UnknownModel(_)
        | RunFailure::UnknownSession(_)
        | RunFailure::OpenElsewhere(_)
        | RunFailure::Other(_) => BackendState::Failed,
    }
}
