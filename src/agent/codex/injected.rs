//! Texts that Codex writes in the user's name: context of a turn, instructions, results.

use crate::agent::jsonl::JsonStr;

/// Beginning of the record of a command that the user ran.
pub(super) const SHELL_COMMAND: &str = "<user_shell_command>";

/// Beginnings of texts that Codex wrote in the user's name.
const INJECTED: [&str; 14] = [
    "<environment_context>",
    "# AGENTS.md instructions",
    "<user_instructions>",
    "<permissions instructions>",
    "<skills_instructions>",
    "<skill>",
    "<turn_aborted>",
    "<subagent_notification>",
    SHELL_COMMAND,
    "<collaboration_mode>",
    "<INSTRUCTIONS>",
    "<recommended_plugins>",
    "<goal_context>",
    "<user_action>",
];

/// True for the record of a command that the user ran.
pub(super) fn is_shell_command(text: JsonStr<'_>) -> bool {
    text.0.starts_with(SHELL_COMMAND.as_bytes())
}

/// True if Codex wrote the message in the user's name.
pub(super) fn is_injected(text: JsonStr<'_>) -> bool {
    INJECTED.iter().any(|start| text.0.starts_with(start.as_bytes()))
}

/// True if Codex wrote the text in the user's name.
pub(super) fn is_injected_text(text: &str) -> bool {
    INJECTED.iter().any(|start| text.starts_with(start))
}
