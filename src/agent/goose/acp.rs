//! Deviations of goose (1.34.0) from the agent client protocol.
//!
//! goose ends interrupted and failed turns like completed ones, and lives on after its stdin was closed.

use super::action;
use crate::agent::acp::{AcpAgent, ReplayEnd};
use crate::domain::Agent;

/// goose as an agent that salon runs.
pub(crate) static ACP: AcpAgent = AcpAgent {
    agent: Agent::Goose,
    args: &["acp"],
    login: "Run goose configure.",
    // Its own default runs every tool without asking.
    asking_mode: Some("approve"),
    replay_end: ReplayEnd::Response,
    noise: None,
    error_text: Some("Ran into this error"),
    named_ids: false,
    whole_thoughts: false,
    folder_rules: None,
    counts_session: false,
    action: |name, input| action::action(name, input, None),
};
