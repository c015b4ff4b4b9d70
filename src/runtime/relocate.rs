//! Moved projects: proposes where the directory of a session went, and moves its sessions there. Blocks: not for the
//! event loop. Nothing is written into an agent's files: the new directory is an annotation of each session.
#![expect(clippy::disallowed_methods, reason = "called from commands and blocking tasks")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::annotation::{AnnotationEdit, MovedDirectory};
use crate::domain::{Session, SessionKey};
use crate::index::{self, Workspaces};
use crate::store::{Store, projects};

/// Maximum number of workspaces whose repositories are remembered.
const MAX_PROJECTS: usize = 2000;

/// Returns the distinct workspaces of sessions.
pub fn workspaces<'a>(all: impl Iterator<Item = &'a Arc<Session>>) -> Vec<PathBuf> {
    let distinct: BTreeSet<&Arc<str>> = all.map(|session| &session.workspace).collect();
    distinct.into_iter().filter(|path| path.starts_with('/')).map(|path| PathBuf::from(&**path)).collect()
}

/// Remembers the repositories of workspaces that exist.
pub fn remember(store: &Store, workspaces: &[PathBuf]) {
    let identity = |path: &PathBuf| Some((path.to_str()?.to_owned(), index::repository_identity(path)?));
    let found: Vec<_> = workspaces.iter().take(MAX_PROJECTS).filter_map(identity).collect();
    if found.is_empty() {
        return;
    }
    if let Err(error) = store.with(|db| projects::remember(db, &found)) {
        tracing::debug!(%error, "the repositories of projects were not remembered");
    }
}

/// Proposes directories in which a session can be resumed instead of its own, which is gone.
pub fn proposals(cwd: &Path, workspaces: &[PathBuf], store: Option<&Store>) -> Vec<String> {
    let identity = store.and_then(|store| store.with(|db| projects::find(db, &cwd.to_string_lossy())).ok().flatten());
    let found = index::propose_directories(cwd, workspaces, identity.as_ref());
    found.iter().filter_map(|path| path.to_str()).map(str::to_owned).collect()
}

/// Returns the changes that move the sessions at or below `from` to `to`.
pub fn move_project(all: &[Arc<Session>], from: &Path, to: &Path) -> Vec<(SessionKey, AnnotationEdit)> {
    let resolved = Workspaces::default();
    let edit = |session: &Arc<Session>| {
        let below = Path::new(&*session.cwd).strip_prefix(from).ok()?;
        // Joining an empty path would add a slash.
        let cwd = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
        Some((session.key.clone(), move_to(&cwd, &resolved)))
    };
    all.iter().filter_map(edit).collect()
}

/// Returns the change that moves one session to a directory.
pub fn move_to(cwd: &Path, workspaces: &Workspaces) -> AnnotationEdit {
    let cwd: Arc<str> = cwd.to_string_lossy().into();
    let workspace = workspaces.of(&cwd).to_string();
    AnnotationEdit::Move(Some(MovedDirectory { cwd: cwd.to_string(), workspace }))
}

/// Returns the part of a missing directory that moved, and its new path, if the session is resumed in `cwd`.
pub fn moved_root(gone: &Path, cwd: &Path) -> (PathBuf, PathBuf) {
    let whole = || (gone.to_owned(), cwd.to_owned());
    let Some((root, rest)) = index::missing_root(gone) else { return whole() };
    let depth = rest.components().count();
    if !cwd.ends_with(&rest) {
        return whole();
    }
    cwd.ancestors().nth(depth).map_or_else(whole, |to| (root, to.to_owned()))
}
