//! Keeps the stored talk up to date on a thread that gives way to all others.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::Clock;
use crate::domain::Issue;
use crate::domain::catalog::Progress;
use crate::index::search::{Cancel, Corpus, Indexed, Search};

/// Least time between two tellings of how far it is.
const SPACE: Duration = Duration::from_millis(50);

/// What is told of the upkeep.
#[derive(Debug)]
pub(in crate::index) enum Kept {
    /// So far it is.
    So(Progress),
    /// It is through, or the directory does not let it.
    Through(Option<Issue>),
    /// Another salon is at it.
    Elsewhere,
}

/// Starts the thread; it ends when the sender is dropped.
pub(super) fn start(
    search: Arc<Search>,
    cancel: Cancel,
    clock: Clock,
    tell: impl Fn(Kept) + Send + 'static,
) -> Sender<Arc<Corpus>> {
    let (sender, work) = channel::<Arc<Corpus>>();
    let keep = move || {
        give_way();
        while let Ok(corpus) = work.recv() {
            let mut free = clock();
            let mut told = |Indexed { done, total }| {
                if clock() >= free || done == total {
                    tell(Kept::So(Progress { done, total }));
                    free = clock() + SPACE;
                }
            };
            let kept = match search.update(&corpus, &cancel, &mut told) {
                Ok(Some(indexed)) => {
                    tell(Kept::So(Progress { done: indexed.done, total: indexed.total }));
                    let settled = search.settle(&corpus, &cancel);
                    Kept::Through(settled.err().map(|error| Issue::new("", error.to_string())))
                }
                Ok(None) => Kept::Elsewhere,
                Err(error) => Kept::Through(Some(Issue::new("", error.to_string()))),
            };
            search.rest();
            tell(kept);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("search-upkeep".into()).spawn(keep) {
        tracing::error!(%error, "the search index is not kept up to date");
    }
    sender
}

/// Lets this thread, and those that it starts, work only when nobody else wants to.
fn give_way() {
    // Elsewhere than on Linux this would be about the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 15) {
        tracing::debug!(%error, "the search index is kept up to date at full priority");
    }
}
