//! Files of a session, beyond those that it is read from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Files that an agent may destroy, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtRiskFiles {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Explanation for the user.
    pub reason: String,
}

/// Ending of a compressed file, which is no part of the extension.
const COMPRESSED: &[u8] = b".zst";

/// Returns a file with the files and directories beside it that are named after it: `ID.jsonl`, `ID` and `ID.meta.json`.
///
/// Names may contain dots, so an entry belongs to the session with the longest matching name in the folder. Other
/// sessions are the files with the same extension.
pub(in crate::agent) fn named_alike(path: &Path) -> Vec<PathBuf> {
    let Some((folder, (stem, extension))) = path.parent().zip(path.file_name().and_then(split)) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    // Sessions whose names begin with this one's.
    let is_other =
        |(other, ending): &(&[u8], &[u8])| *ending == extension && *other != stem && is_named_after(other, stem);
    let others: Vec<_> = names.iter().filter_map(|name| split(name)).filter(is_other).collect();
    let is_own = |name: &&std::ffi::OsString| {
        let name = name.as_encoded_bytes();
        is_named_after(name, stem) && !others.iter().any(|(other, _)| is_named_after(name, other))
    };
    let mut found: Vec<_> = names.iter().filter(is_own).map(|name| folder.join(name)).collect();
    found.sort();
    found
}

/// Splits a file name into its stem and its extension, without the ending of a compressed file.
fn split(name: &OsStr) -> Option<(&[u8], &[u8])> {
    let name = name.as_encoded_bytes();
    let name = name.strip_suffix(COMPRESSED).filter(|rest| !rest.is_empty()).unwrap_or(name);
    if name.is_empty() {
        return None;
    }
    // A dot at the start belongs to the name.
    Some(match name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0) {
        Some(dot) => (&name[..dot], &name[dot..]),
        None => (name, &[]),
    })
}

/// True for a stem itself, and for the stem with any extensions.
fn is_named_after(name: &[u8], stem: &[u8]) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}
