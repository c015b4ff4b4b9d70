//! Continuation of a turn that a rate limit ended: a prompt in front of the queue that waits for the end of the limit.
//!
//! Created only on request of the user; like any other prompt, sent once, and can be cancelled.

use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use crate::domain::Time;
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{ContinuationStart, RunFailure};
use crate::live::store_handle::StoreFailure;

/// Prompt that continues a turn.
const CONTINUE: &str = "Continue where you stopped.";

impl Run {
    /// Queues the continuation.
    pub(super) async fn continue_at_reset(&mut self) {
        let until = match &self.info.failure {
            Some(RunFailure::RateLimited { until: Some(until), .. }) => *until,
            Some(_) | None => {
                return self.notice("No rate limit with a known end stopped the turn.", NoticeLevel::Info);
            }
        };
        if self.info.continues_at.is_some() {
            return;
        }
        // First, because the turn must not go on without it.
        let mode = self.info.mode.as_deref().map(str::to_owned).or_else(|| self.opening.mode.clone());
        if let Err(failure) = self.save_continuation(mode).await {
            return self.notice(&format!("The continuation was not saved: {failure}"), NoticeLevel::Warning);
        }
        match self.store.enqueue_first(&self.info.id, CONTINUE.to_owned(), until).await {
            Ok(_) => {
                self.info.paused = false;
                // A second request meanwhile finds it.
                self.info.continues_at = Some(until);
                (self.has_work, self.queue_changed) = (true, true);
            }
            Err(failure) => {
                self.notice(&format!("The continuation was not saved: {failure}"), NoticeLevel::Warning);
            }
        }
    }

    /// Saves the settings with which the turn goes on, also after a restart of salon.
    pub(super) async fn save_continuation(&mut self, mode: Option<String>) -> Result<(), StoreFailure> {
        let start = ContinuationStart { mode, extra: self.opening.extra.clone() };
        self.store.save_continuation(&self.info.id, start).await
    }

    /// Handles a change of the queue by the user. What waited behind a cancelled continuation is not sent instead of it.
    pub(super) async fn queue_changed(&mut self) {
        (self.has_work, self.queue_changed) = (true, true);
        if self.info.continues_at.is_some() {
            self.refresh_queue().await;
        }
    }

    /// Sets the timer of a prompt that waits for a time. Once it was cancelled, the prompts behind it wait for the user.
    pub(super) fn schedule(&mut self, queue: &[Prompt]) {
        let now = self.store.now();
        let first = queue.first().filter(|prompt| prompt.state == PromptState::Pending);
        let wanted = first.and_then(|prompt| prompt.not_before).filter(|time| *time > now);
        let was_cancelled = wanted.is_none() && self.info.continues_at.is_some_and(|time| time > now);
        self.info.paused |= was_cancelled && !queue.is_empty();
        self.info.continues_at = wanted;
        self.due = wanted.map(|time| Instant::now() + until(now, time));
    }

    /// Delivers a prompt whose time has come.
    pub(super) fn run_due_prompt(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            (self.has_work, self.queue_changed) = (true, true);
        }
    }
}

/// Time from now, at least a little, because the wall clock of the store may lag behind.
fn until(now: Time, time: Time) -> Duration {
    Duration::from_millis(u64::try_from(time.since(now)).unwrap_or(0).max(1))
}
