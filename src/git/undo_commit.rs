//! Commits that take back the change of some files. The message names the files; the tree is that of a snapshot.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::quoted_name::quoted;
use super::repository::text;
use super::restore::FileRestoration;

/// First line of the message of a commit that takes back the change of some files only. Their quoted names follow.
const UNDO_HEADER: &str = "undo";

impl OwnRepository {
    /// Keeps a snapshot under a ref as one that takes back the change of some files only. Its message names them. Returns
    /// its commit.
    pub fn keep_undo(&self, name: &str, snapshot: &str, paths: &[&Path]) -> Result<String, GitError> {
        let names = paths.iter().map(|path| quoted(path.as_os_str().as_bytes()));
        let message = [UNDO_HEADER.to_owned()].into_iter().chain(names).collect::<Vec<_>>().join("\n");
        let tree = text(self.command("rev-parse").args([format!("{snapshot}^{{tree}}")]).line()?, "rev-parse")?;
        let command = self.commit_object(&tree, &[snapshot]).input(message.into_bytes());
        let commit = text(command.line()?, "commit-tree")?;
        self.set_ref(&format!("{name}-{commit}"), &commit)?;
        Ok(commit)
    }

    /// Retains the files that a commit takes back: all, unless its message names some.
    pub fn retain_named(&self, commit: &str, files: &mut Vec<FileRestoration>) -> Result<(), GitError> {
        let content = self.command("cat-file").args(["commit", commit]).run()?;
        let content = String::from_utf8_lossy(&content);
        let Some((_, message)) = content.split_once("\n\n") else { return Ok(()) };
        let mut lines = message.lines();
        if lines.next() == Some(UNDO_HEADER) {
            let names: HashSet<&str> = lines.collect();
            files.retain(|file| names.contains(&*quoted(file.path.as_os_str().as_bytes())));
        }
        Ok(())
    }
}
