//! Differences between two commits of salon's own repository. No configuration of the user's repository applies, and
//! neither external diffs nor conversions run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::snapshot_notes::large_files;
use crate::domain::changes::{FileDiff, FileDiffStatus, parse_hunks};

impl OwnRepository {
    /// Returns the files that differ between two commits. Names that are not UTF-8 are escaped.
    pub fn diff(&self, from: &str, to: &str) -> Result<Vec<FileDiff>, GitError> {
        let options = ["-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short"];
        let names = self.command("diff-tree").args(options).args(["--raw", "-z", from, to]).run()?;
        let patch = self.command("diff-tree").args(options).args(["-p", "--full-index", from, to]).run()?;
        let mut files = join(&names, &patch).ok_or(GitError::Unreadable("diff-tree"))?;
        let large = self.large_files(from, to)?;
        if !large.is_empty() {
            files.retain(|file| large.iter().all(|other| other.path != file.path));
            files.extend(large);
            files.sort_by(|one, other| one.path.cmp(&other.path));
        }
        Ok(files)
    }

    /// Returns the files that are too large for snapshots, and not the same in both.
    fn large_files(&self, from: &str, to: &str) -> Result<Vec<FileDiff>, GitError> {
        let of =
            |commit| Ok::<_, GitError>(self.snapshot_message(commit)?.as_deref().map(large_files).unwrap_or_default());
        let (before, after) = (of(from)?, of(to)?);
        let names: BTreeSet<PathBuf> = before
            .keys()
            .chain(after.keys())
            .filter(|name| before.get(*name) != after.get(*name))
            .map(|name| PathBuf::from(OsStr::from_bytes(name)))
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names: BTreeSet<&PathBuf> = names.iter().collect();
        let is_in = |commit, large: &BTreeMap<Vec<u8>, String>| {
            let listed: BTreeSet<PathBuf> =
                self.objects_in(commit, &names)?.into_iter().map(|(path, _)| path).collect();
            let is_in = |path: &PathBuf| listed.contains(path) || large.contains_key(path.as_os_str().as_bytes());
            Ok::<Vec<bool>, GitError>(names.iter().map(|path| is_in(path)).collect())
        };
        let states = is_in(from, &before)?.into_iter().zip(is_in(to, &after)?);
        let files = names.iter().zip(states).map(|(path, state)| {
            let status = match state {
                (false, _) => FileDiffStatus::Added,
                (true, true) => FileDiffStatus::Modified,
                (true, false) => FileDiffStatus::Deleted,
            };
            FileDiff { path: name_text(path), status, is_binary: true, is_large: true, hunks: Vec::new() }
        });
        Ok(files.collect())
    }
}

/// Joins the names, which are exact to the byte, with the patches, which have the same order.
fn join(names: &[u8], patch: &[u8]) -> Option<Vec<FileDiff>> {
    let patch = String::from_utf8_lossy(patch);
    let mut sections = sections(&patch).into_iter();
    let mut files = Vec::new();
    let mut fields = names.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    while let (Some(state), Some(name)) = (fields.next(), fields.next()) {
        let status = match state.last()? {
            b'A' => FileDiffStatus::Added,
            b'D' => FileDiffStatus::Deleted,
            _ => FileDiffStatus::Modified,
        };
        // A file that became a link, or the other way round, has one section for its end and one for its beginning.
        let count = if state.last() == Some(&b'T') { 2 } else { 1 };
        let own: Vec<&str> = sections.by_ref().take(count).collect();
        let is_binary = own.iter().any(|section| section.lines().any(|line| line.starts_with("Binary files ")));
        let hunks = own.iter().flat_map(|section| parse_hunks(from_first_hunk(section))).collect();
        let path = name_text(Path::new(OsStr::from_bytes(name)));
        files.push(FileDiff { path, status, is_binary, is_large: false, hunks });
    }
    Some(files)
}

/// Splits a patch at its headers. Lines of content begin with a sign.
fn sections(patch: &str) -> Vec<&str> {
    const HEADER: &str = "diff --git ";
    let starts = patch.match_indices(HEADER).map(|(at, _)| at);
    let starts: Vec<_> = starts.filter(|at| *at == 0 || patch.as_bytes()[at - 1] == b'\n').collect();
    let ends = starts.iter().skip(1).copied().chain([patch.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| &patch[start..end]).collect()
}

/// Returns the lines of the section of a file from its first hunk on.
pub(super) fn from_first_hunk(section: &str) -> impl Iterator<Item = &str> {
    section.split('\n').skip_while(|line| !line.starts_with("@@ ")).filter(|line| !line.is_empty())
}

/// Returns a name as text; one that is not UTF-8 is escaped.
pub fn name_text(name: &Path) -> String {
    let name = name.as_os_str().as_bytes();
    std::str::from_utf8(name).map_or_else(|_| name.escape_ascii().to_string(), str::to_owned)
}
