//! Viewers of the runs of this process: one task per watched run, which forwards new events at the receiver's pace.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::domain::run::RunId;
use crate::domain::run_event::{Replay, RingCursor};
use crate::live::{Live, Viewer};

/// Minimum interval between two replays of a streaming run: half a frame.
const REPLAY_INTERVAL: Duration = Duration::from_millis(8);

/// Viewers of runs. Dropping them ends the tasks.
#[derive(Debug)]
pub struct Viewers {
    live: Live,
    tasks: HashMap<RunId, JoinHandle<()>>,
    /// Cursors of watched runs that do not exist yet; viewers attach when the run starts.
    pending: HashMap<RunId, RingCursor>,
    replays: mpsc::Sender<(RunId, Replay)>,
}

impl Viewers {
    /// Creates an empty set, whose events go to `replays`.
    pub fn new(live: Live, replays: mpsc::Sender<(RunId, Replay)>) -> Self {
        Self { live, tasks: HashMap::new(), pending: HashMap::new(), replays }
    }

    /// Forwards the events of a run from a cursor on.
    pub fn watch(&mut self, run: RunId, cursor: RingCursor) {
        let Some(viewer) = self.live.watch(&run) else {
            self.pending.insert(run, cursor);
            return;
        };
        let task = tokio::spawn(forward_replays(viewer, run.clone(), cursor, self.replays.clone()));
        if let Some(before) = self.tasks.insert(run, task) {
            before.abort();
        }
    }

    /// Forwards no more events of a run.
    pub fn unwatch(&mut self, run: &RunId) {
        self.pending.remove(run);
        if let Some(viewer) = self.tasks.remove(run) {
            viewer.abort();
        }
    }

    /// Attaches to a run that has just started, if it is awaited.
    pub fn run_changed(&mut self, run: &RunId) {
        if let Some(cursor) = self.pending.remove(run) {
            self.watch(run.clone(), cursor);
        }
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        for viewer in self.tasks.values() {
            viewer.abort();
        }
    }
}

/// Forwards the events of a run until its end.
async fn forward_replays(
    mut viewer: Viewer,
    run: RunId,
    mut cursor: RingCursor,
    replays: mpsc::Sender<(RunId, Replay)>,
) {
    let mut first = true;
    while let Some(replay) = viewer.since(cursor).await {
        let changed = std::mem::take(&mut first) || replay.cursor != cursor;
        cursor = replay.cursor;
        if changed && replays.send((run.clone(), replay)).await.is_err() {
            return;
        }
        tokio::time::sleep(REPLAY_INTERVAL).await;
        if !viewer.changed().await {
            return;
        }
    }
}
