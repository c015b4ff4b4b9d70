//! Files of a session, beyond those that it is read from.

use std::path::{Path, PathBuf};

/// Files that an agent may destroy, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtRiskFiles {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Explanation for the user.
    pub reason: String,
}

/// Returns a file with the files and directories beside it that have the same name up to the first dot.
pub(in crate::agent) fn named_alike(path: &Path) -> Vec<PathBuf> {
    let stem = |name: &std::ffi::OsStr| name.as_encoded_bytes().split(|byte| *byte == b'.').next().map(<[u8]>::to_vec);
    let Some((folder, wanted)) = path.parent().zip(path.file_name().and_then(stem)) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.filter(|entry| stem(&entry.file_name()).as_ref() == Some(&wanted)).map(|entry| entry.path()).collect();
    found.sort();
    found
}
