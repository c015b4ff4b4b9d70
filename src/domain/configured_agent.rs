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

/// Definition of an agent in the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AgentDefinition {
    /// Name for the user; the agent's name if empty.
    pub label: String,
    /// Program and arguments that start the agent client protocol. Empty if the configuration does not define the agent,
    /// of which salon has sessions.
    pub acp: Vec<String>,
    /// Environment variables of the program.
    pub env: Vec<(String, String)>,
    /// Directory in which the program starts; `None` for the session's.
    pub cwd: Option<PathBuf>,
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

impl std::fmt::Debug for AgentDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variables may contain API keys.
        let variables: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("AgentDefinition").field("acp", &self.acp).field("env", &variables).finish_non_exhaustive()
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

    /// Returns the agents that the configuration defines, by name.
    pub fn defined() -> Vec<Self> {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter(|known| !known.definition.acp.is_empty()).map(|known| known.agent).collect()
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
        self.known_agent().and_then(|known| known.definition.acp.first()).map_or(self.0, String::as_str)
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
        AgentDefinition { acp: vec![program.to_owned()], ..AgentDefinition::default() }
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
