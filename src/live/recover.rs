//! Recovery after a crash: ends the children of dead salon processes and holds their queues. Sends no prompt.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::options::DeliveryCheck;
use super::process::signal_group;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::RunId;
use crate::stdx::process;
use crate::store::registry::{ChildRecord, ProcessId};
use crate::store::{self, Store, outbox, registry};

/// Time that an orphan gets to end after TERM, because agents save their transcript on exit.
const TERM_TIMEOUT: Duration = Duration::from_secs(5);

/// Result of a recovery.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Orphans that were ended.
    pub ended: Vec<ChildRecord>,
    /// Runs whose prompts are now held.
    pub held: Vec<RunId>,
}

/// Returns the identity of this process as stored in the registry.
pub fn this_process() -> ProcessId {
    let pid = std::process::id();
    identify(pid).unwrap_or(ProcessId { pid, start: 0 })
}

/// Returns the identity of a live process: pid plus start time, because pids are reused.
pub fn identify(pid: u32) -> Option<ProcessId> {
    process::identity(pid).map(|start| ProcessId { pid, start })
}

/// Returns true if a process has ended, even if another one now has its pid.
pub fn is_dead(process: ProcessId) -> bool {
    identify(process.pid) != Some(process)
}

/// Ends recorded orphans and holds the queues of dead salon processes. Blocks until the orphans have ended.
///
/// An orphan must match in pid, start time and program, and the salon process that started it must be dead.
pub fn recover(store: &Store, process: ProcessId, is_delivered: &DeliveryCheck) -> store::Result<Recovered> {
    let ended = reap(store, process)?;
    let mut held = Vec::new();
    for run in store.with(|db| outbox::runs_in_flight(db))? {
        // Check and hold in one transaction, because another salon process may be taking the run over.
        let unsure = store.with(|db| registry::hold_abandoned(db, &run, process, is_dead))?;
        if let Some(unsure) = unsure {
            resolve(store, &run, &unsure, is_delivered)?;
            held.push(run);
        }
    }
    Ok(Recovered { ended, held })
}

/// Looks up held prompts in the transcript and marks those that arrived as delivered.
pub fn resolve(store: &Store, run: &RunId, unsure: &[Prompt], is_delivered: &DeliveryCheck) -> store::Result<()> {
    if unsure.is_empty() {
        return Ok(());
    }
    let Some(session) = store.with(|db| registry::find(db, run))?.and_then(|record| record.session) else {
        return Ok(());
    };
    for prompt in unsure.iter().filter(|prompt| is_delivered(&session, &prompt.text) == Some(true)) {
        store.with(|db| outbox::advance(db, prompt.id, &[PromptState::Held], PromptState::Delivered, None))?;
    }
    Ok(())
}

fn reap(store: &Store, process: ProcessId) -> store::Result<Vec<ChildRecord>> {
    let records = store.with(|db| registry::children(db))?;
    let abandoned = |record: &ChildRecord| record.holder != process && is_dead(record.holder);
    let (orphans, gone): (Vec<_>, Vec<_>) = records.into_iter().filter(abandoned).partition(matches_record);
    for orphan in &orphans {
        signal_group(orphan.child.pid, Signal::TERM);
    }
    wait_for(&orphans, TERM_TIMEOUT);
    for orphan in orphans.iter().filter(|orphan| matches_record(orphan)) {
        signal_group(orphan.child.pid, Signal::KILL);
    }
    wait_for(&orphans, Duration::from_secs(1));
    for record in orphans.iter().filter(|orphan| !matches_record(orphan)).chain(&gone) {
        store.with(|db| registry::remove_child(db, record.child))?;
    }
    Ok(orphans)
}

fn matches_record(record: &ChildRecord) -> bool {
    !is_dead(record.child) && process::is_program(record.child.pid, &record.program)
}

/// Polls, because orphans are not children of this process and cannot be waited for.
fn wait_for(orphans: &[ChildRecord], timeout: Duration) {
    let end = Instant::now() + timeout;
    while orphans.iter().any(matches_record) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}
