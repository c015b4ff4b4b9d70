//! From a path at which something happened to the units that it concerns.

use std::path::{Path, PathBuf};

use super::Survey;
use crate::agent::Root;

impl Survey {
    /// Something happened to a path: reads the units that it concerns. Whether it is a directory, which is to be looked at again
    /// when it is watched. Tells of each unit that is concerned.
    pub fn look(&mut self, path: &Path, mut concerned: impl FnMut(&Path)) -> bool {
        let below = |root: &&Root| root.watch.iter().chain([&root.path]).any(|watched| near(path, watched));
        let roots: Vec<_> = self.roots.iter().filter(below).cloned().collect();
        if roots.is_empty() {
            return false;
        }
        let kind = std::fs::symlink_metadata(path).map(|metadata| metadata.is_dir());
        let files = match kind {
            Ok(true) => files_below(path),
            Ok(false) => vec![path.to_owned()],
            // What lay below a directory that is gone is looked at, too.
            Err(_) => {
                let gone = self.shelf.paths().filter(|unit| unit.starts_with(path)).map(|unit| unit.to_path_buf());
                gone.chain([path.to_owned()]).collect()
            }
        };
        for (root, file) in roots.iter().flat_map(|root| files.iter().map(move |file| (root, file))) {
            let Some(format) = self.formats.iter().find(|format| format.agent() == root.agent) else { continue };
            for (path, unit) in format.affected(root, file) {
                concerned(&path);
                match unit {
                    Some(unit) => self.changed(unit),
                    None => self.gone(&path),
                }
            }
        }
        kind.unwrap_or(false)
    }
}

/// Whether a change of `path` may concern what is watched at `watched`: it lies below, or beside it with its name in front.
fn near(path: &Path, watched: &Path) -> bool {
    let names = path.file_name().zip(watched.file_name());
    path.starts_with(watched)
        || watched.starts_with(path)
        || path.parent() == watched.parent()
            && names.is_some_and(|(name, of)| name.as_encoded_bytes().starts_with(of.as_encoded_bytes()))
}

/// The files in a new directory. Its subdirectories may have been made before it was watched.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        // One that is gone again, or closed to us, is found by the next walk.
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
