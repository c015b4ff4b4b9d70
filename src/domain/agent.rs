//! Supported agents and their names.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::configured_agent::ConfiguredAgent;

/// A coding agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// An agent that the user defined; it speaks the agent client protocol.
    Configured(ConfiguredAgent),
}

impl Agent {
    /// Every agent that salon knows without a configuration, in display order.
    pub const ALL: [Self; 6] = [Self::Claude, Self::OpenCode, Self::Codex, Self::Gemini, Self::Qwen, Self::Goose];

    /// Every agent, with those that the configuration defines.
    pub fn all() -> Vec<Self> {
        Self::ALL.into_iter().chain(ConfiguredAgent::defined().into_iter().map(Self::Configured)).collect()
    }

    /// Name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::OpenCode => "opencode",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Qwen => "qwen",
            Self::Goose => "goose",
            Self::Configured(agent) => agent.name(),
        }
    }

    /// Name or path of the agent's program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Configured(agent) => agent.program(),
            Self::Claude | Self::OpenCode | Self::Codex | Self::Gemini | Self::Qwen | Self::Goose => self.name(),
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
            Self::Configured(agent) => agent.label(),
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
            Self::Configured(agent) => agent.program(),
        }
    }

    /// Finds an agent by its [`name`](Self::name), ignoring case. Of configured agents, those are found that the
    /// configuration or a stored session has named.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|agent| agent.name().eq_ignore_ascii_case(name));
        found.or_else(|| ConfiguredAgent::known(name).map(Self::Configured))
    }

    /// Finds the agent of a stored session, which the configuration need not define any more.
    pub fn from_stored(name: &str) -> Option<Self> {
        Self::from_name(name).or_else(|| ConfiguredAgent::recorded(name).map(Self::Configured))
    }
}

impl std::fmt::Display for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Agent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Agent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_stored(&name).ok_or_else(|| de::Error::custom(format!("unknown agent \"{name}\"")))
    }
}
