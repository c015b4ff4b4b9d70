//! Saves choices, drafts, annotations and model lists on a thread of its own, so that no key waits for the disk.
//!
//! Only the newest value of each name is kept and written. What cannot be written stays pending and is tried again;
//! the failure is reported once.
#![expect(clippy::disallowed_methods, reason = "the thread of the writer may block")]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::SessionKey;
use crate::domain::annotation::AnnotationEdit;
use crate::store::pending::PendingWrites;
use crate::store::{self, Store, outbox};

/// Delay before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Maximum wait for another process that is writing: short, so that drafts are loaded meanwhile.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// Handle of the writer thread. Clones share it.
#[derive(Clone, Debug)]
pub struct StoreWriter {
    shared: Arc<WriterQueue>,
}

/// Message of the writer thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterMessage {
    /// A loaded draft.
    Draft {
        /// Key of the draft.
        key: String,
        /// Text of the draft; empty if there is none.
        text: String,
    },
    /// Changes of annotations are saved.
    Annotated,
    /// Nothing can be saved, for this reason.
    Failed(String),
}

#[derive(Debug, Default)]
struct WriterQueue {
    requests: Mutex<WriterRequests>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WriterRequests {
    writes: PendingWrites,
    /// Keys of drafts to load.
    loads: Vec<String>,
    /// Number of values that are being written.
    writing: usize,
    closing: bool,
}

impl StoreWriter {
    /// Starts the thread, with a connection of its own. `deliver` receives its messages.
    pub fn start(store: &Arc<Store>, deliver: impl Fn(WriterMessage) + Send + 'static) -> Self {
        let shared = Arc::new(WriterQueue::default());
        let own = store.reopen(BUSY_TIMEOUT).map_or_else(
            |error| {
                tracing::warn!(%error, "state.db could not be opened a second time");
                store.clone()
            },
            Arc::new,
        );
        let queue = shared.clone();
        let work = move || queue.run(&own, &deliver);
        if let Err(error) = std::thread::Builder::new().name("store-writer".into()).spawn(work) {
            tracing::error!(%error, "choices and drafts are not saved");
        }
        Self { shared }
    }

    /// Saves a choice.
    pub fn save_choice(&self, name: String, value: String) {
        self.put(|writes| writes.put_choice(name, value));
    }

    /// Saves a draft; an empty one is deleted.
    pub fn save_draft(&self, key: String, text: String) {
        self.put(|writes| writes.put_draft(key, text));
    }

    /// Saves a change of sessions' annotations. [`WriterMessage::Annotated`] follows once it is saved.
    pub fn annotate(&self, keys: Vec<SessionKey>, edit: &AnnotationEdit) {
        self.put(|writes| keys.into_iter().all(|key| writes.put_annotation(key, edit.clone())));
    }

    /// Loads a draft, including one that is not on disk yet.
    pub fn load_draft(&self, key: String) {
        self.shared.lock().loads.push(key);
        self.shared.changed.notify_all();
    }

    /// Ends the thread once everything is saved. Returns the number of values that are not saved within the limit.
    pub fn finish(&self, limit: Duration) -> usize {
        let deadline = Instant::now() + limit;
        let mut requests = self.shared.lock();
        requests.closing = true;
        self.shared.changed.notify_all();
        loop {
            let unsaved = requests.writes.len() + requests.writing;
            let left = deadline.saturating_duration_since(Instant::now());
            if unsaved == 0 || left.is_zero() {
                return unsaved;
            }
            requests = wait(&self.shared.changed, requests, left);
        }
    }

    fn put(&self, put: impl FnOnce(&mut PendingWrites) -> bool) {
        if !put(&mut self.shared.lock().writes) {
            tracing::warn!("a choice or draft is not saved: too many are pending");
        }
        self.shared.changed.notify_all();
    }
}

impl WriterQueue {
    fn lock(&self) -> MutexGuard<'_, WriterRequests> {
        // No holder of the lock leaves the requests in an inconsistent state.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, store: &Store, deliver: &impl Fn(WriterMessage)) {
        let mut failing = false;
        while let Some((batch, loads)) = self.next(failing) {
            let saved = if batch.is_empty() { Ok(()) } else { store.with(|db| batch.save(db)) };
            if let (Err(error), false) = (&saved, failing) {
                deliver(WriterMessage::Failed(store::describe_error(error)));
            }
            if batch.has_annotations() && saved.is_ok() {
                deliver(WriterMessage::Annotated);
            }
            failing = saved.is_err();
            for (key, pending) in self.written(saved.err().map(|_| batch), loads) {
                let saved = || store.with(|db| outbox::draft(db, &key)).unwrap_or_default();
                let text = pending.unwrap_or_else(saved);
                deliver(WriterMessage::Draft { key, text });
            }
        }
    }

    /// Waits for requests; after a failure, for the next attempt. `None` once the writer is closed and has saved all.
    fn next(&self, failing: bool) -> Option<(PendingWrites, Vec<String>)> {
        let mut requests = self.lock();
        if failing && requests.loads.is_empty() {
            requests = wait(&self.changed, requests, RETRY);
        }
        while requests.writes.is_empty() && requests.loads.is_empty() {
            if requests.closing {
                return None;
            }
            requests = self.changed.wait(requests).unwrap_or_else(PoisonError::into_inner);
        }
        let batch = std::mem::take(&mut requests.writes);
        requests.writing = batch.len();
        Some((batch, std::mem::take(&mut requests.loads)))
    }

    /// Ends a write; what was not saved is pending again. Returns the pending texts of the drafts to load.
    fn written(&self, unsaved: Option<PendingWrites>, loads: Vec<String>) -> Vec<(String, Option<String>)> {
        let mut requests = self.lock();
        requests.writing = 0;
        if let Some(unsaved) = unsaved {
            requests.writes.add_older(unsaved);
        }
        self.changed.notify_all();
        let pending = |key: String| {
            let text = requests.writes.draft(&key).map(str::to_owned);
            (key, text)
        };
        loads.into_iter().map(pending).collect()
    }
}

fn wait<'a>(
    changed: &Condvar,
    requests: MutexGuard<'a, WriterRequests>,
    limit: Duration,
) -> MutexGuard<'a, WriterRequests> {
    changed.wait_timeout(requests, limit).unwrap_or_else(PoisonError::into_inner).0
}
