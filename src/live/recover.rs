//! Recovery after a crash: ends the children of dead salon processes and holds their queues. Sends no prompt.
#![expect(clippy::disallowed_methods, reason = "on a blocking thread")]

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::group;
use super::identity::is_dead;
use super::options::DeliveryCheck;
use crate::domain::SessionKey;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::RunId;
use crate::stdx::process;
use crate::store::registry::{ChildRecord, ProcessId};
use crate::store::{self, Store, outbox, registry};

/// Time that an orphan gets to end after TERM, because agents save their transcript on exit.
const TERM_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum wait for an orphan to record the prompt that it was given, because agents write it some 200 ms later.
const RECORD_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval between looks into an orphan's record.
const RECORD_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum wait for the end of a process that has closed its connection. A longer one means that it lives.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Result of a recovery.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Orphans that were ended.
    pub ended: Vec<ChildRecord>,
    /// Runs whose prompts are now held.
    pub held: Vec<RunId>,
}

/// Ends recorded orphans and holds the queues of dead salon processes. Blocks until the orphans have ended.
///
/// An orphan must match in pid, start time and program, and the salon process that started it must be dead. Members of
/// its group that outlived it must carry the mark of that salon process.
pub fn recover(store: &Store, process: ProcessId, is_delivered: &DeliveryCheck) -> store::Result<Recovered> {
    let ended = reap(store, process, is_delivered)?;
    store.with(|db| registry::remove_abandoned_approvals(db, is_dead))?;
    let mut held = Vec::new();
    for run in store.with(|db| outbox::runs_in_flight(db))? {
        let unsure = store.with(|db| registry::abandoned(db, &run, process, is_dead))?;
        let Some(unsure) = unsure else { continue };
        // Looked up first, because a prompt that is held for a moment could be released and sent again.
        let (arrived, _) = look_up(store, &run, unsure, is_delivered)?;
        if store.with(|db| registry::resolve_abandoned(db, &run, &arrived, process, is_dead))? {
            held.push(run);
        }
    }
    Ok(Recovered { ended, held })
}

/// Blocks until a process has ended that has closed its connection. The system closes the files of a killed process
/// before the process has ended, and what it leaves is recovered only afterwards.
pub(super) fn await_end(process: ProcessId) {
    let end = Instant::now() + END_TIMEOUT;
    while !is_dead(process) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Looks up prompts of an earlier holder in the transcript. Marks those that arrived as delivered, and holds the others.
pub fn resolve(store: &Store, run: &RunId, unsure: Vec<Prompt>, is_delivered: &DeliveryCheck) -> store::Result<()> {
    let (arrived, others) = look_up(store, run, unsure, is_delivered)?;
    store.with(|db| outbox::resolve_sending(db, &arrived, &others))
}

/// Splits prompts into those that the transcript contains, and the others.
fn look_up(
    store: &Store,
    run: &RunId,
    unsure: Vec<Prompt>,
    is_delivered: &DeliveryCheck,
) -> store::Result<(Vec<Prompt>, Vec<Prompt>)> {
    if unsure.is_empty() {
        return Ok((Vec::new(), unsure));
    }
    let Some(session) = store.with(|db| registry::find(db, run))?.and_then(|record| record.session) else {
        return Ok((Vec::new(), unsure));
    };
    Ok(unsure.into_iter().partition(|prompt| is_delivered(&session, prompt) == Some(true)))
}

fn reap(store: &Store, process: ProcessId, is_delivered: &DeliveryCheck) -> store::Result<Vec<ChildRecord>> {
    let records = store.with(|db| registry::children(db))?;
    let abandoned = |record: &ChildRecord| record.holder != process && is_dead(record.holder);
    let (orphans, gone): (Vec<_>, Vec<_>) = records.into_iter().filter(abandoned).partition(is_left);
    await_records(store, process, is_delivered, &orphans)?;
    signal(&orphans, Signal::TERM);
    wait_for(&orphans, TERM_TIMEOUT);
    signal(&orphans, Signal::KILL);
    wait_for(&orphans, Duration::from_secs(1));
    for record in orphans.iter().filter(|orphan| !is_left(orphan)).chain(&gone) {
        store.with(|db| registry::remove_child(db, record.child))?;
    }
    Ok(orphans)
}

/// Lets orphans finish writing: waits until their records contain the prompts that were being sent.
fn await_records(
    store: &Store,
    process: ProcessId,
    is_delivered: &DeliveryCheck,
    orphans: &[ChildRecord],
) -> store::Result<()> {
    if !orphans.iter().any(is_left) {
        return Ok(());
    }
    let mut missing = unconfirmed(store, process)?;
    let end = Instant::now() + RECORD_TIMEOUT;
    loop {
        missing.retain(|(session, prompt)| is_delivered(session, prompt) == Some(false));
        if missing.is_empty() || !orphans.iter().any(is_left) || Instant::now() >= end {
            return Ok(());
        }
        std::thread::sleep(RECORD_INTERVAL);
    }
}

/// Returns the prompts that dead salon processes were sending, with their sessions.
fn unconfirmed(store: &Store, process: ProcessId) -> store::Result<Vec<(SessionKey, Prompt)>> {
    store.with(|db| {
        let mut found = Vec::new();
        for run in outbox::runs_in_flight(db)? {
            let abandoned = registry::holder(db, &run)?.is_some_and(|holder| holder != process && is_dead(holder));
            let session = registry::find(db, &run)?.and_then(|record| record.session).filter(|_| abandoned);
            let Some(session) = session else { continue };
            let queue = outbox::queue(db, &run)?.into_iter();
            found.extend(
                queue.filter(|prompt| prompt.state == PromptState::Sending).map(|prompt| (session.clone(), prompt)),
            );
        }
        Ok(found)
    })
}

fn signal(orphans: &[ChildRecord], signal: Signal) {
    for orphan in orphans {
        if matches_record(orphan) {
            group::signal(orphan.child.pid, signal);
        } else {
            group::signal_members(&group::marked_members(orphan.child.pid, orphan.holder), signal);
        }
    }
}

fn matches_record(record: &ChildRecord) -> bool {
    !is_dead(record.child) && process::is_program(record.child.pid, &record.program)
}

/// Returns true if the leader or a marked member of its group is alive.
fn is_left(record: &ChildRecord) -> bool {
    matches_record(record) || !group::marked_members(record.child.pid, record.holder).is_empty()
}

/// Polls, because orphans are not children of this process and cannot be waited for.
fn wait_for(orphans: &[ChildRecord], timeout: Duration) {
    let end = Instant::now() + timeout;
    while orphans.iter().any(is_left) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}
