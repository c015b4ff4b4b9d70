//! What a salon that died left behind: its children are ended, its queues are held. Nothing is sent by itself.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::options::Arrived;
use super::process::signal_group;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::RunId;
use crate::stdx::process;
use crate::store::registry::{ChildRecord, ProcessId};
use crate::store::{self, Store, outbox, registry};

/// How long an orphan may take to end after TERM.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found and done.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Children of dead salons that were ended.
    pub ended: Vec<ChildRecord>,
    /// Runs whose prompts are held now.
    pub held: Vec<RunId>,
}

/// This salon, as the registry knows it.
pub fn this_process() -> ProcessId {
    let pid = std::process::id();
    identify(pid).unwrap_or(ProcessId { pid, start: 0 })
}

/// A living process, told apart from every other of the same id.
pub fn identify(pid: u32) -> Option<ProcessId> {
    process::identity(pid).map(|start| ProcessId { pid, start })
}

/// Whether a process is provably gone, though another may have its id now.
pub fn is_dead(process: ProcessId) -> bool {
    identify(process.pid) != Some(process)
}

/// Ends the orphans on record, exactly those: same id, same start, same program, and the salon that started it is dead.
/// Then holds what dead salons left in their queues. Blocks while an orphan takes its time.
pub fn recover(store: &Store, me: ProcessId, arrived: &Arrived) -> store::Result<Recovered> {
    let ended = reap(store, me)?;
    let mut held = Vec::new();
    for run in store.with(|db| outbox::moving(db))? {
        // Looked at and held in one transaction: another salon may be taking the run over at this moment.
        let unsure = store.with(|db| registry::hold_abandoned(db, &run, me, is_dead))?;
        if let Some(unsure) = unsure {
            resolve(store, &run, &unsure, arrived)?;
            held.push(run);
        }
    }
    Ok(Recovered { ended, held })
}

/// Looks up in the transcript whether held prompts arrived after all; those that did are delivered.
pub fn resolve(store: &Store, run: &RunId, unsure: &[Prompt], arrived: &Arrived) -> store::Result<()> {
    if unsure.is_empty() {
        return Ok(());
    }
    let Some(session) = store.with(|db| registry::find(db, run))?.and_then(|record| record.session) else {
        return Ok(());
    };
    for prompt in unsure.iter().filter(|prompt| arrived(&session, &prompt.text) == Some(true)) {
        store.with(|db| outbox::advance(db, prompt.id, &[PromptState::Held], PromptState::Delivered, None))?;
    }
    Ok(())
}

fn reap(store: &Store, me: ProcessId) -> store::Result<Vec<ChildRecord>> {
    let records = store.with(|db| registry::children(db))?;
    let abandoned = |record: &ChildRecord| record.holder != me && is_dead(record.holder);
    let (orphans, gone): (Vec<_>, Vec<_>) = records.into_iter().filter(abandoned).partition(is_ours);
    for orphan in &orphans {
        signal_group(orphan.child.pid, Signal::TERM);
    }
    wait_for(&orphans, PATIENCE);
    for orphan in orphans.iter().filter(|orphan| is_ours(orphan)) {
        signal_group(orphan.child.pid, Signal::KILL);
    }
    wait_for(&orphans, Duration::from_secs(1));
    for record in orphans.iter().filter(|orphan| !is_ours(orphan)).chain(&gone) {
        store.with(|db| registry::forget_child(db, record.child))?;
    }
    Ok(orphans)
}

fn is_ours(record: &ChildRecord) -> bool {
    !is_dead(record.child) && process::is_program(record.child.pid, &record.program)
}

/// They are not our children: nobody tells us when they end.
fn wait_for(orphans: &[ChildRecord], patience: Duration) {
    let end = Instant::now() + patience;
    while orphans.iter().any(is_ours) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}
