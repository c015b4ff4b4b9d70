//! A prompt on its way to an agent: kept on disk from the moment it is accepted until the agent has it.

use super::Time;
use super::run::RunId;

/// Names a prompt; rises in the order in which prompts were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(pub i64);

/// How far a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PromptState {
    /// Waits for its turn.
    Pending,
    /// Being given to the agent.
    Sending,
    /// The agent has it.
    Delivered,
    /// Kept back until the user releases it.
    Held,
    /// Could not be delivered; kept for a retry by key.
    Failed,
    /// Taken back by the user.
    Cancelled,
}

impl PromptState {
    /// The word used on disk and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Sending, Self::Delivered, Self::Held, Self::Failed, Self::Cancelled];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Still on its way: counts into the depth of a queue.
    pub fn is_undelivered(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Held | Self::Failed)
    }
}

/// A prompt in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Its id.
    pub id: PromptId,
    /// The run it is for.
    pub run: RunId,
    /// The text.
    pub text: String,
    /// How far it is.
    pub state: PromptState,
    /// Why it is held or failed, in words.
    pub reason: Option<String>,
    /// When the user submitted it.
    pub submitted: Time,
    /// How often it was tried.
    pub attempts: u32,
    /// It is delivered alone; what comes after it waits for the end of its turn.
    pub barrier: bool,
}

/// Whether a prompt ends a batch: the agent's own commands change what the following prompts mean.
pub fn is_barrier(text: &str) -> bool {
    let text = text.trim_start();
    ["/compact", "/clear", "/new", "/model", "/resume"].iter().any(|command| {
        text.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    })
}
