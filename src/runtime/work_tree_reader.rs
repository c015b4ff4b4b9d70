//! Reads the states of work trees for lists, on a thread of its own: never more than one git runs for them, and a slow
//! repository is read once a minute at most.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::domain::worktree::WorkTreeSummary;
use crate::git::{Git, GitError, Repository};

/// Minimum interval between two reads of a work tree.
const MIN_INTERVAL: Duration = Duration::from_secs(3);

/// Maximum interval between two reads of a work tree.
const MAX_INTERVAL: Duration = Duration::from_mins(1);

/// Intervals per duration of a read, so that git is idle for most of the time.
const IDLE_FACTOR: u32 = 300;

/// Last read of a work tree.
#[derive(Clone, Copy, Debug)]
struct LastRead {
    began: Instant,
    took: Duration,
}

/// Starts the thread. Requests are directories. It ends when the sender is dropped or `answer` returns false.
pub fn start(
    git: Git,
    answer: impl Fn(Arc<str>, Option<WorkTreeSummary>) -> bool + Send + 'static,
) -> Sender<Vec<Arc<str>>> {
    let (sender, requests) = channel();
    std::thread::spawn(move || serve(&requests, &git, answer));
    sender
}

fn serve(requests: &Receiver<Vec<Arc<str>>>, git: &Git, answer: impl Fn(Arc<str>, Option<WorkTreeSummary>) -> bool) {
    let mut last: HashMap<Arc<str>, LastRead> = HashMap::new();
    // Several requests for a directory are one. What changed since its last read is read once the interval is over.
    let mut waiting: BTreeSet<Arc<str>> = BTreeSet::new();
    loop {
        let due = waiting.iter().map(|directory| remaining(last.get(directory))).min();
        let received = match due {
            Some(due) => requests.recv_timeout(due),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(directories) => waiting.extend(directories),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        waiting.extend(requests.try_iter().flatten());
        let is_due = |directory: &&Arc<str>| remaining(last.get(*directory)).is_zero();
        let due: Vec<_> = waiting.iter().filter(is_due).cloned().collect();
        for directory in due {
            waiting.remove(&directory);
            let began = Instant::now();
            let summary = read(git, Path::new(&*directory));
            last.insert(directory.clone(), LastRead { began, took: began.elapsed() });
            if !answer(directory, summary) {
                return;
            }
        }
    }
}

/// Returns the time until a work tree may be read again.
fn remaining(last: Option<&LastRead>) -> Duration {
    last.map_or(Duration::ZERO, |last| interval(last.took).saturating_sub(last.began.elapsed()))
}

/// Returns the interval until the next read, given the duration of the last one.
pub fn interval(took: Duration) -> Duration {
    (took * IDLE_FACTOR).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

/// Reads the state of the work tree that contains a directory. `None` outside of git, and if git fails.
fn read(git: &Git, directory: &Path) -> Option<WorkTreeSummary> {
    let status = Repository::open(git, directory).and_then(|repository| repository.brief_status());
    match status {
        Ok(status) => {
            let (ahead, behind) = status.divergence.unwrap_or_default();
            Some(WorkTreeSummary { branch: status.branch, changed: status.changes.len(), ahead, behind })
        }
        Err(GitError::NotARepository(_) | GitError::NoDirectory(_) | GitError::NotInstalled) => None,
        Err(error) => {
            tracing::debug!(%error, "the state of a work tree is unknown");
            None
        }
    }
}
