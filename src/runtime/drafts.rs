//! Drafts on their way to `state.db` and back, on a thread of its own: a slow disk must not delay a key. What was
//! given to it is on disk when it is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::store::{Store, outbox};

/// Keeps drafts and recalls them.
#[derive(Debug)]
pub struct Drafts {
    asked: Option<Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Asked {
    Keep { key: String, text: String },
    Recall { key: String },
}

impl Drafts {
    /// Starts the thread. Recalled drafts are told to `tell`.
    pub fn start(store: Arc<Store>, tell: impl Fn(String, String) + Send + 'static) -> Self {
        let (asked, questions) = channel();
        let work = move || serve(&store, &questions, &tell);
        let thread = std::thread::Builder::new().name("drafts".into()).spawn(work);
        let thread = thread.inspect_err(|error| tracing::error!(%error, "drafts are not kept")).ok();
        Self { asked: Some(asked), thread }
    }

    /// Keeps a draft; an empty one is forgotten.
    pub fn keep(&self, key: String, text: String) {
        self.ask(Asked::Keep { key, text });
    }

    /// Tells a draft that was kept, also one that is on its way to the disk.
    pub fn recall(&self, key: String) {
        self.ask(Asked::Recall { key });
    }

    fn ask(&self, asked: Asked) {
        if self.asked.as_ref().is_none_or(|thread| thread.send(asked).is_err()) {
            tracing::warn!("a draft was not kept: its thread is gone");
        }
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        self.asked = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps drafts panicked");
        }
    }
}

fn serve(store: &Store, questions: &Receiver<Asked>, tell: &impl Fn(String, String)) {
    while let Ok(first) = questions.recv() {
        // Of what was typed in the meantime only the last state of each draft is written.
        let mut kept = BTreeMap::new();
        let mut recalled = Vec::new();
        for asked in std::iter::once(first).chain(std::iter::from_fn(|| questions.try_recv().ok())) {
            match asked {
                Asked::Keep { key, text } => drop(kept.insert(key, text)),
                Asked::Recall { key } => recalled.push(key),
            }
        }
        for (key, text) in &kept {
            if let Err(error) = store.with(|db| outbox::set_draft(db, key, text)) {
                tracing::warn!(%error, "a draft was not kept");
            }
        }
        for key in recalled {
            let text = store.with(|db| outbox::draft(db, &key)).unwrap_or_default();
            tell(key, text);
        }
    }
}
