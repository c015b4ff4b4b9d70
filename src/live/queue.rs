//! Prompt queues of runs: prompts are accepted once they are on disk, and can be changed until they are sent.

use super::options::LiveEvent;
use super::run::RunCommand;
use super::supervisor::{Live, refused};
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Refusal, RunId};
use crate::store::{self, Connection, outbox};

impl Live {
    /// Appends a prompt to a run's queue. The prompt is on disk on return; after an error nothing is stored.
    ///
    /// A run without a process starts one, which resumes the session.
    pub async fn submit(&self, run: &RunId, text: String) -> Result<PromptId, Refusal> {
        let Some(handle) = self.inner.handle(run) else {
            let opened = self.inner.reopen_run(run, Some(text)).await?;
            return opened.prompt.ok_or_else(|| refused("the prompt was not accepted"));
        };
        let id = self.inner.store.enqueue(run, text).await.map_err(Refusal::NotSaved)?;
        // If the run ended just now, the prompt stays on disk and is held at the next start.
        handle.send(RunCommand::Submitted);
        Ok(id)
    }

    /// Appends a prompt to a run's queue, and sends it into the open turn as soon as the agent can take it. It stays in the
    /// queue if no turn is open or the turn ends before. Refused if the agent cannot take a prompt during a turn.
    pub async fn steer(&self, run: &RunId, text: String) -> Result<PromptId, Refusal> {
        let info = self.inner.handle(run).map(|handle| handle.snapshot().info);
        let agent = info.map(|info| info.agent);
        let protocol = agent.and_then(self.inner.options.protocols);
        if let (Some(agent), Some(protocol)) = (agent, protocol)
            && !protocol.can_steer()
        {
            let label = agent.label();
            return Err(refused(&format!("{label} cannot take a prompt during a turn; queue it instead")));
        }
        let id = self.submit(run, text).await?;
        // A run that has just ended keeps the prompt in its queue.
        self.inner.send(run, RunCommand::Steer(id)).ok();
        Ok(id)
    }

    /// Opens a recorded run with its session. Without a session, its conversation starts again.
    pub async fn open_recorded(&self, run: &RunId) -> Result<(), Refusal> {
        self.inner.ensure_run(run).await.map(drop)
    }

    /// Returns the queue of a run in the order of delivery.
    pub async fn queue(&self, run: &RunId) -> Result<Vec<Prompt>, Refusal> {
        self.inner.store.queue(run).await.map_err(Refusal::NotSaved)
    }

    /// Returns the queues of all runs: failed, held, sending, pending; each in the order of submission.
    pub async fn all_queued(&self) -> Result<Vec<Prompt>, Refusal> {
        self.inner.store.with(|db| outbox::all_queued(db)).await.map_err(Refusal::NotSaved)
    }

    /// Changes the text of a queued prompt.
    pub async fn edit_prompt(&self, id: PromptId, text: String) -> Result<(), Refusal> {
        self.change(id, move |db| outbox::edit(db, id, &text)).await
    }

    /// Removes a queued prompt.
    pub async fn cancel_prompt(&self, id: PromptId) -> Result<(), Refusal> {
        let waiting = [PromptState::Pending, PromptState::Held, PromptState::Failed];
        self.change(id, move |db| outbox::advance(db, id, &waiting, PromptState::Cancelled, None)).await
    }

    /// Swaps a queued prompt with the one before it.
    pub async fn move_prompt_up(&self, id: PromptId) -> Result<(), Refusal> {
        self.change(id, move |db| outbox::move_up(db, id)).await
    }

    /// Releases a held or failed prompt: it is sent once, in its turn.
    pub async fn release_prompt(&self, id: PromptId) -> Result<(), Refusal> {
        let run = self.run_of(id).await?;
        let handle = self.inner.ensure_run(&run).await?;
        let from = [PromptState::Held, PromptState::Failed];
        self.change(id, move |db| outbox::release(db, id, &from, None)).await?;
        handle.send(RunCommand::ResumeQueue);
        Ok(())
    }

    async fn run_of(&self, id: PromptId) -> Result<RunId, Refusal> {
        let prompt = self.inner.store.with(move |db| outbox::find(db, id)).await.map_err(Refusal::NotSaved)?;
        prompt.map(|prompt| prompt.run).ok_or_else(|| unchanged(None))
    }

    /// Changes a prompt and publishes the new queue.
    async fn change(
        &self,
        id: PromptId,
        work: impl FnOnce(&mut Connection) -> store::Result<bool> + Send + 'static,
    ) -> Result<(), Refusal> {
        let run = self.run_of(id).await?;
        let changed = self.inner.store.with(move |db| {
            let changed = work(db)?;
            Ok((changed, outbox::find(db, id)?.map(|prompt| prompt.state)))
        });
        let (changed, state) = changed.await.map_err(Refusal::NotSaved)?;
        if self.inner.send(&run, RunCommand::QueueChanged).is_err() {
            self.publish_queue(run).await?;
        }
        if changed { Ok(()) } else { Err(unchanged(state)) }
    }
}

impl Live {
    /// Publishes the queue of a run that this process does not have.
    async fn publish_queue(&self, run: RunId) -> Result<(), Refusal> {
        if !self.inner.publish_leftover(&run).await {
            let queue = self.queue(&run).await?;
            self.inner.events.send(LiveEvent::Queued(run, queue));
        }
        Ok(())
    }
}

/// Refusal to change a prompt that is in a state.
fn unchanged(state: Option<PromptState>) -> Refusal {
    let Some(state) = state else { return refused("the prompt is no longer in a queue") };
    let waits = matches!(state, PromptState::Pending | PromptState::Held | PromptState::Failed);
    let result = if waits { "it was not changed" } else { "it can no longer be changed" };
    refused(&format!("the prompt {}; {result}", state.predicate()))
}
