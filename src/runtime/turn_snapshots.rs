//! Snapshots of the files when a turn of a run begins and ends, on a thread of their own: no prompt waits for them, and
//! never more than one is taken at a time.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::env::Clock;
use super::trash::DAY_MILLIS;
use crate::domain::Time;
use crate::domain::run::{Phase, RunId, RunInfo};
use crate::git::own_repository::OwnRepository;
use crate::git::{Git, GitError, Repository};
use crate::store::turn_snapshots::{self, TurnSnapshot};
use crate::store::{self, Store};

/// Interval between removals of old snapshots in a process without a screen.
const EXPIRY_INTERVAL: Duration = Duration::from_hours(1);

/// Snapshots of turns.
#[derive(Debug)]
pub struct TurnSnapshots {
    requests: Sender<SnapshotRequest>,
    thread: JoinHandle<()>,
    /// Runs with an open turn.
    open: HashMap<RunId, Time>,
}

#[derive(Debug)]
struct SnapshotRequest {
    run: RunId,
    cwd: PathBuf,
    /// Start of the turn.
    turn: Time,
    /// True if the turn has ended, false if it begins.
    ended: bool,
}

impl TurnSnapshots {
    /// Starts the thread, which ends with the handle. `own` is the directory of salon's own repositories.
    pub fn start(git: Git, own: PathBuf, store: Arc<Store>) -> Self {
        let (requests, receiver) = channel();
        let thread = std::thread::spawn(move || serve(&receiver, &git, &own, &store));
        Self { requests, thread, open: HashMap::new() }
    }

    /// Waits until all requested snapshots are taken.
    pub fn finish(self) {
        let Self { requests, thread, open: _ } = self;
        drop(requests);
        if thread.join().is_err() {
            tracing::error!("the thread that takes snapshots has failed");
        }
    }

    /// Requests a snapshot if a turn of a run began or ended.
    pub fn run_changed(&mut self, info: &RunInfo) {
        let since = match info.phase {
            Phase::Working { since, .. } => Some(since),
            // The turn is still open.
            Phase::Interrupting { .. } => return,
            Phase::Starting | Phase::Idle | Phase::Stopped(_) => None,
        };
        let before = match since {
            Some(since) => self.open.insert(info.id.clone(), since),
            None => self.open.remove(&info.id),
        };
        if before == since {
            return;
        }
        // One turn may follow another at once.
        if let Some(turn) = before {
            self.request(info, turn, true);
        }
        if let Some(turn) = since {
            self.request(info, turn, false);
        }
    }

    fn request(&self, info: &RunInfo, turn: Time, ended: bool) {
        let request = SnapshotRequest { run: info.id.clone(), cwd: info.cwd.clone(), turn, ended };
        // An error means that the thread has failed; the session goes on without snapshots.
        self.requests.send(request).ok();
    }
}

fn serve(requests: &Receiver<SnapshotRequest>, git: &Git, own: &Path, store: &Store) {
    while let Ok(request) = requests.recv() {
        match take(&request, git, own, store) {
            Ok(()) | Err(SnapshotError::Git(GitError::PlainDirectory(..) | GitError::NotInstalled)) => {}
            Err(error) => tracing::warn!(%error, cwd = %request.cwd.display(), "no snapshot of the files"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum SnapshotError {
    #[error("{0}")]
    Git(#[from] GitError),
    #[error("{}", store::describe_error(.0))]
    Store(#[from] store::Error),
}

#[expect(clippy::disallowed_methods, reason = "on a thread of its own")]
fn take(request: &SnapshotRequest, git: &Git, own: &Path, store: &Store) -> Result<(), SnapshotError> {
    let repository = Repository::open_or_plain(git, &request.cwd, own)?;
    let own = OwnRepository::open(git, own, &repository.common_dir)?;
    let commit = own.snapshot(&repository)?;
    let name = format!("{TURNS}{commit}");
    let began = request.turn;
    if request.ended {
        // The turn may have made another repository.
        let place = (repository.common_dir.as_path(), repository.root.as_path());
        store.with(|db| turn_snapshots::end(db, (&request.run, began), place, &commit))?;
    } else {
        let (run, before) = (request.run.clone(), commit.clone());
        let (repository, root) = (repository.common_dir.clone(), repository.root.clone());
        let snapshot = TurnSnapshot { run, began, repository, root, before, after: None };
        store.with(|db| turn_snapshots::begin(db, &snapshot))?;
    }
    // After the record, because a clean-up removes refs without one.
    Ok(own.set_ref(&name, &commit)?)
}

/// Prefix of the refs that keep snapshots of turns, before the commit. Equal snapshots share one.
const TURNS: &str = "refs/salon/turns/";

/// Prefix of the refs that keep snapshots before a change was discarded, before its time in ms since 1970.
pub(super) const UNDO: &str = "refs/salon/undo/";

/// Packs the snapshots each hour, and removes those that are older than some days, in a process without a screen.
pub fn schedule_expiry(git: Git, own: PathBuf, store: Arc<Store>, days: u32, clock: Clock) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EXPIRY_INTERVAL).await;
            let (git, own, store) = (git.clone(), own.clone(), store.clone());
            let before = Time::from_millis(clock.now().millis().saturating_sub(i64::from(days) * DAY_MILLIS));
            if tokio::task::spawn_blocking(move || expire(&git, &own, &store, before)).await.is_err() {
                tracing::error!("the removal of old snapshots has failed");
            }
        }
    });
}

/// Removes the snapshots before a time, of turns and of discarded changes, and packs salon's repositories.
#[expect(clippy::disallowed_methods, reason = "called from blocking tasks")]
pub fn expire(git: &Git, own: &Path, store: &Store, before: Time) {
    if store.with(|db| turn_snapshots::remove_expired(db, before)).is_err() {
        return;
    }
    for repository in OwnRepository::all(git, own) {
        if let Err(error) = clean_up((&repository, own), store, before) {
            tracing::warn!(%error, repository = %repository.path.display(), "old snapshots were not removed");
        }
    }
}

/// Removes the refs of a repository that are too old. A snapshot may be taken meanwhile, and records its commit before
/// its ref: the records are read after the refs, and once more after the removal.
fn clean_up((own, folder): (&OwnRepository, &Path), store: &Store, before: Time) -> Result<(), SnapshotError> {
    let refs = own.refs("refs/salon")?;
    let kept = recorded_commits(store)?;
    let expired: Vec<_> = refs.into_iter().filter(|name| is_expired(name, &kept, before)).collect();
    expired.iter().try_for_each(|name| own.remove_ref(name))?;
    if !expired.is_empty() {
        let kept = recorded_commits(store)?;
        let taken_meanwhile = expired.iter().filter(|name| !is_expired(name, &kept, before));
        for name in taken_meanwhile {
            if let Some(commit) = name.strip_prefix(TURNS) {
                own.set_ref(name, commit)?;
            }
        }
    }
    // The latest state of a directory outside of git serves the next snapshot of it.
    let is_unused = own.refs(TURNS)?.is_empty();
    let is_removed = is_unused && own.expire_latest(folder)?;
    // A snapshot that is not packed may need what the user's repository has only until its next clean-up.
    if expired.is_empty() && !is_removed && own.loose_objects()? == 0 { Ok(()) } else { Ok(own.pack()?) }
}

fn is_expired(name: &str, kept: &HashSet<String>, before: Time) -> bool {
    match (name.strip_prefix(TURNS), name.strip_prefix(UNDO)) {
        // The end of a turn may be the begin of the next one.
        (Some(commit), _) => !kept.contains(commit),
        (None, Some(rest)) => {
            let time = rest.split('-').next().and_then(|millis| millis.parse().ok());
            time.is_some_and(|millis| Time::from_millis(millis) < before)
        }
        (None, None) => false,
    }
}

#[expect(clippy::disallowed_methods, reason = "called from blocking tasks")]
fn recorded_commits(store: &Store) -> Result<HashSet<String>, SnapshotError> {
    Ok(store.with(|db| turn_snapshots::commits(db))?.into_iter().collect())
}
