//! Queues that an earlier process left: shown without an agent until a run takes them over, or another process does.
#![expect(clippy::disallowed_methods, reason = "on a blocking thread")]

use std::collections::BTreeSet;

use super::identity;
use super::options::LiveEvent;
use super::supervisor::Inner;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Phase, RunId, RunInfo, StopReason};
use crate::store::registry::{self, ProcessId, RunRecord};
use crate::store::{self, Connection, outbox};

/// Queue of a run without an agent, with the run's state.
struct LeftoverQueue {
    info: RunInfo,
    queue: Vec<Prompt>,
}

impl Inner {
    /// Publishes all queues that an earlier process left, unless a living process has their lease. Starts none. Blocks.
    pub(super) fn publish_leftovers(&self) -> store::Result<()> {
        let options = &self.options;
        let runs: BTreeSet<RunId> =
            options.store.with(|db| outbox::all_queued(db))?.into_iter().map(|prompt| prompt.run).collect();
        for run in runs {
            if let Some(leftover) = options.store.with(|db| read(db, &run, options.process))? {
                self.publish(leftover);
            }
        }
        Ok(())
    }

    /// Publishes the queue of a run that this process does not have: it was changed. Returns false if another process has
    /// the run, or if it is not recorded.
    pub(super) async fn publish_leftover(&self, run: &RunId) -> bool {
        // A run that is being created publishes its queue itself.
        let _guard = self.start_lock.lock().await;
        if self.handle(run).is_some() {
            // It is no leftover any more, also after its end.
            self.leftover_continuations().remove(run);
            return true;
        }
        let (id, process) = (run.clone(), self.options.process);
        let found = self.store.with(move |db| read(db, &id, process)).await;
        let found = found.inspect_err(|failure| tracing::warn!("a leftover queue could not be read: {failure}"));
        match found.ok().flatten() {
            Some(leftover) => self.publish(leftover),
            None => return false,
        }
        true
    }

    /// Publishes the leftover continuations again that no longer wait: cancelled, held or taken over.
    pub(super) async fn update_leftovers(&self, waiting: &[Prompt]) {
        let no_longer = |run: &RunId| !waiting.iter().any(|prompt| prompt.run == *run);
        let published: Vec<RunId> =
            self.leftover_continuations().iter().filter(|run| no_longer(run)).cloned().collect();
        for run in published {
            if !self.publish_leftover(&run).await {
                self.leftover_continuations().remove(&run);
                self.events.send(LiveEvent::Gone(run));
            }
        }
    }

    fn publish(&self, LeftoverQueue { info, queue }: LeftoverQueue) {
        let run = info.id.clone();
        let mut continuations = self.leftover_continuations();
        if info.continues_at.is_some() {
            continuations.insert(run.clone());
        } else {
            continuations.remove(&run);
        }
        drop(continuations);
        self.events.send(LiveEvent::Run(info.into()));
        self.events.send(LiveEvent::Queued(run, queue));
    }
}

/// Reads the queue of a run; `None` if a living process has the run, or if it is not recorded.
fn read(db: &Connection, run: &RunId, process: ProcessId) -> store::Result<Option<LeftoverQueue>> {
    let holder = registry::holder(db, run)?;
    let elsewhere = holder.is_some_and(|holder| holder != process && !identity::is_dead(holder));
    let record = registry::find(db, run)?.filter(|_| !elsewhere);
    let Some(record) = record else { return Ok(None) };
    let queue = outbox::queue(db, run)?;
    Ok(Some(LeftoverQueue { info: info(record, &queue), queue }))
}

fn info(record: RunRecord, queue: &[Prompt]) -> RunInfo {
    let held = queue.iter().filter(|prompt| prompt.state != PromptState::Pending).count();
    let next = queue.first().filter(|first| first.state == PromptState::Pending);
    RunInfo {
        session: record.session,
        phase: Phase::Stopped(StopReason::NotStarted),
        model: record.model.map(Into::into),
        effort: record.effort.map(Into::into),
        queued: queue.len() - held,
        held,
        last_event: Some(record.last_activity),
        continues_at: next.and_then(|next| next.not_before),
        ..RunInfo::starting(record.id, record.agent, record.cwd.into())
    }
}
