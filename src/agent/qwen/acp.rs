//! Deviations of Qwen Code (0.24.4) from the agent client protocol.

use super::decode;
use crate::agent::acp::{AcpAgent, ReplayEnd};
use crate::agent::folder_rules::FolderRules;
use crate::domain::Agent;

/// Trust in folders.
const RULES: FolderRules = FolderRules {
    home: ("QWEN_HOME", ""),
    folder: ".qwen",
    file: "QWEN_CODE_TRUSTED_FOLDERS_PATH",
    overridden_by: None,
    is_default: false,
    program: "qwen",
};

/// Qwen Code as an agent that salon runs.
pub(crate) static ACP: AcpAgent = AcpAgent {
    agent: Agent::Qwen,
    args: &["--acp"],
    login: "Run qwen once to log in, or set OPENAI_API_KEY.",
    // Its own default lets a model decide what needs no permission.
    asking_mode: Some("default"),
    replay_end: ReplayEnd::Response,
    noise: None,
    error_text: None,
    named_ids: false,
    whole_thoughts: false,
    folder_rules: Some(RULES),
    counts_session: false,
    action: decode::action,
};
