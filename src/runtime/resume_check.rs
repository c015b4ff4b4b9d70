//! Check for obstacles to resuming a session.

use std::path::Path;

use super::resume::ResumeObstacles;
use super::{live_options, resume};
use crate::agent::Environment;
use crate::app::msg::ResumeCheck;
use crate::domain::Session;
use crate::store::Store;

/// Returns the obstacles to opening a session in its agent. Backs up files that the agent may destroy.
pub(super) fn check_open(
    session: &Session,
    environment: &Environment,
    backups: &Path,
    store: Option<&Store>,
) -> ResumeCheck {
    let launch = resume::open(session, &[], None, environment);
    let found = resume::obstacles_to_open(session, &launch, environment);
    checked(session, found, backups, store)
}

/// Returns the obstacles to continuing a session in salon. Backs up files that the agent may destroy.
pub(super) fn check(
    session: &Session,
    environment: &Environment,
    backups: &Path,
    store: Option<&Store>,
) -> ResumeCheck {
    let launch = resume::launch(session, &[], None);
    let found = resume::obstacles(session, &launch, environment);
    checked(session, found, backups, store)
}

fn checked(session: &Session, found: ResumeObstacles, backups: &Path, store: Option<&Store>) -> ResumeCheck {
    let startable = !found.not_installed && found.refused.is_none();
    let warning = if startable { back_up(session, backups) } else { None };
    ResumeCheck {
        owner_pid: store.and_then(|store| live_options::other_salon(&session.key, store)),
        open_elsewhere: found.open_elsewhere,
        directory_gone: found.directory_gone,
        not_installed: found.not_installed,
        refused: found.refused,
        warning,
    }
}

/// Copies files that the agent may destroy. Returns the failure as a warning, because the user decides whether to
/// continue.
fn back_up(session: &Session, backups: &Path) -> Option<String> {
    resume::back_up_at_risk_files(session, backups)
        .unwrap_or_else(|error| Some(format!("Could not back up its files: {error}.")))
}
