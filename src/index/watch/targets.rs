//! Computes the watches that the target paths need in the current state of the disk.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::agent::SourceRoot;

/// Target paths and current watches.
#[derive(Debug)]
pub(super) struct WatchTargets {
    /// Directories with everything below them, or files; existing or not.
    targets: Vec<PathBuf>,
    /// Current watches; `true`: recursive.
    watched: HashMap<PathBuf, bool>,
    /// Paths that could not be watched; retried after a path was created or removed.
    failed: HashSet<PathBuf>,
}

/// Watches to add and to remove.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WatchPlan {
    pub add: Vec<(PathBuf, bool)>,
    pub remove: Vec<PathBuf>,
}

impl WatchPlan {
    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

impl WatchTargets {
    pub(super) fn new(roots: &[SourceRoot]) -> Self {
        let targets: HashSet<_> = roots.iter().flat_map(|root| &root.watch).cloned().collect();
        Self { targets: targets.into_iter().collect(), watched: HashMap::new(), failed: HashSet::new() }
    }

    /// Returns the number of current watches.
    pub(super) fn watched(&self) -> usize {
        self.watched.len()
    }

    /// Plans the changes so that every target, or its nearest existing ancestor, is watched.
    pub(super) fn plan(&mut self) -> WatchPlan {
        let mut needed: HashMap<PathBuf, bool> = HashMap::new();
        for target in &self.targets {
            if let Some((path, tree)) = watch_point(target).filter(|(path, _)| !self.failed.contains(path)) {
                *needed.entry(path).or_default() |= tree;
            }
        }
        let trees: Vec<_> = needed.iter().filter(|(_, tree)| **tree).map(|(path, _)| path.clone()).collect();
        // A watch inside a watched tree would be the same one, and its removal would take it from the tree.
        needed.retain(|path, _| !trees.iter().any(|tree| tree != path && path.starts_with(tree)));
        let remove: Vec<_> = self.watched.keys().filter(|path| !needed.contains_key(*path)).cloned().collect();
        let new = needed.iter().filter(|(path, tree)| self.watched.get(*path) != Some(tree));
        let add: Vec<_> = new.map(|(path, tree)| (path.clone(), *tree)).collect();
        self.watched = needed;
        WatchPlan { add, remove }
    }

    /// Records that a watch could not be added.
    pub(super) fn failed(&mut self, path: &Path) {
        self.watched.remove(path);
        self.failed.insert(path.to_owned());
    }

    /// Removes the watches at and below `path`, which was created or removed, and allows retries of failed ones.
    pub(super) fn discard(&mut self, path: &Path, mut unwatch: impl FnMut(&Path)) {
        self.failed.clear();
        let void: Vec<_> = self.watched.keys().filter(|watched| watched.starts_with(path)).cloned().collect();
        for path in void {
            unwatch(&path);
            self.watched.remove(&path);
        }
    }

    /// Returns true if a target is at or below `path`.
    pub(super) fn concern(&self, path: &Path) -> bool {
        self.targets.iter().any(|target| target.starts_with(path))
    }

    /// Returns true if `path` is a target, below one, or a side file of a database (the same name with a suffix).
    pub(super) fn cover(&self, path: &Path) -> bool {
        self.targets.iter().any(|target| path.starts_with(target) || is_side_file(path, target))
    }
}

/// Returns the path to watch for a target: the directory itself, a file's directory, or the nearest existing ancestor.
fn watch_point(target: &Path) -> Option<(PathBuf, bool)> {
    if target.is_dir() {
        return Some((target.to_owned(), true));
    }
    target.ancestors().skip(1).find(|above| above.is_dir()).map(|above| (above.to_owned(), false))
}

fn is_side_file(path: &Path, target: &Path) -> bool {
    let names = path.file_name().zip(target.file_name());
    path.parent() == target.parent()
        && names.is_some_and(|(name, of)| name.as_encoded_bytes().starts_with(of.as_encoded_bytes()))
}
