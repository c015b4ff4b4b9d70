//! Discarding of one hunk in a work tree, by its reversed patch. The user's index and refs are not touched.

use std::path::Path;

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::restore::quoted;
use crate::domain::changes::{DiffHunk, FileDiff};

impl OwnRepository {
    /// Takes a hunk of a file back. A file that has changed there meanwhile is an error, and stays as it is.
    pub fn discard_hunk(&self, root: &Path, file: &FileDiff, hunk: &DiffHunk) -> Result<(), GitError> {
        let index = self.path.join("no-index");
        // Bytes that were no text were replaced when the patch was read.
        if hunk.lines.iter().any(|line| line.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(GitError::NotText(file.path.clone()));
        }
        let command = self.on_files("apply", root, &index).args(["--reverse", "--whitespace=nowarn", "-"]);
        command.input(patch(&file.path, hunk).into_bytes()).run().map(drop)
    }
}

/// Writes a patch of one hunk.
fn patch(path: &str, hunk: &DiffHunk) -> String {
    let (old, new) = (quoted(format!("a/{path}").as_bytes()), quoted(format!("b/{path}").as_bytes()));
    let lines: String = hunk.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    format!("diff --git {old} {new}\n--- {old}\n+++ {new}\n{}\n{lines}", hunk.header())
}
