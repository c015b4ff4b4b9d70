//! OpenCode over the agent client protocol: the way to drive versions whose server has no interface that salon knows.

use super::action;
use crate::agent::acp::{AcpAgent, ReplayEnd};
use crate::domain::Agent;

/// OpenCode as an agent that speaks the client protocol.
pub(crate) static ACP: AcpAgent = AcpAgent {
    agent: Agent::OpenCode,
    args: &["acp"],
    login: "Run opencode auth login.",
    asking_mode: None,
    replay_end: ReplayEnd::Response,
    noise: None,
    error_text: None,
    named_ids: false,
    whole_thoughts: false,
    folder_rules: None,
    counts_session: false,
    action: |name, input| action::action(name, &serde_json::json!({ "input": input })),
};
