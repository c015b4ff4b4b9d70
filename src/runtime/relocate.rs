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

/// Returns the changes that move the sessions at or below `from` to `to`. A session whose directory is not there moves to
/// `to` itself.
pub fn move_project(all: &[Arc<Session>], from: &Path, to: &Path) -> Vec<(SessionKey, AnnotationEdit)> {
    let resolved = Workspaces::default();
    let edit = |session: &Arc<Session>| {
        let below = Path::new(&*session.cwd).strip_prefix(from).ok()?;
        let cwd = Some(to.join(below)).filter(|cwd| !below.as_os_str().is_empty() && cwd.is_dir());
        Some((session.key.clone(), move_to(cwd.as_deref().unwrap_or(to), &resolved)))
    };
    all.iter().filter_map(edit).collect()
}

/// Returns the change that moves one session to a directory.
pub fn move_to(cwd: &Path, workspaces: &Workspaces) -> AnnotationEdit {
    let cwd: Arc<str> = cwd.to_string_lossy().into();
    let workspace = workspaces.of(&cwd).to_string();
    AnnotationEdit::Move(Some(MovedDirectory { cwd: cwd.to_string(), workspace }))
}

/// Returns the directory that moved, and its new path, if the session of a missing directory is resumed in `cwd`: the
/// whole repository where the paths below it are equal, else only that directory.
pub fn moved_root<'a>(gone: &'a Path, cwd: &'a Path) -> (&'a Path, &'a Path) {
    for (from, to) in gone.ancestors().zip(cwd.ancestors()).take_while(|(from, _)| !from.is_dir()) {
        if to.join(".git").exists() {
            return (from, to);
        }
        if from.file_name() != to.file_name() {
            break;
        }
    }
    (gone, cwd)
}
