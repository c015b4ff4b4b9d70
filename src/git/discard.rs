//! Discarding of changes in a work tree: of a whole file, or of one hunk by its reversed patch. The user's index and refs
//! are not touched.

use std::path::{Path, PathBuf};

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::restore::FileRestoration;
use crate::domain::changes::{DiffHunk, FileDiff, FileDiffStatus};

impl OwnRepository {
    /// Takes a file back to a commit.
    pub fn discard_file(&self, root: &Path, commit: &str, file: &FileDiff) -> Result<(), GitError> {
        let exists = file.status != FileDiffStatus::Added;
        self.restore(root, commit, &[FileRestoration { path: PathBuf::from(&file.path), exists }])
    }

    /// Takes a hunk of a file back. A file that has changed there meanwhile is an error, and stays as it is.
    pub fn discard_hunk(&self, root: &Path, file: &FileDiff, hunk: &DiffHunk) -> Result<(), GitError> {
        let index = self.path.join("no-index");
        let command = self.on_files("apply", root, &index).args(["--reverse", "--whitespace=nowarn", "-"]);
        command.input(patch(&file.path, hunk).into_bytes()).run().map(drop)
    }
}

/// Writes a patch of one hunk.
fn patch(path: &str, hunk: &DiffHunk) -> String {
    let (old, new) = (quoted(&format!("a/{path}")), quoted(&format!("b/{path}")));
    let lines: String = hunk.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    format!("diff --git {old} {new}\n--- {old}\n+++ {new}\n{}\n{lines}", hunk.header())
}

/// Quotes a path as git does, so that no character of it ends the line or the name.
fn quoted(path: &str) -> String {
    let mut out = String::from('"');
    for c in path.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\{:03o}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
