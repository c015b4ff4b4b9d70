//! Which workspace a directory belongs to: the root of the main worktree of its repository, else itself.
//!
//! Answers come from `.git` alone; no program is started. Each directory is looked at once and remembered.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Remembers the workspace of each directory that was asked for. Shared between threads.
#[derive(Debug, Default)]
pub struct Workspaces {
    known: Mutex<HashMap<Arc<str>, Arc<str>>>,
}

impl Workspaces {
    /// The workspace of a directory, as far as it is known without looking.
    pub fn known(&self, cwd: &str) -> Option<Arc<str>> {
        self.lock().get(cwd).cloned()
    }

    /// The workspace of a directory; `cwd` itself where it lies in no repository. Reads the disk once a directory.
    pub fn of(&self, cwd: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.known(cwd) {
            return known;
        }
        self.look_again(cwd)
    }

    /// The workspace of a directory as the disk tells it now.
    pub fn look_again(&self, cwd: &Arc<str>) -> Arc<str> {
        let found = main_worktree(Path::new(&**cwd)).map_or_else(|| cwd.clone(), |root| root.to_string_lossy().into());
        self.lock().insert(cwd.clone(), found.clone());
        found
    }

    /// Takes over what is known from elsewhere (a cache); what was looked up stays.
    pub fn learn(&self, cwd: Arc<str>, workspace: Arc<str>) {
        self.lock().entry(cwd).or_insert(workspace);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<str>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Root of the main worktree of the repository that holds `dir`. `None` outside of any repository.
///
/// A directory that is gone belongs to nothing, unless the repository that it lay in shows that it was a worktree
/// of it: then its parents are searched as if it were there.
fn main_worktree(dir: &Path) -> Option<PathBuf> {
    if !dir.is_absolute() {
        return None;
    }
    let gone = !dir.is_dir();
    if gone && !lay_in_worktree_folder(dir) {
        return None;
    }
    dir.ancestors().find_map(|root| repository(root, &root.join(".git")))
}

/// The main worktree that a `.git` at `root` belongs to: a directory in the main worktree, a file in the others.
fn repository(root: &Path, git: &Path) -> Option<PathBuf> {
    let kind = fs::metadata(git).ok()?;
    if kind.is_dir() {
        return Some(root.to_owned());
    }
    let text = fs::read_to_string(git).ok()?;
    let target = root.join(text.strip_prefix("gitdir:")?.trim());
    let Ok(common) = fs::read_to_string(target.join("commondir")) else {
        // A submodule, or a repository that keeps its `.git` elsewhere: it is its own main worktree.
        return Some(root.to_owned());
    };
    let common = normal(&target.join(common.trim()));
    if common.file_name()? == ".git" { common.parent().map(Path::to_owned) } else { Some(common) }
}

/// Whether the path of a directory that is gone says that it was a worktree: tools put them into a folder of their
/// own within the repository (`.claude/worktrees/x`, `.worktrees/x`, `.git/…/worktrees/x`).
fn lay_in_worktree_folder(dir: &Path) -> bool {
    dir.components().any(|part| {
        let Component::Normal(name) = part else { return false };
        matches!(name.to_str(), Some("worktrees" | ".worktrees"))
    })
}

/// Resolves `.` and `..` by name only.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
