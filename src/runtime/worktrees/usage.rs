//! Sessions that use a worktree: live ones, and those with queued prompts.

use std::path::{Path, PathBuf};

use super::Worktrees;
use crate::domain::worktree::{RemovalObstacle, Worktree};
use crate::domain::{Session, SessionState, Time};
use crate::live::identity;
use crate::store::{outbox, registry};

/// Use of a directory by a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryUse {
    /// Directory of the session.
    pub cwd: PathBuf,
    /// Name of the session for the user.
    pub session: String,
    /// Last activity.
    pub activity: Option<Time>,
    /// True if it is live or has queued prompts.
    pub is_open: bool,
}

/// Returns the uses by indexed sessions.
pub fn session_uses<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> Vec<DirectoryUse> {
    let used = |session: &Session| DirectoryUse {
        cwd: PathBuf::from(&*session.cwd),
        session: session.key.to_string(),
        activity: session.last_activity,
        is_open: session.state != SessionState::Past,
    };
    sessions.into_iter().filter(|session| !session.cwd.is_empty()).map(used).collect()
}

impl Worktrees {
    /// Returns the uses by runs of salon. A run whose holder lives, or that has queued prompts, is open.
    pub fn run_uses(&self) -> Result<Vec<DirectoryUse>, String> {
        self.with_store(|db| {
            let used = |run: registry::RunRecord| {
                let holder = registry::holder(db, &run.id)?;
                let is_live = holder.is_some_and(|holder| !identity::is_dead(holder));
                Ok(DirectoryUse {
                    cwd: PathBuf::from(run.cwd),
                    session: run.session.map_or_else(|| run.id.0.to_string(), |key| key.to_string()),
                    activity: Some(run.last_activity),
                    is_open: is_live || !outbox::queue(db, &run.id)?.is_empty(),
                })
            };
            registry::runs(db)?.into_iter().map(used).collect()
        })
    }
}

/// Returns the open sessions of a worktree as an obstacle.
pub(super) fn obstacle(worktree: &Worktree, uses: &[DirectoryUse]) -> Option<RemovalObstacle> {
    let mut open: Vec<_> = of(worktree, uses).filter(|used| used.is_open).map(|used| used.session.clone()).collect();
    open.sort_unstable();
    open.dedup();
    (!open.is_empty()).then_some(RemovalObstacle::Sessions(open))
}

/// Returns the last activity in a worktree.
pub(super) fn last_activity(worktree: &Worktree, uses: &[DirectoryUse]) -> Option<Time> {
    of(worktree, uses).filter_map(|used| used.activity).max()
}

fn of<'a>(worktree: &'a Worktree, uses: &'a [DirectoryUse]) -> impl Iterator<Item = &'a DirectoryUse> {
    let is_inside = |cwd: &Path| {
        cwd.starts_with(&worktree.path) || cwd.canonicalize().is_ok_and(|cwd| cwd.starts_with(&worktree.path))
    };
    uses.iter().filter(move |used| is_inside(&used.cwd))
}
