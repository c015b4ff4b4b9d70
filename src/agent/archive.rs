//! Archive of kept sessions: a root per root of an agent, with the same paths below it.
//!
//! A file in the archive is a source only while its original is missing, so that no session is read twice.

use std::path::{Path, PathBuf};

use super::{Discovery, Format, Source, SourceRoot};

/// Walks a root; of an archive, without the files whose originals exist.
pub fn discover(format: &dyn Format, root: &SourceRoot) -> Discovery {
    let mut discovery = format.discover(root);
    if root.origin.is_some() {
        discovery.sources.retain(|source| !has_original(root, &source.path));
    }
    discovery
}

/// Returns the sources that a changed path affects, with those of the archive that appear or disappear with it.
pub fn affected(
    format: &dyn Format,
    (root, roots): (&SourceRoot, &[SourceRoot]),
    path: &Path,
) -> Vec<(PathBuf, Option<Source>)> {
    let mut changes = format.affected(root, path);
    if root.origin.is_some() {
        for (path, source) in &mut changes {
            source.take_if(|_| has_original(root, path));
        }
        return changes;
    }
    let archive = roots.iter().find(|other| other.agent == root.agent && other.origin.as_ref() == Some(&root.path));
    let Some(archive) = archive else { return changes };
    let kept = |(path, source): &(PathBuf, Option<Source>)| {
        let copy = archive.path.join(path.strip_prefix(&root.path).ok()?);
        let exists = source.is_some();
        let copies = format.affected(archive, &copy).into_iter();
        Some(copies.map(move |(path, copy)| (path, copy.filter(|_| !exists))))
    };
    let copies: Vec<_> = changes.iter().filter_map(kept).flatten().collect();
    changes.extend(copies);
    changes
}

/// Returns the original path of a file in an archive.
pub fn original(root: &SourceRoot, path: &Path) -> Option<PathBuf> {
    Some(root.origin.as_ref()?.join(path.strip_prefix(&root.path).ok()?))
}

/// Returns true for a file in an archive that is no source, because its original exists.
pub(super) fn has_original(root: &SourceRoot, path: &Path) -> bool {
    original(root, path).is_some_and(|original| original.symlink_metadata().is_ok())
}
