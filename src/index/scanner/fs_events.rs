//! Maps changed paths to the sources that they affect.

use std::path::{Path, PathBuf};

use super::Scanner;
use crate::agent::{Source, SourceRoot, archive};

impl Scanner {
    /// Reads the sources that a changed path affects. Calls `on_source` with the path of each, and `on_text` with the folder
    /// of the sessions that may show the changed file. Returns true for a directory, which must be checked again after it
    /// is watched.
    pub(crate) fn path_changed(
        &mut self,
        path: &Path,
        mut on_source: impl FnMut(&Path, Option<&Source>),
        mut on_text: impl FnMut(&Path),
    ) -> bool {
        let below =
            |root: &&SourceRoot| root.watch.iter().chain([&root.path]).any(|watched| is_affected(path, watched));
        let roots: Vec<_> = self.roots.iter().filter(below).cloned().collect();
        if roots.is_empty() {
            return false;
        }
        let kind = std::fs::symlink_metadata(path).map(|metadata| metadata.is_dir());
        let files = match kind {
            Ok(true) => files_below(path),
            Ok(false) => vec![path.to_owned()],
            // Sources below a removed directory are checked, too.
            Err(_) => {
                let removed =
                    self.table.paths().filter(|source| source.starts_with(path)).map(|source| source.to_path_buf());
                removed.chain([path.to_owned()]).collect()
            }
        };
        for (root, file) in roots.iter().flat_map(|root| files.iter().map(move |file| (root, file))) {
            let Some(format) = self.formats.iter().find(|format| format.reads(root.agent)) else { continue };
            if let Some(sessions) = format.shows_text(root, file) {
                on_text(&sessions);
            }
            for (path, source) in archive::affected(*format, (root, &self.roots.clone()), file) {
                on_source(&path, source.as_ref());
                match source {
                    Some(source) => self.changed(source),
                    None => self.remove_source(&path),
                }
            }
        }
        kind.unwrap_or(false)
    }
}

/// Returns true if a change of `path` may affect `watched`: it is below, above, or a side file with its name as prefix.
fn is_affected(path: &Path, watched: &Path) -> bool {
    let names = path.file_name().zip(watched.file_name());
    path.starts_with(watched)
        || watched.starts_with(path)
        || path.parent() == watched.parent()
            && names.is_some_and(|(roots_key, of)| roots_key.as_encoded_bytes().starts_with(of.as_encoded_bytes()))
}

/// Returns the files in a new directory. Its subdirectories may be older than their watches.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        // A directory that is removed or not readable is left to the next walk.
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(_) => files.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    files
}
