//! Saves and loads drafts on a thread of its own, so that a slow disk does not delay a key. Dropping it waits until all
//! drafts are on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::store::{Store, outbox};

/// Handle of the drafts thread.
#[derive(Debug)]
pub struct Drafts {
    requests: Option<Sender<DraftRequest>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum DraftRequest {
    Save { key: String, text: String },
    Load { key: String },
}

impl Drafts {
    /// Starts the thread. `deliver` receives the key and text of loaded drafts.
    pub fn start(store: Arc<Store>, deliver: impl Fn(String, String) + Send + 'static) -> Self {
        let (requests, receiver) = channel();
        let work = move || run(&store, &receiver, &deliver);
        let thread = std::thread::Builder::new().name("drafts".into()).spawn(work);
        let thread = thread.inspect_err(|error| tracing::error!(%error, "drafts are not saved")).ok();
        Self { requests: Some(requests), thread }
    }

    /// Saves a draft; an empty one is deleted.
    pub fn save(&self, key: String, text: String) {
        self.send(DraftRequest::Save { key, text });
    }

    /// Loads a draft, including one that is not on disk yet.
    pub fn load(&self, key: String) {
        self.send(DraftRequest::Load { key });
    }

    fn send(&self, request: DraftRequest) {
        if self.requests.as_ref().is_none_or(|thread| thread.send(request).is_err()) {
            tracing::warn!("a draft was not saved: its thread is gone");
        }
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        self.requests = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the drafts thread panicked");
        }
    }
}

fn run(store: &Store, receiver: &Receiver<DraftRequest>, deliver: &impl Fn(String, String)) {
    while let Ok(first) = receiver.recv() {
        // Only the latest text of each draft is written.
        let mut changed = BTreeMap::new();
        let mut loaded = Vec::new();
        for request in std::iter::once(first).chain(std::iter::from_fn(|| receiver.try_recv().ok())) {
            match request {
                DraftRequest::Save { key, text } => drop(changed.insert(key, text)),
                DraftRequest::Load { key } => loaded.push(key),
            }
        }
        for (key, text) in &changed {
            if let Err(error) = store.with(|db| outbox::set_draft(db, key, text)) {
                tracing::warn!(%error, "a draft was not saved");
            }
        }
        for key in loaded {
            let text = store.with(|db| outbox::draft(db, &key)).unwrap_or_default();
            deliver(key, text);
        }
    }
}
