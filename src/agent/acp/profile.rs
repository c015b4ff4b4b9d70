//! Profile of an agent: how it is started, and its deviations from the protocol.

use serde_json::Value;

use crate::agent::folder_rules::FolderRules;
use crate::domain::Agent;
use crate::domain::transcript::ToolAction;

/// An agent that speaks the protocol, and its deviations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcpAgent {
    /// The agent.
    pub agent: Agent,
    /// Arguments that start the protocol.
    pub args: &'static [&'static str],
    /// Instruction how to log in.
    pub login: &'static str,
    /// Mode to set unless the user chose one, because the agent's default runs tools without asking.
    pub asking_mode: Option<&'static str>,
    /// End of the replay of a loaded session.
    pub replay_end: ReplayEnd,
    /// Beginning of the texts that the agent writes about itself, which are no part of the answer.
    pub noise: Option<&'static str>,
    /// Beginning of the texts by which the agent reports that a turn failed.
    pub error_text: Option<&'static str>,
    /// True if the id of a call begins with the name of its tool and two underscores.
    pub named_ids: bool,
    /// True if each thought arrives as a whole.
    pub whole_thoughts: bool,
    /// True if the usage in the response to a prompt is that of the whole session.
    pub counts_session: bool,
    /// Trust in folders; `None` if the agent has no such model.
    pub folder_rules: Option<FolderRules>,
    /// Operation of a tool, by its name and input.
    pub action: fn(&str, &Value) -> ToolAction,
}

/// End of the replay of a loaded session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayEnd {
    /// The response to the request, as the protocol says.
    Response,
    /// The list of commands that follows the response.
    Commands,
}
