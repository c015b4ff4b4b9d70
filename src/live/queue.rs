//! The prompts of the runs, as the user handles them: accepted only once they are on disk, changed until they are sent.

use super::options::Event;
use super::run::Order;
use super::supervisor::{Live, refused};
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Refusal, RunId};
use crate::store::{self, Connection, outbox};

impl Live {
    /// Accepts a prompt at the end of a run's queue. When this returns, it is on disk; where it is refused, nothing is
    /// kept of it. A run that has no process is given one, that resumes its session.
    pub async fn submit(&self, run: &RunId, text: String) -> Result<PromptId, Refusal> {
        let handle = self.inner.awake(run).await?;
        let id = self.inner.post.enqueue(run, text).await.map_err(Refusal::NotKept)?;
        // A run that ended at this moment leaves it on disk, to be held at the next start.
        handle.order(Order::Submitted);
        Ok(id)
    }

    /// What waits for a run, in the order of delivery.
    pub async fn queue(&self, run: &RunId) -> Result<Vec<Prompt>, Refusal> {
        self.inner.post.queue(run).await.map_err(Refusal::NotKept)
    }

    /// What waits for all runs: failed, held, being sent, pending; each in the order of submission.
    pub async fn all_queued(&self) -> Result<Vec<Prompt>, Refusal> {
        self.inner.post.with(|db| outbox::all_queued(db)).await.map_err(Refusal::NotKept)
    }

    /// Changes the text of a prompt that waits.
    pub async fn edit_prompt(&self, id: PromptId, text: String) -> Result<(), Refusal> {
        self.change(id, move |db| outbox::edit(db, id, &text)).await
    }

    /// Takes a prompt back that waits.
    pub async fn cancel_prompt(&self, id: PromptId) -> Result<(), Refusal> {
        let waiting = [PromptState::Pending, PromptState::Held, PromptState::Failed];
        self.change(id, move |db| outbox::advance(db, id, &waiting, PromptState::Cancelled, None)).await
    }

    /// Puts a prompt that waits before the one before it.
    pub async fn move_prompt_up(&self, id: PromptId) -> Result<(), Refusal> {
        self.change(id, move |db| outbox::move_up(db, id)).await
    }

    /// Lets a prompt go that is held or failed: it is sent once, when its turn comes.
    pub async fn release_prompt(&self, id: PromptId) -> Result<(), Refusal> {
        let run = self.run_of(id).await?;
        let handle = self.inner.awake(&run).await?;
        let from = [PromptState::Held, PromptState::Failed];
        self.change(id, move |db| outbox::release(db, id, &from)).await?;
        handle.order(Order::GoOn);
        Ok(())
    }

    async fn run_of(&self, id: PromptId) -> Result<RunId, Refusal> {
        let prompt = self.inner.post.with(move |db| outbox::find(db, id)).await.map_err(Refusal::NotKept)?;
        prompt.map(|prompt| prompt.run).ok_or_else(too_late)
    }

    /// Changes a prompt, and tells everybody what the queue is now.
    async fn change(
        &self,
        id: PromptId,
        work: impl FnOnce(&mut Connection) -> store::Result<bool> + Send + 'static,
    ) -> Result<(), Refusal> {
        let run = self.run_of(id).await?;
        let changed = self.inner.post.with(work).await.map_err(Refusal::NotKept)?;
        if self.inner.order(&run, Order::Wake).is_err() {
            let queue = self.queue(&run).await?;
            self.inner.told.event(Event::Queued(run, queue));
        }
        if changed { Ok(()) } else { Err(too_late()) }
    }
}

fn too_late() -> Refusal {
    refused("the prompt is being sent or was sent already: it cannot be changed any more")
}
