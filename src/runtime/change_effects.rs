//! Effect that reads the changes of a session on a blocking thread.
#![expect(clippy::disallowed_methods, reason = "called from blocking tasks")]

use std::path::Path;
use std::sync::Arc;

use super::changes::{self, FileComparison};
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::{env, git_menu, remarks};
use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::config::paths::Paths;
use crate::domain::changes::{Changes, ChangesScope, Restoration};
use crate::domain::{Session, SessionKey};
use crate::git::{Git, Repository};
use crate::store::{Store, worktrees};

/// Extent of changes, and the number of the branch whose edits count, from 0; `None` for the newest one.
pub(super) type ChangedParts = (ChangesScope, Option<usize>);

impl Shell {
    /// Reads the changes of a session.
    pub(super) fn load_changes(&mut self, ticket: RequestTicket, key: &SessionKey, parts: ChangedParts) {
        let session = self.session(key);
        let sessions: Vec<Arc<Session>> = self.own_sessions().cloned().collect();
        let (paths, store, messages) =
            (self.runner.paths.clone(), self.runner.store.clone(), self.runner.messages.clone());
        tokio::task::spawn_blocking(move || {
            let result = match session {
                Some(session) => read(&session, parts, (&sessions, &paths, store.as_deref())),
                None => Err("The session is not on the disk yet".to_owned()),
            };
            let msg = Msg::ChangesLoaded(ticket, result.map(Arc::new));
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(msg))));
        });
    }

    /// Takes back a change of files, or the files to a snapshot.
    pub(super) fn restore_files(&mut self, ticket: RequestTicket, key: &SessionKey, restoration: Restoration) {
        let (session, context) = (self.session(key), self.rewind_context());
        let (messages, now) = (self.runner.messages.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || {
            let result = match (session, context) {
                (Some(session), Ok(context)) => context.restore(&session, &restoration, now),
                (Some(_), Err(reason)) => Err(reason),
                (None, _) => Err("The session no longer exists".to_owned()),
            };
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::FilesRestored(ticket, result)))));
        });
    }
}

/// Reads the changes of a session, with its remarks. The sessions are those of this machine.
pub(super) fn read(
    session: &Session,
    parts: ChangedParts,
    (sessions, paths, store): (&[Arc<Session>], &Paths, Option<&Store>),
) -> Result<Changes, String> {
    let changes = load(session, parts, (sessions, paths, store))?;
    with_remarks(changes, store, &session.key)
}

fn load(
    session: &Session,
    (scope, branch): ChangedParts,
    (sessions, paths, store): (&[Arc<Session>], &Paths, Option<&Store>),
) -> Result<Changes, String> {
    let state_db = paths.state_db();
    let (git, own) = (Git::new(env::vars()), paths.repositories());
    let comparison = FileComparison { git: &git, own: &own, state_db: &state_db, sessions };
    let cwd = Path::new(&*session.cwd);
    match scope {
        ChangesScope::WorkTree => return comparison.since(cwd, "HEAD"),
        ChangesScope::Base => return comparison.since(cwd, &base(&git, cwd, store)?),
        ChangesScope::Turn | ChangesScope::Session => {}
    }
    let found = changes::edits(session, branch, &state_db)?;
    let last = u32::try_from(found.prompts.len()).unwrap_or(u32::MAX);
    match scope {
        ChangesScope::Turn => changes::of_turn(&comparison, session, (last, &found, store)),
        ChangesScope::Session | ChangesScope::WorkTree | ChangesScope::Base => {
            Ok(changes::of_session(&found.edits, &session.cwd, None))
        }
    }
}

/// Adds the remarks on changes of a session.
fn with_remarks(changes: Changes, store: Option<&Store>, key: &SessionKey) -> Result<Changes, String> {
    let remarks = store.map_or_else(|| Ok(Vec::new()), |store| remarks::of_session(store, key))?;
    Ok(Changes { remarks, ..changes })
}

/// Returns the commit since which the work on a branch counts.
fn base(git: &Git, cwd: &Path, store: Option<&Store>) -> Result<String, String> {
    let repository = Repository::open(git, cwd).map_err(|error| error.to_string())?;
    let base = git_menu::base_commit(&repository).map_err(|error| error.to_string())?;
    let recorded = || store.and_then(|store| base_of(store, cwd));
    Ok(base.or_else(recorded).unwrap_or_else(|| "HEAD".to_owned()))
}

/// Returns the commit from which the branch of salon's worktree at a directory was created.
fn base_of(store: &Store, cwd: &Path) -> Option<String> {
    let listed = store.with(|db| worktrees::list(db)).unwrap_or_default();
    let canonical = cwd.canonicalize().ok()?;
    listed.into_iter().find(|worktree| canonical.starts_with(&worktree.path)).map(|worktree| worktree.base)
}
