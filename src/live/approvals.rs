//! Publishes the open approvals of this process in `state.db`, so that `salon approve` in another process can answer
//! them.
//!
//! Polls for answers only while an approval is open.

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
    let mut open: BTreeMap<RunId, Vec<Arc<str>>> = BTreeMap::new();
    let mut version = 0;
    loop {
        let waiting = !open.is_empty();
        tokio::select! {
            info = changed.recv() => {
                let Some(info) = info else { return };
                let ids: Vec<_> = info.approvals.iter().map(|approval| approval.id.clone()).collect();
                if open.get(&info.id).map_or(&[][..], Vec::as_slice) == ids {
                    continue;
                }
                if ids.is_empty() {
                    open.remove(&info.id);
                } else {
                    open.insert(info.id.clone(), ids);
                }
                with(&store, move |db| approvals::set(db, &info.id, &info.approvals)).await;
            }
            () = tokio::time::sleep(POLL_INTERVAL), if waiting => {
                let runs: Vec<_> = open.keys().cloned().collect();
                let before = version;
                let Some((current, answers)) = with(&store, move |db| answers(db, before, &runs)).await else { continue };
                version = current;
                for (run, id, answer) in answers {
                    // A run that has ended no longer needs the answer.
                    live.answer(&run, &id, answer).ok();
                }
            }
        }
    }
}

type Answers = (i64, Vec<(RunId, String, ApprovalAnswer)>);

fn answers(db: &mut store::Connection, before: i64, runs: &[RunId]) -> store::Result<Answers> {
    let current = approvals::data_version(db)?;
    let mut taken = Vec::new();
    if current != before {
        for run in runs {
            while let Some((id, answer)) = approvals::take_answer(db, run)? {
                taken.push((run.clone(), id, answer));
            }
        }
    }
    Ok((current, taken))
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
