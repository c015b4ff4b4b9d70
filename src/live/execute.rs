//! Execution of the user's requests to runs.

use super::supervisor::Live;
use crate::domain::run::Refusal;
use crate::domain::run_request::RunRequest;

impl Live {
    /// Executes a request. A change of a queue is on disk on return; anything else was sent to the run.
    pub async fn execute(&self, request: RunRequest) -> Result<(), Refusal> {
        match request {
            RunRequest::Submit { run, text } => self.submit(&run, text).await.map(|_| ()),
            RunRequest::Steer { run, text } => self.steer(&run, text).await.map(|_| ()),
            RunRequest::Interrupt(run) => self.interrupt(&run),
            RunRequest::Stop(run) => self.stop(&run),
            RunRequest::StopTask(run, task) => self.stop_task(&run, &task),
            RunRequest::Answer { run, id, answer } => self.answer(&run, &id, answer),
            RunRequest::Set(run, setting) => self.set(&run, setting),
            RunRequest::ContinueAtReset(run) => self.continue_at_reset(&run),
            RunRequest::ResumeQueue(run) => self.resume_queue(&run).await,
            RunRequest::EditPrompt(_, prompt, text) => self.edit_prompt(prompt, text).await,
            RunRequest::CancelPrompt(_, prompt) => self.cancel_prompt(prompt).await,
            RunRequest::MovePromptUp(_, prompt) => self.move_prompt_up(prompt).await,
            RunRequest::ReleasePrompt(_, prompt) => self.release_prompt(prompt).await,
        }
    }
}
