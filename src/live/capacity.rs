//! Maximum number of running agents. A run above it waits until another one ends or is evicted.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for running agents. Clones share them.
#[derive(Clone, Debug)]
pub struct RunCapacity {
    permits: Arc<Semaphore>,
    limit: usize,
}

/// A place of a running agent, which is free again once this is dropped.
#[derive(Debug)]
pub(super) struct RunPlace {
    _permit: Option<OwnedSemaphorePermit>,
}

impl RunCapacity {
    /// Creates places for `limit` agents, at least one.
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Returns the reason why a run would have to wait, for the user.
    pub(super) fn reason_to_wait(&self) -> Option<String> {
        (self.permits.available_permits() == 0).then(|| {
            format!(
                "{} agents run, which is the maximum: this one starts when one of them is done or stopped.",
                self.limit
            )
        })
    }

    /// Waits for a place.
    pub(super) async fn take(self) -> RunPlace {
        // The semaphore is never closed.
        RunPlace { _permit: self.permits.acquire_owned().await.ok() }
    }
}
