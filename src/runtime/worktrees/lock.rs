//! Lock between salon processes that change worktrees.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Worktrees;
use crate::config::paths::create_private_dir;
use crate::stdx::process;

/// Exclusive right to change worktrees, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct WorktreeLock {
    file: File,
}

impl Drop for WorktreeLock {
    fn drop(&mut self) {
        // A program that is being started has a copy of the file for a moment, which would keep the lock.
        flock(&self.file, FlockOperation::Unlock).ok();
    }
}

impl Worktrees {
    /// Takes the lock. The error names the process that has it.
    pub(super) fn lock(&self) -> Result<WorktreeLock, String> {
        let path = self.paths.data.join("worktrees.lock");
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        create_private_dir(&self.paths.data).map_err(|error| failed(&error))?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(&error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(WorktreeLock { file }),
            Err(Errno::WOULDBLOCK) => {
                let holder = process::lock_holder(&path).map_or_else(String::new, |pid| format!(" (process {pid})"));
                Err(format!("another salon is changing worktrees{holder}; try again"))
            }
            Err(error) => Err(failed(&error)),
        }
    }
}
