//! Supported agents and their names.

use serde::{Deserialize, Serialize};

/// A coding agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agent {
    /// Claude Code.
    Claude,
    /// OpenCode.
    OpenCode,
    /// Codex CLI.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Qwen Code.
    Qwen,
    /// goose.
    Goose,
}

impl Agent {
    /// Every agent, in display order.
    pub const ALL: [Self; 6] = [Self::Claude, Self::OpenCode, Self::Codex, Self::Gemini, Self::Qwen, Self::Goose];

    /// Name on the command line and in JSON; also the name of the agent's program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::OpenCode => "opencode",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Qwen => "qwen",
            Self::Goose => "goose",
        }
    }

    /// Product name as its vendor writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Claude => "Claude Code",
            Self::OpenCode => "OpenCode",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Qwen => "Qwen Code",
            Self::Goose => "goose",
        }
    }

    /// Command with which the user logs in.
    pub fn login_command(self) -> &'static str {
        match self {
            Self::Claude => "claude /login",
            Self::OpenCode => "opencode auth login",
            Self::Codex => "codex login",
            Self::Gemini => "gemini",
            Self::Qwen => "qwen",
            Self::Goose => "goose configure",
        }
    }

    /// Finds an agent by its [`name`](Self::name), ignoring case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agent| agent.name().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
