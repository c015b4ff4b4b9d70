//! Prompts in the outbox: stored on disk from acceptance until delivery.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Time;
use super::run::RunId;

/// Id of a prompt; ascending in order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PromptId(pub i64);

/// Delivery state of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptState {
    /// Waits in the queue.
    Pending,
    /// Delivery to the agent has started, and its own record does not contain the prompt yet.
    Sending,
    /// The agent's own record contains it.
    Delivered,
    /// Waits until the user releases it.
    Held,
    /// Delivery failed; waits for a retry by the user.
    Failed,
    /// Cancelled by the user.
    Cancelled,
}

impl PromptState {
    /// Identifier on disk and in JSON.
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

    /// Finds a state by its [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Sending, Self::Delivered, Self::Held, Self::Failed, Self::Cancelled];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Predicate of a sentence about the prompt.
    pub fn predicate(self) -> &'static str {
        match self {
            Self::Pending => "waits to be sent",
            Self::Sending => "is being sent",
            Self::Delivered => "was delivered",
            Self::Held => "is held",
            Self::Failed => "failed",
            Self::Cancelled => "was cancelled",
        }
    }

    /// Returns true if the prompt counts towards the length of the queue.
    pub fn is_undelivered(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Held | Self::Failed)
    }
}

/// A prompt in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// Id of the prompt.
    pub id: PromptId,
    /// Run that receives the prompt.
    pub run: RunId,
    /// Text of the prompt.
    pub text: String,
    /// Delivery state.
    pub state: PromptState,
    /// Reason for being held or failed, for the user.
    pub reason: Option<String>,
    /// Time of submission.
    pub submitted: Time,
    /// Number of delivery attempts.
    pub attempts: u32,
    /// Time of the latest delivery attempt. The id under which the agent stores the prompt is derived from it.
    pub sent: Option<Time>,
    /// Earliest time of the delivery, if the prompt waits for one.
    pub not_before: Option<Time>,
    /// True if the prompt is delivered alone; the prompts after it wait for the end of its turn.
    pub barrier: bool,
}

/// Image that a prompt mentions as `@path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptImage {
    /// Absolute path of the file.
    pub path: PathBuf,
    /// Media type.
    pub media_type: &'static str,
    /// Content of the file.
    pub bytes: Arc<[u8]>,
}

/// Media types by the extension of a file.
const MEDIA_TYPES: [(&str, &str); 5] =
    [("png", "image/png"), ("jpg", "image/jpeg"), ("jpeg", "image/jpeg"), ("gif", "image/gif"), ("webp", "image/webp")];

/// Returns the paths of images that a text mentions as `@path` or `@"path with blanks"`, each once, with the media type
/// of each.
pub fn image_mentions(text: &str) -> Vec<(&str, &'static str)> {
    let mut found: Vec<(&str, &'static str)> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let begins =
            text[..at].chars().next_back().is_none_or(|before| before.is_whitespace() || "([\"'".contains(before));
        let rest = &text[at + 1..];
        let path = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split(['"', '\n']).next().unwrap_or_default(),
            None => rest
                .split(char::is_whitespace)
                .next()
                .unwrap_or_default()
                .trim_end_matches([',', '.', ')', ']', ':', ';', '?', '!']),
        };
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let media_type = MEDIA_TYPES.iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
        if let (true, Some((_, media_type))) = (begins, media_type)
            && !found.iter().any(|(known, _)| *known == path)
        {
            found.push((path, media_type));
        }
    }
    found
}

impl Prompt {
    /// Returns true if the prompt waits for a time that has not come.
    pub fn is_early(&self, now: Time) -> bool {
        self.not_before.is_some_and(|time| time > now)
    }

    /// Returns true if the text names a command, of which agents keep no record under the prompt's id.
    pub fn is_command(&self) -> bool {
        self.text.trim_start().starts_with('/')
    }
}

/// Returns true if a prompt ends a batch, because an agent's own command changes the meaning of the prompts after it.
pub fn is_barrier(text: &str) -> bool {
    let text = text.trim_start();
    ["/compact", "/clear", "/new", "/model", "/resume"].iter().any(|command| {
        text.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    })
}
