//! Commits of a work tree that exist on no remote.

use super::error::GitError;
use super::repository::{Repository, text};
use super::status::WorkTreeStatus;

/// Commits that would depend on the work tree or its branch alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnCommits {
    /// Commits of the branch that are on no remote.
    pub unpushed: usize,
    /// Commits of a detached `HEAD` that are on no branch and no remote.
    pub detached: usize,
}

impl Repository {
    /// Returns true if the repository has a remote.
    pub fn has_remote(&self) -> Result<bool, GitError> {
        Ok(!self.read("remote").run()?.is_empty())
    }

    /// Counts the commits that the current state has alone.
    ///
    /// Without any remote, commits count that are on no other branch.
    pub fn own_commits(&self, status: &WorkTreeStatus) -> Result<OwnCommits, GitError> {
        if status.head.is_none() {
            return Ok(OwnCommits::default());
        }
        let Some(branch) = &status.branch else {
            let detached = self.count(&["HEAD", "--not", "--branches", "--remotes"])?;
            return Ok(OwnCommits { detached, ..OwnCommits::default() });
        };
        if !self.has_remote()? {
            // The pattern of an exclusion is relative to `refs/heads/`.
            let others = format!("--exclude={branch}");
            let unpushed = self.count(&["HEAD", "--not", &others, "--branches"])?;
            return Ok(OwnCommits { unpushed, ..OwnCommits::default() });
        }
        let upstream = self.remote_upstream(status)?;
        let unpushed = match upstream {
            Some(upstream) => self.count(&["HEAD", "--not", &upstream])?,
            None => self.count(&["HEAD", "--not", "--remotes"])?,
        };
        let is_merged = unpushed > 0 && self.is_merged()?;
        Ok(OwnCommits { unpushed: if is_merged { 0 } else { unpushed }, ..OwnCommits::default() })
    }

    /// Returns the full name of the upstream if it is on a remote and exists. A local branch proves nothing.
    fn remote_upstream(&self, status: &WorkTreeStatus) -> Result<Option<String>, GitError> {
        if status.upstream.is_none() || status.divergence.is_none() {
            return Ok(None);
        }
        let name = text(self.read("rev-parse").args(["--symbolic-full-name", "@{upstream}"]).line()?, "rev-parse")?;
        Ok(name.starts_with("refs/remotes/").then_some(name))
    }

    /// Returns true if the default branch of a remote contains the changes of `HEAD` under other ids: each commit was
    /// rebased, or all were squashed into one. Compares the texts of the changes, so that a doubt means false.
    fn is_merged(&self) -> Result<bool, GitError> {
        for target in self.default_branches()? {
            let range = format!("{target}...HEAD");
            let options = ["--cherry-pick", "--right-only", "--no-merges", "--count"];
            let merges = self.count(&["--merges", &format!("{target}..HEAD")])?;
            if merges == 0 && self.count(&[&options[..3], &[range.as_str()]].concat())? == 0 {
                return Ok(true);
            }
            if self.is_squashed(&target)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the default branch of each remote, or else the usual names of one.
    fn default_branches(&self) -> Result<Vec<String>, GitError> {
        let format = "--format=%(refname)";
        let heads = ["refs/remotes/*/HEAD", "refs/remotes/*/main", "refs/remotes/*/master"];
        let listed = text(self.read("for-each-ref").args([format]).args(heads).run()?, "for-each-ref")?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Returns true if one commit of `target` makes the same change as all commits since it diverged.
    fn is_squashed(&self, target: &str) -> Result<bool, GitError> {
        let Ok(base) = self.read("merge-base").args([target, "HEAD"]).line() else { return Ok(false) };
        let base = text(base, "merge-base")?;
        let options = ["-p", "--full-index", "--binary", "--no-ext-diff", "--no-textconv", "--no-renames"];
        let own = self.read("diff-tree").args(options).args([base.as_str(), "HEAD"]).run()?;
        let own = self.patch_ids(own)?;
        let Some((own, _)) = own.first() else { return Ok(false) };
        let range = format!("{base}..{target}");
        let log = self.read("log").args(options).args(["--no-merges", "--no-color", "--format=commit %H", &range]);
        Ok(self.patch_ids(log.run()?)?.iter().any(|(id, _)| id == own))
    }

    /// Returns the ids of patches: equal for equal changes, wherever they are in a file.
    fn patch_ids(&self, patches: Vec<u8>) -> Result<Vec<(String, String)>, GitError> {
        let ids = text(self.read("patch-id").args(["--stable"]).input(patches).run()?, "patch-id")?;
        let pair = |line: &str| line.split_once(' ').map(|(patch, commit)| (patch.to_owned(), commit.to_owned()));
        Ok(ids.lines().filter_map(pair).collect())
    }
}
