//! State of a session from the handshake until prompts are accepted.

use std::collections::VecDeque;

use crate::agent::protocol::RunSetting;

/// State of the session before it is ready.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct AcpSessionState {
    pub stage: OpeningStage,
    /// Settings to send before the first prompt.
    pub first_settings: VecDeque<RunSetting>,
    /// True if a new process can open the session again.
    pub resumes: bool,
    /// True if the agent replays the conversation when it loads the session.
    pub loads: bool,
    /// True if the replay is the only record of the conversation.
    pub keeps_replay: bool,
    /// True if the agent lists its sessions.
    pub lists: bool,
    /// True if the agent can close a session.
    pub closes: bool,
    /// Pages of the list that were received.
    pub pages: u32,
    /// True if the session's id was reported. A new session has a record only from its first turn on.
    pub announced: bool,
}

/// Stage of opening a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OpeningStage {
    /// The session is not open.
    #[default]
    Opening,
    /// The session is open, and its history is being replayed.
    Replaying,
    /// The user's settings are being sent.
    Configuring,
    /// Prompts are accepted.
    Ready,
}

impl AcpSessionState {
    /// True while the agent replays history.
    pub(super) fn is_replaying(&self) -> bool {
        match self.stage {
            OpeningStage::Opening | OpeningStage::Replaying => true,
            OpeningStage::Configuring | OpeningStage::Ready => false,
        }
    }

    /// True while the agent replays history that is known from its record.
    pub(super) fn is_replaying_known(&self) -> bool {
        self.is_replaying() && !self.keeps_replay
    }
}
