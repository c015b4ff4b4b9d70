//! Discarding of one hunk in a work tree, by its reversed patch. The user's index and refs are not touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::diff;
use super::error::GitError;
use super::own_repository::OwnRepository;
use super::quoted_name::quoted;
use super::snapshot_notes;
use crate::domain::changes::{ComparedStates, DiffHunk, FileDiff, parse_hunks};

/// Unchanged lines around the changes of a hunk.
const CONTEXT_LINES: usize = 3;

impl OwnRepository {
    /// Returns a hunk of a file with its place in the current snapshot; `None` if it is not there any more. The same lines
    /// elsewhere in the file are no match.
    pub fn find_hunk(
        &self,
        path: &str,
        hunk: &DiffHunk,
        states: &ComparedStates,
        current: &str,
    ) -> Result<Option<DiffHunk>, GitError> {
        if let Some(until) = &states.until {
            return Ok(hunk.moved_by(&self.file_hunks((until, current), path, 0)?));
        }
        let present = self.file_hunks((&states.base, current), path, CONTEXT_LINES)?;
        Ok(present.into_iter().find(|found| found.old_start == hunk.old_start && found.lines == hunk.lines))
    }

    /// Returns the hunks of a file that differs between two commits, with so many unchanged lines.
    fn file_hunks(&self, (from, to): (&str, &str), path: &str, context: usize) -> Result<Vec<DiffHunk>, GitError> {
        let options = ["-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"];
        let command = self.command("diff-tree").args(options).args([&format!("-U{context}"), from, to, "--", path]);
        let patch = command.run()?;
        let patch = String::from_utf8_lossy(&patch);
        Ok(parse_hunks(diff::from_first_hunk(&patch)))
    }

    /// Takes a hunk of a file back, at its place in the new file. A file that has changed there meanwhile is an error, and
    /// stays as it is.
    pub fn discard_hunk(&self, root: &Path, file: &FileDiff, hunk: &DiffHunk) -> Result<(), GitError> {
        let index = self.path.join("no-index");
        // Bytes that were no text were replaced when the patch was read.
        if hunk.lines.iter().any(|line| line.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(GitError::NotText(file.path.clone()));
        }
        let command = self.on_files("apply", root, &index).args(["--reverse", "--whitespace=nowarn", "-"]);
        // Git begins its search at the place in its result, which no other hunk moves here.
        let placed = DiffHunk { old_start: hunk.new_start, ..hunk.clone() };
        // Git writes the file anew.
        let path = root.join(&file.path);
        let mode = fs::symlink_metadata(&path).map(|metadata| metadata.permissions().mode());
        let applied = command.input(patch(&file.path, &placed).into_bytes()).run().map(drop);
        if let Ok(mode) = mode {
            snapshot_notes::set_mode(&path, mode).map_err(|error| GitError::io(&path, error))?;
        }
        applied
    }
}

/// Writes a patch of one hunk.
fn patch(path: &str, hunk: &DiffHunk) -> String {
    let (old, new) = (quoted(format!("a/{path}").as_bytes()), quoted(format!("b/{path}").as_bytes()));
    let lines: String = hunk.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    format!("diff --git {old} {new}\n--- {old}\n+++ {new}\n{}\n{lines}", hunk.header())
}
