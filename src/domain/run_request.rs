//! Requests of the user to a run, which the interface sends and `live` executes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::approval::ApprovalAnswer;
use super::prompt::PromptId;
use super::run::{RunId, RunSetting};

/// Request to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunRequest {
    /// Queue a prompt; the run starts if necessary.
    Submit {
        /// The run.
        run: RunId,
        /// The prompt.
        text: String,
    },
    /// Send a prompt into the open turn. Without one it is queued.
    Steer {
        /// The run.
        run: RunId,
        /// The prompt.
        text: String,
    },
    /// Interrupt the turn; repeated, stop the process.
    Interrupt(RunId),
    /// Stop the process.
    Stop(RunId),
    /// Stop a background task, by the agent's id.
    StopTask(RunId, Arc<str>),
    /// Answer an approval.
    Answer {
        /// The run.
        run: RunId,
        /// The approval.
        id: Arc<str>,
        /// The answer.
        answer: ApprovalAnswer,
    },
    /// Change the model, mode or effort.
    Set(RunId, RunSetting),
    /// Resume a paused queue.
    ResumeQueue(RunId),
    /// Continue the turn that a rate limit ended, once the limit is over.
    ContinueAtReset(RunId),
    /// Change the text of a queued prompt.
    EditPrompt(RunId, PromptId, String),
    /// Cancel a queued prompt.
    CancelPrompt(RunId, PromptId),
    /// Move a queued prompt before the one before it.
    MovePromptUp(RunId, PromptId),
    /// Release a held or failed prompt.
    ReleasePrompt(RunId, PromptId),
}

impl RunRequest {
    /// Returns the run.
    pub fn run(&self) -> &RunId {
        match self {
            Self::Submit { run, .. } | Self::Steer { run, .. } | Self::Answer { run, .. } => run,
            Self::Interrupt(run)
            | Self::Stop(run)
            | Self::StopTask(run, _)
            | Self::Set(run, _)
            | Self::ResumeQueue(run)
            | Self::ContinueAtReset(run)
            | Self::EditPrompt(run, ..)
            | Self::CancelPrompt(run, _)
            | Self::MovePromptUp(run, _)
            | Self::ReleasePrompt(run, _) => run,
        }
    }

    /// Returns the text that the user wrote, which returns to the composer if the request is refused.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Submit { text, .. } | Self::Steer { text, .. } | Self::EditPrompt(.., text) => Some(text),
            Self::Interrupt(_)
            | Self::Stop(_)
            | Self::StopTask(..)
            | Self::Answer { .. }
            | Self::Set(..)
            | Self::ResumeQueue(_)
            | Self::ContinueAtReset(_)
            | Self::CancelPrompt(..)
            | Self::MovePromptUp(..)
            | Self::ReleasePrompt(..) => None,
        }
    }

    /// Returns the same request to a run.
    #[must_use]
    pub fn with_run(mut self, id: RunId) -> Self {
        match &mut self {
            Self::Submit { run, .. } | Self::Steer { run, .. } | Self::Answer { run, .. } => *run = id,
            Self::Interrupt(run)
            | Self::Stop(run)
            | Self::StopTask(run, _)
            | Self::Set(run, _)
            | Self::ResumeQueue(run)
            | Self::ContinueAtReset(run)
            | Self::EditPrompt(run, ..)
            | Self::CancelPrompt(run, _)
            | Self::MovePromptUp(run, _)
            | Self::ReleasePrompt(run, _) => *run = id,
        }
        self
    }

    /// Returns true if the request changes a queue on disk. Such requests are executed one by one, in the user's order.
    pub fn changes_queue(&self) -> bool {
        match self {
            Self::Submit { .. }
            | Self::Steer { .. }
            | Self::EditPrompt(..)
            | Self::CancelPrompt(..)
            | Self::MovePromptUp(..)
            | Self::ReleasePrompt(..)
            | Self::ContinueAtReset(_)
            | Self::ResumeQueue(_) => true,
            Self::Interrupt(_) | Self::Stop(_) | Self::StopTask(..) | Self::Answer { .. } | Self::Set(..) => false,
        }
    }
}
