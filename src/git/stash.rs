//! Stashes. All worktrees of a repository share them, so that the message alone names the branch.

use super::error::GitError;
use super::repository::Repository;
use super::status::WorkTreeStatus;

impl Repository {
    /// Counts the stashes that were made on the current branch, or on a detached `HEAD` if it is detached.
    pub fn stashes(&self, status: &WorkTreeStatus) -> Result<usize, GitError> {
        let exists = self.read("rev-parse").args(["--verify", "--quiet", "refs/stash"]).is_true()?;
        if !exists {
            return Ok(0);
        }
        let messages = self.read("log").args(["-g", "-z", "--format=%gs", "refs/stash", "--"]).run()?;
        let branch = status.branch.as_deref().unwrap_or("(no branch)");
        let is_own = |message: &&[u8]| {
            let message = String::from_utf8_lossy(message);
            let made_on = message.strip_prefix("WIP on ").or_else(|| message.strip_prefix("On "));
            made_on.is_some_and(|rest| rest.strip_prefix(branch).is_some_and(|rest| rest.starts_with(':')))
        };
        Ok(messages.split(|byte| *byte == 0).filter(is_own).count())
    }
}
