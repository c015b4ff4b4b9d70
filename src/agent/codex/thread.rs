//! The history of a fork: the parts of the threads that it was forked from.
//!
//! A paginated fork does not copy history; it names a thread and an ordinal, and that thread may be a fork as well.

use std::path::Path;

use super::dialect::Rollout;
use super::head::RolloutHead;
use super::paths;
use crate::agent::jsonl::concatenated::{History, MissingHistory};

/// Maximum number of ancestors of a fork, because a damaged file may name itself.
const MAX_FORK_DEPTH: usize = 32;

/// Finds the rollouts that precede the one at `path`; each dialect skips the lines after the fork.
pub(super) fn history(path: &Path, head: &RolloutHead) -> History<Rollout> {
    let mut history = History { parts: Vec::new(), missing: None };
    let mut base = head.base.clone();
    while let Some(at) = base {
        let found = paths::find_rollout(path, &at.thread_id).filter(|_| history.parts.len() < MAX_FORK_DEPTH);
        let Some((path, head)) = found.and_then(|path| RolloutHead::read(&path).ok().map(|head| (path, head))) else {
            history.missing = Some(missing(at.thread_id));
            break;
        };
        history.parts.push((path, Rollout { until: Some(at.end_ordinal_exclusive), ..head.dialect() }));
        base = head.base;
    }
    history.parts.reverse();
    history
}

fn missing(thread: String) -> MissingHistory {
    let text = format!("The conversation before this fork is in thread {thread}, whose rollout is missing.");
    MissingHistory { id: thread, text }
}
