//! Snapshots of the files when a turn of a run begins and ends, on a thread of their own: no prompt waits for them, and
//! never more than one git runs for them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::domain::Time;
use crate::domain::run::{Phase, RunId, RunInfo};
use crate::git::own_repository::OwnRepository;
use crate::git::{Git, GitError, Repository};
use crate::store::turn_snapshots::{self, TurnSnapshot};
use crate::store::{self, Store};

/// Time for which snapshots of turns are kept.
const RETENTION_MILLIS: i64 = 30 * 24 * 3_600_000;

/// Snapshots of turns.
#[derive(Debug)]
pub struct TurnSnapshots {
    requests: Sender<SnapshotRequest>,
    /// Runs with an open turn.
    open: HashMap<RunId, Time>,
}

#[derive(Debug)]
struct SnapshotRequest {
    run: RunId,
    cwd: PathBuf,
    /// Start of the turn that begins; `None` if one ended.
    begins: Option<Time>,
}

impl TurnSnapshots {
    /// Starts the thread, which ends with the handle. `own` is the directory of salon's own repositories.
    pub fn start(git: Git, own: PathBuf, store: Arc<Store>) -> Self {
        let (requests, receiver) = channel();
        std::thread::spawn(move || serve(&receiver, &git, &own, &store));
        Self { requests, open: HashMap::new() }
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
        if before.is_some() {
            self.request(info, None);
        }
        if since.is_some() {
            self.request(info, since);
        }
    }

    fn request(&self, info: &RunInfo, begins: Option<Time>) {
        // An error means that the thread has failed; the session goes on without snapshots.
        self.requests.send(SnapshotRequest { run: info.id.clone(), cwd: info.cwd.clone(), begins }).ok();
    }
}

fn serve(requests: &Receiver<SnapshotRequest>, git: &Git, own: &Path, store: &Store) {
    while let Ok(request) = requests.recv() {
        match take(&request, git, own, store) {
            // Outside of git there are no snapshots.
            Ok(()) | Err(SnapshotError::Git(GitError::NotARepository(_) | GitError::NotInstalled)) => {}
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
    let repository = Repository::open(git, &request.cwd)?;
    let own = OwnRepository::open(git, own, &repository.common_dir)?;
    let commit = own.snapshot(&repository)?;
    own.set_ref(&ref_of(&commit), &commit)?;
    match request.begins {
        Some(began) => {
            let (run, before) = (request.run.clone(), commit);
            let (repository, root) = (repository.common_dir.clone(), repository.root.clone());
            let snapshot = TurnSnapshot { run, began, repository, root, before, after: None };
            store.with(|db| turn_snapshots::begin(db, &snapshot))?;
        }
        None => store.with(|db| turn_snapshots::end(db, &request.run, &commit))?,
    }
    Ok(())
}

/// Returns the ref that keeps a snapshot. Equal snapshots share one.
fn ref_of(commit: &str) -> String {
    format!("refs/salon/turns/{commit}")
}

/// Removes the snapshots of turns that are too old, and packs the repositories that had some.
#[expect(clippy::disallowed_methods, reason = "called from blocking tasks")]
pub fn expire(git: &Git, own: &Path, store: &Store, now: Time) {
    let before = Time::from_millis(now.millis().saturating_sub(RETENTION_MILLIS));
    let taken = store.with(|db| Ok((turn_snapshots::take_expired(db, before)?, turn_snapshots::commits(db)?)));
    let Ok((expired, kept)) = taken else { return };
    let mut commits: HashMap<PathBuf, Vec<String>> = HashMap::new();
    for snapshot in expired {
        let of_turn = std::iter::once(snapshot.before).chain(snapshot.after);
        // The end of a turn may be the begin of the next one.
        commits.entry(snapshot.repository).or_default().extend(of_turn.filter(|commit| !kept.contains(commit)));
    }
    for (repository, commits) in commits {
        let removed = OwnRepository::open(git, own, &repository).and_then(|own| {
            commits.iter().try_for_each(|commit| own.remove_ref(&ref_of(commit)))?;
            own.pack()
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "old snapshots were not removed");
        }
    }
}
