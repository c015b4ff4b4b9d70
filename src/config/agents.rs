//! The table `agents` of the configuration: command lines of agents that speak the agent client protocol.

use std::path::PathBuf;

use toml::{Table, Value};

use super::problem::ConfigProblem;
use crate::domain::Agent;
use crate::domain::configured_agent::{AgentDefinition, AgentProtocol, ConfiguredAgent};

/// Defines an agent. Returns the reason why it cannot be used.
pub(super) fn define(name: &str, value: &Value, problems: &mut Vec<ConfigProblem>) -> Result<Agent, String> {
    if Agent::ALL.iter().any(|agent| agent.name().eq_ignore_ascii_case(name)) {
        return Err("the name of an agent that salon knows; choose another one".to_owned());
    }
    let table = value.as_table().ok_or("must be a table such as { acp = [\"program\", \"--acp\"] }")?;
    let mut definition = AgentDefinition::default();
    for (key, value) in table {
        if let Err(message) = apply(&mut definition, key, value) {
            problems.push(ConfigProblem::new(format!("agents.{name}.{key}"), message));
        }
    }
    if definition.command.first().is_none_or(String::is_empty) {
        return Err("needs acp, the command line that starts the protocol, such as [\"program\", \"--acp\"]".to_owned());
    }
    let agent = ConfiguredAgent::define(name, definition);
    agent.map(Agent::Configured).ok_or_else(|| "a name has lower-case letters, digits, - and _ only".to_owned())
}

fn apply(definition: &mut AgentDefinition, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "acp" => definition.command = command_line(value)?,
        "pi_rpc" => {
            definition.protocol = AgentProtocol::PiRpc;
            definition.command = command_line(value)?;
        }
        "name" => text(value)?.clone_into(&mut definition.label),
        "env" => definition.env = variables(value.as_table().ok_or("must be a table of variables")?)?,
        "cwd" => definition.cwd = Some(PathBuf::from(text(value)?)),
        _ => return Err("unknown setting of an agent, ignored".to_owned()),
    }
    Ok(())
}

fn command_line(value: &Value) -> Result<Vec<String>, String> {
    let words = value.as_array().ok_or("must be a list of words, because no shell splits it")?;
    words.iter().map(|word| text(word).map(str::to_owned)).collect()
}

fn variables(table: &Table) -> Result<Vec<(String, String)>, String> {
    // The value may be a key without its quotes.
    let text = |name: &str, value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("{name} must be in quotes"))
    };
    table.iter().map(|(name, value)| Ok((name.clone(), text(name, value)?))).collect()
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not a string"))
}
