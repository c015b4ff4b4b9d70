//! Resolves directories to workspaces: the root of the main worktree of their repository, else the directory itself.
//!
//! Only `.git` is read; no program is started. Each directory is resolved once and cached.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::stdx::files::{self, SizeLimit};

/// Cache of resolved workspaces. Shared between threads.
#[derive(Debug, Default)]
pub struct Workspaces {
    cached: Mutex<HashMap<Arc<str>, Arc<str>>>,
}

impl Workspaces {
    /// Returns the cached workspace of a directory.
    pub fn cached(&self, cwd: &str) -> Option<Arc<str>> {
        self.lock().get(cwd).cloned()
    }

    /// Returns the workspace of a directory; `cwd` itself outside of repositories. Reads the disk once per directory.
    pub fn of(&self, cwd: &Arc<str>) -> Arc<str> {
        if let Some(cached) = self.cached(cwd) {
            return cached;
        }
        self.resolve(cwd)
    }

    /// Resolves a directory from disk and caches the result.
    pub fn resolve(&self, cwd: &Arc<str>) -> Arc<str> {
        let found = main_worktree(Path::new(&**cwd)).map_or_else(|| cwd.clone(), |root| root.to_string_lossy().into());
        self.lock().insert(cwd.clone(), found.clone());
        found
    }

    /// Caches a result from elsewhere (a cache file); a resolved one is not replaced.
    pub fn insert_cached(&self, cwd: Arc<str>, workspace: Arc<str>) {
        self.lock().entry(cwd).or_insert(workspace);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<str>>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the root of the main worktree of the repository that contains `dir`; `None` outside of repositories.
///
/// A removed directory belongs to no repository, unless its path shows that it was a worktree. Then its parents are
/// searched as if it still existed.
fn main_worktree(dir: &Path) -> Option<PathBuf> {
    if !dir.is_absolute() {
        return None;
    }
    let gone = !dir.is_dir();
    if gone && !was_in_worktree_folder(dir) {
        return None;
    }
    dir.ancestors().find_map(|root| repository(root, &root.join(".git")))
}

/// Returns the main worktree of a `.git` at `root`: a directory in the main worktree, a file in the others.
fn repository(root: &Path, git: &Path) -> Option<PathBuf> {
    let kind = fs::metadata(git).ok()?;
    if kind.is_dir() {
        return Some(root.to_owned());
    }
    let text = files::read_text(git, SizeLimit::POINTER).ok()?;
    let target = root.join(text.strip_prefix("gitdir:")?.trim());
    let Ok(common) = files::read_text(&target.join("commondir"), SizeLimit::POINTER) else {
        // A submodule, or a repository whose `.git` is elsewhere, is its own main worktree.
        return Some(root.to_owned());
    };
    let common = normal(&target.join(common.trim()));
    if common.file_name()? == ".git" { common.parent().map(Path::to_owned) } else { Some(common) }
}

/// Returns true if the path of a removed directory is that of a worktree. Tools create them in a folder of their own
/// (`.claude/worktrees/x`, `.worktrees/x`, `.git/…/worktrees/x`).
fn was_in_worktree_folder(dir: &Path) -> bool {
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
