//! Evicts idle processes, so that not every opened session keeps one. Runs after a change and when an idle limit
//! expires; never polls.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::policy::{self, EvictionCandidate, LiveLimits};
use super::run::{RunCommand, RunHandle};
use crate::domain::run::{Phase, StopReason};

/// Evicts runs until `handles` returns `None`: the supervisor was dropped.
pub(super) async fn run_evictor(
    wake: Arc<Notify>,
    limits: LiveLimits,
    handles: impl Fn() -> Option<Vec<RunHandle>> + Send,
) {
    loop {
        let Some(next) = handles().map(|handles| evict(handles, limits)) else { return };
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
fn evict(mut handles: Vec<RunHandle>, limits: LiveLimits) -> Option<Instant> {
    let now = Instant::now();
    handles.retain(|handle| !matches!(handle.snapshot().info.phase, Phase::Stopped(_)));
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
        // A background task ends with the process.
        busy: snapshot.info.phase != Phase::Idle || !snapshot.info.tasks.is_empty(),
        stopping: snapshot.info.stopping.is_some(),
        watched: handle.viewers() > 0,
        // A paused queue waits for the user and is on disk.
        queued: snapshot.info.queued > 0 && !snapshot.info.paused,
        awaiting_approval: !snapshot.info.approvals.is_empty(),
        drafted: handle.is_drafted(),
    }
}
