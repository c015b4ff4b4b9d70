//! Questions of this salon's runs, told in `state.db`, so that `salon approve` in another process can answer them.
//!
//! Looks for answers only while a question is open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Live;
use crate::domain::approval::Answer;
use crate::domain::run::{RunId, RunInfo};
use crate::store::{self, Store, questions};

/// How often answers are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Tells questions and takes answers until nobody tells of runs any more.
pub async fn relay(live: Live, store: Arc<Store>, mut changed: mpsc::UnboundedReceiver<Arc<RunInfo>>) {
    let mut open: BTreeMap<RunId, Vec<Arc<str>>> = BTreeMap::new();
    let mut seen = 0;
    loop {
        let waits = !open.is_empty();
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
                with(&store, move |db| questions::set(db, &info.id, &info.approvals)).await;
            }
            () = tokio::time::sleep(LOOK), if waits => {
                let runs: Vec<_> = open.keys().cloned().collect();
                let before = seen;
                let Some((now, answers)) = with(&store, move |db| answers(db, before, &runs)).await else { continue };
                seen = now;
                for (run, id, answer) in answers {
                    // A run that is gone asks no more.
                    live.answer(&run, &id, answer).ok();
                }
            }
        }
    }
}

type Answers = (i64, Vec<(RunId, String, Answer)>);

fn answers(db: &mut store::Connection, before: i64, runs: &[RunId]) -> store::Result<Answers> {
    let now = questions::changes(db)?;
    let mut taken = Vec::new();
    if now != before {
        for run in runs {
            while let Some((id, answer)) = questions::take_answer(db, run)? {
                taken.push((run.clone(), id, answer));
            }
        }
    }
    Ok((now, taken))
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
            tracing::warn!(%error, "questions are not told to other processes");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "questions are not told to other processes");
            None
        }
    }
}
