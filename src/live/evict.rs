//! Evicts idle processes, so that not every opened session keeps one. Runs after a change and when an idle limit
//! expires; never polls.

use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::policy::{self, EvictionCandidate};
use super::run::{RunCommand, RunHandle};
use super::supervisor::Inner;
use crate::domain::run::{Phase, StopReason};

/// Evicts runs until the supervisor is dropped.
pub(super) async fn run_evictor(inner: Weak<Inner>) {
    let Some(wake) = inner.upgrade().map(|inner| inner.events.eviction_wake.clone()) else { return };
    loop {
        let Some(next) = inner.upgrade().map(|inner| evict(&inner)) else { return };
        let changed = wake.notified();
        match next {
            Some(next) => tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(next) => {}
            },
            None => changed.await,
        }
    }
}

/// Evicts idle runs. Returns the time of the next check.
fn evict(inner: &Arc<Inner>) -> Option<Instant> {
    let now = Instant::now();
    let limits = inner.options.limits;
    let living = |handle: &RunHandle| !matches!(handle.snapshot().info.phase, Phase::Stopped(_));
    let handles: Vec<RunHandle> = inner.handles().into_iter().filter(living).collect();
    let runs: Vec<EvictionCandidate> = handles.iter().map(|handle| candidate(handle, now)).collect();
    let evicted = policy::select_evictions(&runs, limits);
    for &at in &evicted {
        handles[at].send(RunCommand::Stop(StopReason::Evicted));
    }
    // Evicted runs publish their own change.
    let kept: Vec<EvictionCandidate> = (0..runs.len()).filter(|at| !evicted.contains(at)).map(|at| runs[at]).collect();
    policy::next_eviction(&kept, limits).map(|wait| now + wait)
}

fn candidate(handle: &RunHandle, now: Instant) -> EvictionCandidate {
    let snapshot = handle.snapshot();
    EvictionCandidate {
        idle: now.duration_since(snapshot.at),
        busy: snapshot.info.phase != Phase::Idle || snapshot.info.stopping.is_some(),
        watched: handle.viewers() > 0,
        queued: snapshot.info.queued > 0,
        awaiting_approval: !snapshot.info.approvals.is_empty(),
    }
}
