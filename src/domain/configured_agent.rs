//! Agents that the user defines in the configuration: their names and command lines. Starts nothing.
//!
//! A name is interned, so that [`Agent`](super::Agent) stays a small value. The table of names is the only state that
//! all of salon shares; an entry is never removed, and a later definition of a name replaces the earlier one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

/// Maximum length of a name, because it is a column of lists and part of file names.
const MAX_NAME: usize = 32;

/// Each known agent by its name.
static KNOWN: RwLock<BTreeMap<&'static str, &'static KnownAgent>> = RwLock::new(BTreeMap::new());

/// Name of an agent from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfiguredAgent(&'static str);

/// Protocol that a configured agent speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentProtocol {
    /// Agent client protocol.
    #[default]
    Acp,
    /// pi's own protocol.
    PiRpc,
}

/// Definition of an agent in the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AgentDefinition {
    /// Name for the user; the agent's name if empty.
    pub label: String,
    /// Protocol that the program speaks.
    pub protocol: AgentProtocol,
    /// Program and arguments that start the protocol. Empty if the configuration does not define the agent, of which salon
    /// has sessions.
    pub command: Vec<String>,
    /// Environment variables of the program.
    pub env: Vec<(String, String)>,
    /// Directory in which the program starts; `None` for the session's.
    pub cwd: Option<PathBuf>,
}

/// An agent that needs no configuration if its program is installed.
#[derive(Clone, Copy, Debug)]
pub struct AgentPreset {
    /// Name on the command line.
    pub name: &'static str,
    /// Name for the user.
    pub label: &'static str,
    /// Protocol that the program speaks.
    pub protocol: AgentProtocol,
    /// Program and arguments that start the protocol.
    pub command: &'static [&'static str],
}

/// Agents that need no configuration.
pub const PRESETS: [AgentPreset; 3] = [
    AgentPreset { name: "pi", label: "pi", protocol: AgentProtocol::PiRpc, command: &["pi", "--mode", "rpc"] },
    AgentPreset { name: "copilot", label: "Copilot CLI", protocol: AgentProtocol::Acp, command: &["copilot", "--acp"] },
    AgentPreset { name: "kimi", label: "Kimi Code", protocol: AgentProtocol::Acp, command: &["kimi", "acp"] },
];

impl AgentPreset {
    /// Definition as if the configuration contained it.
    pub fn definition(&self) -> AgentDefinition {
        AgentDefinition {
            label: self.label.to_owned(),
            protocol: self.protocol,
            command: self.command.iter().map(|&word| word.to_owned()).collect(),
            ..AgentDefinition::default()
        }
    }
}

/// A configured agent with its definition.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownAgent {
    /// The agent.
    pub agent: ConfiguredAgent,
    /// Its current definition.
    pub definition: AgentDefinition,
}

impl KnownAgent {
    /// Name for the user.
    pub fn label(&self) -> &str {
        if self.definition.label.is_empty() { self.agent.0 } else { &self.definition.label }
    }
}

impl KnownAgent {
    /// Name of its program without the directory.
    pub fn program_name(&self) -> &str {
        let program = self.definition.command.first().map_or("", String::as_str);
        program.rsplit('/').next().unwrap_or(program)
    }
}

impl std::fmt::Debug for AgentDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variables may contain API keys.
        let variables: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("AgentDefinition")
            .field("command", &self.command)
            .field("env", &variables)
            .finish_non_exhaustive()
    }
}

impl ConfiguredAgent {
    /// Defines an agent. Returns `None` if the name is not valid: lower-case letters, digits, `-` and `_`.
    pub fn define(name: &str, definition: AgentDefinition) -> Option<Self> {
        is_valid(name).then(|| Self::insert(name, definition))
    }

    /// Returns the agent of a stored name, which the configuration need not define any more; `None` if the name is not
    /// valid.
    pub fn recorded(name: &str) -> Option<Self> {
        Self::known(name).or_else(|| Self::define(name, AgentDefinition::default()))
    }

    /// Returns the agent with this name, ignoring case, if it is known.
    pub fn known(name: &str) -> Option<Self> {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        known.keys().find(|known| known.eq_ignore_ascii_case(name)).map(|name| Self(name))
    }

    /// Defines the agents of [`PRESETS`] that the configuration does not define, as far as `is_installed` finds their
    /// programs.
    pub fn define_presets(is_installed: impl Fn(&str) -> bool) {
        for preset in &PRESETS {
            let is_defined = Self::known(preset.name)
                .and_then(Self::known_agent)
                .is_some_and(|known| !known.definition.command.is_empty());
            if !is_defined && preset.command.first().is_some_and(|program| is_installed(program)) {
                Self::insert(preset.name, preset.definition());
            }
        }
    }

    /// Returns the agents that the configuration defines, by name.
    pub fn defined() -> Vec<Self> {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter(|known| !known.definition.command.is_empty()).map(|known| known.agent).collect()
    }

    /// Name on the command line, in the configuration and in JSON.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Name for the user.
    pub fn label(self) -> &'static str {
        self.known_agent().map_or(self.0, KnownAgent::label)
    }

    /// Program that is started; the agent's name if the configuration does not define it.
    pub fn program(self) -> &'static str {
        self.known_agent().and_then(|known| known.definition.command.first()).map_or(self.0, String::as_str)
    }

    /// The agent with its current definition.
    pub fn known_agent(self) -> Option<&'static KnownAgent> {
        KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(self.0).copied()
    }

    fn insert(name: &str, definition: AgentDefinition) -> Self {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let interned = known.get_key_value(name).map(|(name, _)| *name);
        let agent = Self(interned.unwrap_or_else(|| Box::leak(name.to_owned().into_boxed_str())));
        if known.get(agent.0).is_none_or(|present| present.definition != definition) {
            known.insert(agent.0, Box::leak(Box::new(KnownAgent { agent, definition })));
        }
        agent
    }
}

/// Returns true if a name is short and has no characters with a meaning in paths, queries and ids.
fn is_valid(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= MAX_NAME && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(program: &str) -> AgentDefinition {
        AgentDefinition { command: vec![program.to_owned()], ..AgentDefinition::default() }
    }

    #[test]
    fn a_later_definition_replaces_the_earlier_one_of_the_same_agent() {
        let first = ConfiguredAgent::define("unit-defined", definition("a")).expect("a valid name");
        let second = ConfiguredAgent::define("unit-defined", definition("b")).expect("a valid name");
        assert_eq!((first, first.program()), (second, "b"));
        assert!(ConfiguredAgent::defined().contains(&first));
    }

    #[test]
    fn a_stored_name_is_known_and_not_defined() {
        let agent = ConfiguredAgent::recorded("unit-recorded").expect("a valid name");
        assert_eq!((agent.label(), ConfiguredAgent::known("UNIT-recorded")), ("unit-recorded", Some(agent)));
        assert!(!ConfiguredAgent::defined().contains(&agent));
        assert_eq!(ConfiguredAgent::recorded("../other"), None);
    }
}
