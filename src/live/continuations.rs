//! Continuations that an earlier process left: at its time, each is taken over by one living process that keeps runs.
//!
//! The lease of its run decides which process that is, and the claim of the prompt that it is sent once.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::supervisor::Inner;
use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Refusal, RunId};
use crate::store::{outbox, registry};

/// Maximum time after which a continuation still begins by itself: later, the user may have gone on elsewhere.
const MAX_LATENESS: Duration = Duration::from_hours(1);

/// Interval between two looks for continuations, because another salon may have ended meanwhile.
const INTERVAL: Duration = Duration::from_mins(1);

/// Reason of a held continuation.
const MISSED: &str = "its time passed while no salon was running";

/// Handling of a prompt that waits for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContinuationAction {
    /// Look again after the time.
    Wait(Duration),
    /// Take its run over, which sends it.
    Continue,
    /// Hold it, so that the user decides.
    Hold,
}

/// Decides about a prompt that is sent at a time.
pub fn continuation_action(not_before: Time, now: Time) -> ContinuationAction {
    let late = now.millis().saturating_sub(not_before.millis());
    match u64::try_from(late) {
        Err(_) => ContinuationAction::Wait(Duration::from_millis(late.unsigned_abs()).min(INTERVAL)),
        Ok(late) if Duration::from_millis(late) <= MAX_LATENESS => ContinuationAction::Continue,
        Ok(_) => ContinuationAction::Hold,
    }
}

/// Reasons why the runs of continuations could not be taken over, each reported once.
type Refusals = BTreeMap<RunId, String>;

impl Inner {
    /// Takes continuations over, as long as the supervisor exists.
    pub(super) async fn attend_continuations(inner: Weak<Self>) {
        let mut refusals = Refusals::new();
        loop {
            let Some(inner) = inner.upgrade() else { return };
            let mut wait = INTERVAL;
            if let Some(prompts) = unattended(&inner).await {
                inner.update_leftovers(&prompts).await;
                refusals.retain(|run, _| prompts.iter().any(|prompt| prompt.run == *run));
                for prompt in prompts {
                    let Some(not_before) = prompt.not_before else { continue };
                    match continuation_action(not_before, inner.store.now()) {
                        ContinuationAction::Wait(time) => wait = wait.min(time),
                        ContinuationAction::Continue => take_over(&inner, &prompt.run, &mut refusals).await,
                        ContinuationAction::Hold => hold(&inner, &prompt, &refusals).await,
                    }
                }
            }
            drop(inner);
            tokio::time::sleep(wait).await;
        }
    }
}

/// Returns the prompts that wait for a time and whose runs no living process has; `None` if they cannot be read.
async fn unattended(inner: &Inner) -> Option<Vec<Prompt>> {
    let found = inner.store.with(|db| {
        let mut found = Vec::new();
        for prompt in outbox::waiting_for_time(db)? {
            let holder = registry::holder(db, &prompt.run)?;
            if holder.is_none_or(super::identity::is_dead) {
                found.push(prompt);
            }
        }
        Ok(found)
    });
    let found = found.await.inspect_err(|failure| tracing::warn!("continuations could not be read: {failure}"));
    let mut found = found.ok()?;
    found.retain(|prompt| inner.handle(&prompt.run).is_none());
    Some(found)
}

async fn take_over(inner: &Arc<Inner>, run: &RunId, refusals: &mut Refusals) {
    match inner.ensure_run(run).await {
        // Another process was faster.
        Ok(_) | Err(Refusal::LeasedBy { .. }) => drop(refusals.remove(run)),
        Err(refusal) => {
            let reason = refusal.to_string();
            // It is tried again, and usually refused again.
            if refusals.get(run) != Some(&reason) {
                inner.report(run, format!("A turn could not continue at the end of its limit: {reason}"));
                refusals.insert(run.clone(), reason);
            }
        }
    }
}

async fn hold(inner: &Inner, prompt: &Prompt, refusals: &Refusals) {
    let (id, reason) = (prompt.id, refusals.get(&prompt.run).map_or(MISSED, String::as_str).to_owned());
    let held = inner
        .store
        .with(move |db| outbox::advance(db, id, &[PromptState::Pending], PromptState::Held, Some(&reason)))
        .await;
    match held {
        Ok(_) => drop(inner.publish_leftover(&prompt.run).await),
        Err(failure) => tracing::warn!("a continuation was not held: {failure}"),
    }
}
