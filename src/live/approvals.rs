//! Publishes the open approvals of this process in `state.db`, so that `salon approve` in another process can answer
//! them.
//!
//! Polls for answers only while an approval is open.
#![expect(clippy::disallowed_methods, reason = "on a blocking thread")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Live;
use crate::domain::approval::ApprovalAnswer;
use crate::domain::run::{RunId, RunInfo};
use crate::store::{self, Store, approvals};

/// Polling interval for answers from other processes.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Publishes approvals and applies answers until the sender of run changes is dropped.
pub async fn relay(live: Live, store: Arc<Store>, mut changed: mpsc::UnboundedReceiver<Arc<RunInfo>>) {
    let mut approvals = PublishedApprovals::default();
    let mut version = 0;
    loop {
        tokio::select! {
            info = changed.recv() => {
                let Some(info) = info else { return };
                approvals.update(&store, info).await;
            }
            () = tokio::time::sleep(POLL_INTERVAL), if approvals.need_polling() => {
                approvals.publish(&store).await;
                let runs: Vec<_> = approvals.stored.keys().cloned().collect();
                let before = version;
                let Some((current, answers)) = with(&store, move |db| Ok(answers(db, before, &runs))).await else { continue };
                version = current;
                for (run, id, answer) in answers {
                    // A run that has ended no longer needs the answer.
                    live.answer(&run, &id, answer).ok();
                }
            }
        }
    }
}

/// Open approvals per run: those to publish, and the ids that `state.db` contains.
#[derive(Default)]
struct PublishedApprovals {
    unstored: BTreeMap<RunId, Arc<RunInfo>>,
    stored: BTreeMap<RunId, Vec<Arc<str>>>,
}

impl PublishedApprovals {
    async fn update(&mut self, store: &Arc<Store>, info: Arc<RunInfo>) {
        if self.stored.get(&info.id).map_or(&[][..], Vec::as_slice) == ids(&info) {
            self.unstored.remove(&info.id);
            return;
        }
        self.unstored.insert(info.id.clone(), info);
        self.publish(store).await;
    }

    /// Stores what is not stored yet. What cannot be stored is tried again with the next poll.
    async fn publish(&mut self, store: &Arc<Store>) {
        for (run, info) in std::mem::take(&mut self.unstored) {
            let open = info.clone();
            if with(store, move |db| approvals::set(db, &open.id, &open.approvals)).await.is_none() {
                self.unstored.insert(run, info);
            } else if info.approvals.is_empty() {
                self.stored.remove(&run);
            } else {
                self.stored.insert(run, ids(&info));
            }
        }
    }

    fn need_polling(&self) -> bool {
        !self.stored.is_empty() || !self.unstored.is_empty()
    }
}

fn ids(info: &RunInfo) -> Vec<Arc<str>> {
    info.approvals.iter().map(|approval| approval.id.clone()).collect()
}

/// Takes the answers for these runs, if the database changed. Returns its version, and every answer that was taken:
/// after an error, the version is the old one, so that the rest is taken with the next poll.
fn answers(db: &mut store::Connection, before: i64, runs: &[RunId]) -> (i64, Vec<(RunId, String, ApprovalAnswer)>) {
    let mut taken = Vec::new();
    let done = take_answers(db, before, runs, &mut taken);
    let version = done.unwrap_or_else(|error| {
        tracing::warn!(%error, "answers to approvals could not be read");
        before
    });
    (version, taken)
}

fn take_answers(
    db: &mut store::Connection,
    before: i64,
    runs: &[RunId],
    taken: &mut Vec<(RunId, String, ApprovalAnswer)>,
) -> store::Result<i64> {
    let current = approvals::data_version(db)?;
    if current != before {
        for run in runs {
            while let Some((id, answer)) = approvals::take_answer(db, run)? {
                taken.push((run.clone(), id, answer));
            }
        }
    }
    Ok(current)
}

async fn with<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&mut store::Connection) -> store::Result<T> + Send + 'static,
) -> Option<T> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || store.with(work)).await;
    match done {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::warn!(%error, "approvals are not available to other processes");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "approvals are not available to other processes");
            None
        }
    }
}
