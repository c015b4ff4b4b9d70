//! Access of commands to `state.db` and its run records.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::sync::Arc;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::sessions::LoadedSessions;
use super::{find, output, remote};
use crate::domain::prompt::{Prompt, PromptId};
use crate::domain::run::RunId;
use crate::domain::{Issue, SessionKey};
use crate::live::identity;
use crate::runtime::state_db;
use crate::store::registry::{self, ProcessId, RunRecord};
use crate::store::{self, Store, outbox};

/// Opens `state.db` for writing.
pub(super) fn open(context: &CliContext) -> Result<Arc<Store>, CliError> {
    let path = context.paths.state_db();
    let failed = |reason: String| CliError::new(CliErrorCode::Failed, format!("{}: {reason}", path.display()));
    let opened = state_db::open(&context.paths, context.clock.now()).map_err(failed)?;
    if let Some(aside) = opened.set_aside {
        output::note(&format!("{}: {}", path.display(), store::replacement_notice(&aside)))?;
    }
    Ok(Arc::new(opened.store))
}

/// Opens `state.db` for a command that only reads. Creates nothing.
pub(super) fn open_to_read(context: &CliContext) -> Result<Arc<Store>, CliError> {
    let path = context.paths.state_db();
    match Store::open_to_read(&path) {
        Ok(Some(store)) => Ok(Arc::new(store)),
        Ok(None) => open(context),
        Err(error) => Err(CliError::new(CliErrorCode::Failed, format!("{}: {error}", path.display()))),
    }
}

/// Returns the reason why `state.db` cannot be used. Changes nothing.
pub(super) fn problem(context: &CliContext) -> Option<Issue> {
    let path = context.paths.state_db();
    store::check(&path).map(|reason| Issue::new(path, reason))
}

/// Finds the run named by a run id or by a session (see [`find`]).
pub(super) fn run_of(context: &CliContext, store: &Store, name: &str) -> Result<RunRecord, CliError> {
    let id = RunId(name.into());
    if let Some(record) = store.with(|db| registry::find(db, &id)).map_err(|error| db_error(&error))? {
        return Ok(record);
    }
    remote::only_there(context, name)?;
    let session = find::find(&LoadedSessions::read(context).all, name)?;
    record_of(store, &session.key)?
        .ok_or_else(|| CliError::new(CliErrorCode::NotFound, format!("salon never ran {}", session.key)))
}

/// Returns the record of a session's run.
pub(super) fn record_of(store: &Store, key: &SessionKey) -> Result<Option<RunRecord>, CliError> {
    store.with(|db| registry::find_by_session(db, key)).map_err(|error| db_error(&error))
}

/// Returns the salon process that owns a run, if it is still alive.
pub(super) fn living_holder(store: &Store, run: &RunId) -> Result<Option<ProcessId>, CliError> {
    let holder = store.with(|db| registry::holder(db, run)).map_err(|error| db_error(&error))?;
    Ok(holder.filter(|holder| !identity::is_dead(*holder)))
}

/// Returns a prompt in any state.
pub(super) fn prompt(store: &Store, id: PromptId) -> Result<Option<Prompt>, CliError> {
    store.with(|db| outbox::find(db, id)).map_err(|error| db_error(&error))
}

/// Converts an error of `state.db`.
pub(super) fn db_error(error: &store::Error) -> CliError {
    CliError::new(CliErrorCode::Failed, store::describe_error(error))
}
