//! Facts about a branch for its integration: remotes, merge bases, and conflicts of a merge that is only tried.

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::repository::{Repository, text};

/// Maximum files with conflicts that are named, because the list is for a person.
const MAX_CONFLICTS: usize = 10;

/// A remote of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Name.
    pub name: String,
    /// Address.
    pub url: String,
}

impl Repository {
    /// Returns the remotes.
    pub fn remotes(&self) -> Result<Vec<Remote>, GitError> {
        let listed = self.read("config").args(["--null", "--get-regexp", r"^remote\..*\.url$"]).run();
        let listed = match listed {
            // There is no such setting.
            Err(GitError::Failed { code: Some(1), .. }) => Vec::new(),
            other => other?,
        };
        let listed = text(listed, "config")?;
        let remote = |record: &str| {
            let (key, url) = record.split_once('\n')?;
            let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
            Some(Remote { name: name.to_owned(), url: url.to_owned() })
        };
        Ok(listed.split('\0').filter_map(remote).collect())
    }

    /// Returns the best common ancestor of two commits.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<Option<String>, GitError> {
        match self.read("merge-base").args([one, other]).line() {
            Ok(id) => text(id, "merge-base").map(Some),
            Err(GitError::Failed { code: Some(1), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns true if a commit is part of the history of another one.
    pub fn is_ancestor(&self, ancestor: &str, of: &str) -> Result<bool, GitError> {
        self.read("merge-base").args(["--is-ancestor", ancestor, of]).is_true()
    }
}

impl OwnRepository {
    /// Tries a merge of two commits without files, and returns the files with conflicts, not many of them. Needs git 2.38;
    /// an older one is an error.
    pub fn merge_conflicts(&self, into: &str, from: &str) -> Result<Vec<String>, GitError> {
        let options = ["--write-tree", "--name-only", "--no-messages", "-z"];
        let command = self.command("merge-tree").args(options).args([into, from]);
        let (is_clean, listed) = command.answer()?;
        if is_clean {
            return Ok(Vec::new());
        }
        // The first field is the id of the tree.
        let names = listed.split(|byte| *byte == 0).skip(1).filter(|name| !name.is_empty());
        Ok(names.take(MAX_CONFLICTS).map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }
}
