//! Which paths are to be watched, and which watches that takes as things stand on disk now.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::agent::Root;

/// What is to be watched, and what is.
#[derive(Debug)]
pub(super) struct Targets {
    /// Directories with all below them, or files; existing or not.
    wanted: Vec<PathBuf>,
    /// Watches that were set; whether with all below.
    armed: HashMap<PathBuf, bool>,
    /// Paths that could not be watched, and are not tried again until something comes or goes.
    lost: HashSet<PathBuf>,
}

/// Watches to set and to give up.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub add: Vec<(PathBuf, bool)>,
    pub remove: Vec<PathBuf>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

impl Targets {
    pub fn new(roots: &[Root]) -> Self {
        let wanted: HashSet<_> = roots.iter().flat_map(|root| &root.watch).cloned().collect();
        Self { wanted: wanted.into_iter().collect(), armed: HashMap::new(), lost: HashSet::new() }
    }

    /// How many watches are set.
    pub fn armed(&self) -> usize {
        self.armed.len()
    }

    /// What has to change so that every target is watched, or awaited where it is to come.
    pub fn plan(&mut self) -> Plan {
        let mut needed: HashMap<PathBuf, bool> = HashMap::new();
        for target in &self.wanted {
            if let Some((path, tree)) = place(target).filter(|(path, _)| !self.lost.contains(path)) {
                *needed.entry(path).or_default() |= tree;
            }
        }
        let trees: Vec<_> = needed.iter().filter(|(_, tree)| **tree).map(|(path, _)| path.clone()).collect();
        // A watch within a watched tree would be the same one, and giving it up would take it from the tree.
        needed.retain(|path, _| !trees.iter().any(|tree| tree != path && path.starts_with(tree)));
        let remove: Vec<_> = self.armed.keys().filter(|path| !needed.contains_key(*path)).cloned().collect();
        let new = needed.iter().filter(|(path, tree)| self.armed.get(*path) != Some(tree));
        let add: Vec<_> = new.map(|(path, tree)| (path.clone(), *tree)).collect();
        self.armed = needed;
        Plan { add, remove }
    }

    /// A watch could not be set.
    pub fn lost(&mut self, path: &Path) {
        self.armed.remove(path);
        self.lost.insert(path.to_owned());
    }

    /// Something came or went at `path`: watches there are void, and what could not be watched is tried again.
    pub fn disarm(&mut self, path: &Path, mut unwatch: impl FnMut(&Path)) {
        self.lost.clear();
        let void: Vec<_> = self.armed.keys().filter(|armed| armed.starts_with(path)).cloned().collect();
        for path in void {
            unwatch(&path);
            self.armed.remove(&path);
        }
    }

    /// Whether a target is at `path` or below, so that it comes or goes with it.
    pub fn hang_on(&self, path: &Path) -> bool {
        self.wanted.iter().any(|target| target.starts_with(path))
    }

    /// Whether `path` belongs to a target: lies below it, or is named after it as a database's side files are.
    pub fn cover(&self, path: &Path) -> bool {
        self.wanted.iter().any(|target| path.starts_with(target) || is_side_file(path, target))
    }
}

/// Where a target is watched: at itself, in its directory if it is a file, or where it is to come.
fn place(target: &Path) -> Option<(PathBuf, bool)> {
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
