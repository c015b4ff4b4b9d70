//! Deviations of Gemini CLI (0.61.0) from the agent client protocol.
//!
//! Gemini mentions a call first in its request for permission, and reports nothing of a call that was denied.

use super::tools;
use crate::agent::acp::{AcpAgent, ReplayEnd};
use crate::agent::folder_rules::FolderRules;
use crate::domain::Agent;

/// Trust in folders.
const RULES: FolderRules = FolderRules {
    home: ("GEMINI_CLI_HOME", ".gemini"),
    folder: ".gemini",
    file: "GEMINI_CLI_TRUSTED_FOLDERS_PATH",
    overridden_by: Some("GEMINI_CLI_TRUST_WORKSPACE"),
    is_default: true,
    program: "gemini",
};

/// Gemini CLI as an agent that salon runs.
pub(crate) static ACP: AcpAgent = AcpAgent {
    agent: Agent::Gemini,
    args: &["--acp"],
    login: "Run gemini once to log in, or set GEMINI_API_KEY.",
    asking_mode: None,
    replay_end: ReplayEnd::Commands,
    noise: Some("[MODE_UPDATE] "),
    error_text: None,
    named_ids: true,
    whole_thoughts: true,
    folder_rules: Some(RULES),
    counts_session: false,
    action: tools::action,
};
