//! Check for obstacles to resuming a session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::resume::ResumeObstacles;
use super::{live_options, relocate, resume};
use crate::agent::{self, Environment};
use crate::app::msg::ResumeCheck;
use crate::domain::Session;
use crate::store::Store;

/// State that a check needs besides the session.
#[derive(Clone, Debug)]
pub(super) struct CheckContext {
    pub environment: Environment,
    /// Directory for backups of files that an agent may destroy.
    pub backups: PathBuf,
    pub store: Option<Arc<Store>>,
    /// Workspaces of all sessions, among which that of a moved project may be.
    pub workspaces: Vec<PathBuf>,
}

/// Returns the obstacles to opening a session in its agent. Backs up files that the agent may destroy.
pub(super) fn check_open(session: &Session, context: &CheckContext) -> ResumeCheck {
    let launch = resume::open(session, &[], None, &context.environment);
    let found = resume::obstacles_to_open(session, &launch, &context.environment);
    checked(session, found, context)
}

/// Returns the obstacles to continuing a session in salon. Backs up files that the agent may destroy.
pub(super) fn check(session: &Session, context: &CheckContext) -> ResumeCheck {
    let launch = resume::launch(session, &[], None);
    let found = resume::obstacles(session, &launch, &context.environment);
    checked(session, found, context)
}

fn checked(session: &Session, found: ResumeObstacles, context: &CheckContext) -> ResumeCheck {
    let CheckContext { environment, backups, store, workspaces } = context;
    let startable = !found.not_installed && found.refused.is_none();
    let warning = if startable { prepare(session, backups, environment) } else { None };
    let is_bound = agent::format(session.key.agent).is_bound_to_directory();
    let moved_to = if found.directory_gone && !is_bound {
        relocate::proposals(Path::new(&*session.cwd), workspaces, store.as_deref())
    } else {
        Vec::new()
    };
    ResumeCheck {
        owner_pid: store.as_deref().and_then(|store| live_options::other_salon(&session.key, store)),
        open_elsewhere: found.open_elsewhere,
        directory_gone: found.directory_gone,
        moved_to,
        not_installed: found.not_installed,
        refused: found.refused,
        warning,
    }
}

/// Restores what the agent deleted, and copies files that it may destroy. Returns what the user must know.
fn prepare(session: &Session, backups: &Path, environment: &Environment) -> Option<String> {
    match resume::restore_kept(session, environment) {
        // Its files are in the archive anyway.
        Ok(Some(_)) => None,
        Ok(None) => back_up(session, backups),
        Err(error) => Some(format!("Could not restore its files from the archive: {error}.")),
    }
}

/// Copies files that the agent may destroy. Returns the failure as a warning, because the user decides whether to
/// continue.
fn back_up(session: &Session, backups: &Path) -> Option<String> {
    resume::back_up_at_risk_files(session, backups)
        .unwrap_or_else(|error| Some(format!("Could not back up its files: {error}.")))
}
