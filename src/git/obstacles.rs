//! Work in a worktree that its removal would lose. A check that fails is an obstacle itself.

use std::fs;
use std::path::Path;

use super::error::GitError;
use super::ignored;
use super::repository::Repository;
use super::status::{ChangedFileKind, IgnoredFiles, WorkTreeStatus};
use crate::domain::worktree::{IgnoredFile, RemovalObstacle};
use crate::stdx::process;

/// Files in a work tree's own state that show an operation in progress, with its name.
const OPERATIONS: [(&str, &str); 7] = [
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
    ("sequencer", "a sequence of picks"),
];

/// Returns everything in a worktree that its removal would lose. `initial` are the ignored files of its start.
pub fn obstacles(repository: &Repository, initial: &[IgnoredFile]) -> Vec<RemovalObstacle> {
    let mut found = local(repository);
    match repository.status(IgnoredFiles::Listed) {
        Ok(status) => {
            found.extend(changed_files(&status));
            found.extend(changed_ignored(repository, &status, initial));
            found.extend(committed(repository, &status));
        }
        Err(error) => found.push(unknown(&error)),
    }
    found.extend(answer(repository.submodules_with_work(), |paths| {
        let names = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>();
        (!names.is_empty()).then_some(RemovalObstacle::Submodules(names))
    }));
    found.extend(answer(repository.unwatched_files(), |count| some(count, RemovalObstacle::Unwatched)));
    found
}

/// Returns the obstacles that are visible without running git.
fn local(repository: &Repository) -> Vec<RemovalObstacle> {
    let mut found = recorded(&repository.git_dir);
    match process::with_directory_in(&repository.root) {
        Some(pids) if pids.is_empty() => {}
        Some(pids) => found.push(RemovalObstacle::Processes(pids)),
        None => found.push(RemovalObstacle::Unknown("processes cannot be listed on this system".to_owned())),
    }
    found
}

/// Returns the obstacles that are visible in a work tree's own state alone.
pub(super) fn recorded(git_dir: &Path) -> Vec<RemovalObstacle> {
    let exists = |name: &str| fs::symlink_metadata(git_dir.join(name)).is_ok();
    let operation = OPERATIONS.iter().find(|(file, _)| exists(file)).map(|(_, name)| RemovalObstacle::Operation(name));
    operation.into_iter().chain(exists("locked").then_some(RemovalObstacle::Locked)).collect()
}

fn changed_files(status: &WorkTreeStatus) -> impl Iterator<Item = RemovalObstacle> + use<> {
    use ChangedFileKind::{Conflicted, Modified, Staged, StagedAndModified, Untracked};
    let count = |kinds: &[ChangedFileKind]| status.changes.iter().filter(|file| kinds.contains(&file.kind)).count();
    let found = [
        some(count(&[Modified, StagedAndModified]), RemovalObstacle::Modified),
        some(count(&[Staged, StagedAndModified]), RemovalObstacle::Staged),
        some(count(&[Untracked]), RemovalObstacle::Untracked),
        some(count(&[Conflicted]), RemovalObstacle::Conflicted),
    ];
    found.into_iter().flatten()
}

fn changed_ignored(
    repository: &Repository,
    status: &WorkTreeStatus,
    initial: &[IgnoredFile],
) -> Option<RemovalObstacle> {
    let is_as_at_start = |file: &ignored::FoundFile| file.state.as_ref().is_some_and(|state| initial.contains(state));
    let files = ignored::files(&repository.root, &status.ignored);
    let changed: Vec<_> = files.into_iter().filter(|file| !is_as_at_start(file)).map(|file| file.name).collect();
    (!changed.is_empty()).then_some(RemovalObstacle::Ignored(changed))
}

fn committed(repository: &Repository, status: &WorkTreeStatus) -> Vec<RemovalObstacle> {
    let mut found = Vec::new();
    match repository.own_commits(status) {
        Ok(own) => {
            found.extend(some(own.unpushed, RemovalObstacle::Unpushed));
            found.extend(some(own.detached, RemovalObstacle::Detached));
        }
        Err(error) => found.push(unknown(&error)),
    }
    found.extend(answer(repository.stashes(status), |count| some(count, RemovalObstacle::Stashes)));
    found
}

impl Repository {
    /// Counts the files whose changes a status does not report, because git was told so. A file that is absent from a
    /// sparse checkout has nothing to lose.
    fn unwatched_files(&self) -> Result<usize, GitError> {
        use std::os::unix::ffi::OsStrExt;
        let listed = self.read("ls-files").args(["-v", "-z"]).run()?;
        let is_unwatched = |record: &&[u8]| match record.split_first() {
            Some((b'S', name)) => {
                let name = Path::new(std::ffi::OsStr::from_bytes(name.get(1..).unwrap_or_default()));
                fs::symlink_metadata(self.root.join(name)).is_ok()
            }
            Some((tag, _)) => tag.is_ascii_lowercase(),
            None => false,
        };
        Ok(listed.split(|byte| *byte == 0).filter(is_unwatched).count())
    }
}

fn answer<T>(
    result: Result<T, GitError>,
    obstacle: impl FnOnce(T) -> Option<RemovalObstacle>,
) -> Option<RemovalObstacle> {
    match result {
        Ok(value) => obstacle(value),
        Err(error) => Some(unknown(&error)),
    }
}

fn some(count: usize, obstacle: fn(usize) -> RemovalObstacle) -> Option<RemovalObstacle> {
    (count > 0).then(|| obstacle(count))
}

fn unknown(error: &GitError) -> RemovalObstacle {
    RemovalObstacle::Unknown(error.to_string())
}
