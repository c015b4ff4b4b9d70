//! Rewind: takes the files of a session's work tree back to before a turn, or to another snapshot. A snapshot of the
//! current files is kept first, so that nothing is lost. Blocks: not for the event loop.

use std::path::Path;

use super::changes;
use super::turn_snapshots::UNDO;
use crate::domain::changes::Restoration;
use crate::domain::rewind::RewindTarget;
use crate::domain::{Session, Time};
use crate::git::own_repository::OwnRepository;
use crate::git::restore::FileRestoration;
use crate::git::{Git, Repository};
use crate::store::Store;

/// Files that a rewind changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// Files that are restored or deleted.
    pub files: Vec<FileRestoration>,
    /// Snapshot of the files before the rewind, to which it can be undone; `None` in a dry run.
    pub undo: Option<String>,
}

/// Everything that a rewind needs.
#[derive(Clone, Copy, Debug)]
pub struct RewindRequest<'a> {
    /// The program.
    pub git: &'a Git,
    /// Directory of salon's own repositories.
    pub own: &'a Path,
    /// Database of salon's runs.
    pub store: &'a Store,
    /// Path of the database.
    pub state_db: &'a Path,
    /// The session.
    pub session: &'a Session,
    /// True to change nothing.
    pub dry_run: bool,
}

impl RewindRequest<'_> {
    /// Rewinds the files.
    pub fn run(self, target: &RewindTarget, now: Time) -> Result<Rewind, String> {
        let message = |error: crate::git::GitError| error.to_string();
        let repository = Repository::open(self.git, Path::new(&*self.session.cwd)).map_err(message)?;
        let own = OwnRepository::open(self.git, self.own, &repository.common_dir).map_err(message)?;
        let commit = self.commit(&own, &repository, target)?;
        let current = own.snapshot(&repository).map_err(message)?;
        let files = own.restorations(&current, &commit).map_err(message)?;
        if self.dry_run || files.is_empty() {
            return Ok(Rewind { files, undo: None });
        }
        own.set_ref(&format!("{UNDO}{}-{current}", now.millis()), &current).map_err(message)?;
        own.restore(&repository.root, &commit, &files).map_err(|error| {
            let session = &self.session.key;
            format!("{error}; undo what was done with: salon rewind {session} --to {current}")
        })?;
        Ok(Rewind { files, undo: Some(current) })
    }

    /// Returns the commit of the target.
    fn commit(&self, own: &OwnRepository, repository: &Repository, target: &RewindTarget) -> Result<String, String> {
        match target {
            RewindTarget::Snapshot(name) => {
                // Only what salon kept: any other commit belongs to the user.
                let kept = own.find_commit(name).map_err(|error| error.to_string())?;
                kept.ok_or_else(|| format!("salon kept no snapshot {name}"))
            }
            RewindTarget::BeforeTurn(turn) => {
                let prompts = changes::edits(self.session, self.state_db)?.prompts;
                let prompt = turn.checked_sub(1).and_then(|at| prompts.get(at as usize));
                let prompt =
                    prompt.ok_or_else(|| format!("there is no turn {turn}; the session has {}", prompts.len()))?;
                let snapshot = prompt.and_then(|prompt| changes::snapshot_of(self.store, &self.session.key, prompt));
                let snapshot = snapshot.filter(|snapshot| snapshot.root == repository.root);
                let missing = || {
                    format!(
                        "there is no snapshot of turn {turn}: salon did not run it here, or it was over 30 days ago"
                    )
                };
                snapshot.map(|snapshot| snapshot.before).ok_or_else(missing)
            }
        }
    }
}

/// Takes back a change of the files of a directory's work tree. Returns a snapshot of the files before, which is kept.
pub fn restore(
    (git, own): (&Git, &Path),
    directory: &Path,
    restoration: &Restoration,
    now: Time,
) -> Result<String, String> {
    let message = |error: crate::git::GitError| error.to_string();
    let repository = Repository::open(git, directory).map_err(message)?;
    let own = OwnRepository::open(git, own, &repository.common_dir).map_err(message)?;
    let current = own.snapshot(&repository).map_err(message)?;
    own.set_ref(&format!("{UNDO}{}-{current}", now.millis()), &current).map_err(message)?;
    let root = &repository.root;
    match restoration {
        Restoration::Hunk(file, hunk) => own.discard_hunk(root, file, hunk),
        Restoration::File(file, commit) => own.discard_file(root, commit, file),
        Restoration::Snapshot(commit) => {
            own.restorations(&current, commit).and_then(|files| own.restore(root, commit, &files))
        }
    }
    .map_err(message)?;
    Ok(current)
}
