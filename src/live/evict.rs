//! Which idle process goes, so that not every conversation that was ever opened keeps one. Decided when something
//! changed, or when a run has been idle for long; nothing is polled.

use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::decide::{self, Idleness};
use super::run::{Order, RunHandle};
use super::supervisor::Inner;
use crate::domain::run::{Phase, Stopped};

/// Works as long as there are runs to be looked after.
pub(super) async fn work(inner: Weak<Inner>) {
    let Some(stir) = inner.upgrade().map(|inner| inner.told.stir.clone()) else { return };
    loop {
        let Some(next) = inner.upgrade().map(|inner| evict(&inner)) else { return };
        let changed = stir.notified();
        match next {
            Some(next) => tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(next) => {}
            },
            None => changed.await,
        }
    }
}

/// Lets go whoever may; when to look again.
fn evict(inner: &Arc<Inner>) -> Option<Instant> {
    let now = Instant::now();
    let limits = inner.options.limits;
    let living = |handle: &RunHandle| !matches!(handle.news().info.phase, Phase::Stopped(_));
    let handles: Vec<RunHandle> = inner.handles().into_iter().filter(living).collect();
    let runs: Vec<Idleness> = handles.iter().map(|handle| idleness(handle, now)).collect();
    let goes = decide::evict(&runs, limits);
    for &at in &goes {
        handles[at].order(Order::Stop(Stopped::Evicted));
    }
    // Those that go say so themselves.
    let stay: Vec<Idleness> = (0..runs.len()).filter(|at| !goes.contains(at)).map(|at| runs[at]).collect();
    decide::next_eviction(&stay, limits).map(|wait| now + wait)
}

fn idleness(handle: &RunHandle, now: Instant) -> Idleness {
    let news = handle.news();
    Idleness {
        idle: now.duration_since(news.at),
        busy: news.info.phase != Phase::Idle || news.info.stopping.is_some(),
        watched: handle.viewers() > 0,
        queued: news.info.queued > 0,
        asking: !news.info.approvals.is_empty(),
    }
}
