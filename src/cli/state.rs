//! `state.db` and the runs on record in it, as a command sees them.

use std::sync::Arc;

use super::context::Context;
use super::failure::{Code, Failure};
use super::find;
use super::history::History;
use crate::config::paths::create_private_dir;
use crate::domain::run::RunId;
use crate::live::recover;
use crate::store::registry::{self, ProcessId, RunRecord};
use crate::store::{self, Store};

/// Opens `state.db`; a command that needs it cannot do without.
pub fn open(context: &Context) -> Result<Arc<Store>, Failure> {
    let path = context.paths.state_db();
    let failed = |error: &dyn std::fmt::Display| Failure::new(Code::Failed, format!("{}: {error}", path.display()));
    create_private_dir(&context.paths.data).map_err(|error| failed(&error))?;
    let opened = Store::open(&path, context.clock.now()).map_err(|error| failed(&error))?;
    if opened.read_only {
        return Err(failed(&"it is a newer salon's; use that one"));
    }
    Ok(Arc::new(opened.store))
}

/// The run that `words` name: salon's own id of it, or its session as every command names it.
pub fn run_of(context: &Context, store: &Store, words: &str) -> Result<RunRecord, Failure> {
    let id = RunId(words.into());
    if let Some(record) = store.with(|db| registry::find(db, &id)).map_err(|error| broken(&error))? {
        return Ok(record);
    }
    let session = find::find(&History::read(context).all, words)?;
    let record = store.with(|db| registry::of_session(db, &session.key)).map_err(|error| broken(&error))?;
    record.ok_or_else(|| Failure::new(Code::NotFound, format!("no run of salon's is on record for {}", session.key)))
}

/// The salon that holds a run, where it still lives.
pub fn living_holder(store: &Store, run: &RunId) -> Result<Option<ProcessId>, Failure> {
    let holder = store.with(|db| registry::holder(db, run)).map_err(|error| broken(&error))?;
    Ok(holder.filter(|holder| !recover::is_dead(*holder)))
}

/// A failure of `state.db` itself.
pub fn broken(error: &store::Error) -> Failure {
    Failure::new(Code::Failed, format!("state.db: {error}"))
}
