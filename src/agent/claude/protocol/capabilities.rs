//! The agent's models, modes, efforts and commands: requested at the start, and sent again when they change.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::domain::run::Capabilities;

/// Efforts from lowest to highest, because the agent lists them per model and unordered.
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// Permission modes, in the order in which they are shown.
const MODES: [&str; 6] = ["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"];

/// Names of models that every version accepts. The agent maps each to its newest model.
const MODELS: [(&str, &str); 4] = [("default", "Default"), ("opus", "Opus"), ("sonnet", "Sonnet"), ("haiku", "Haiku")];

/// Capabilities of all known versions, for the time before the first run.
pub(super) fn known() -> Capabilities {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Capabilities {
        models: MODELS.iter().map(|(name, label)| ((*name).to_owned(), (*label).to_owned())).collect(),
        modes: owned(&MODES),
        efforts: owned(&EFFORTS),
        ..Capabilities::default()
    }
}

/// Parses the response to `initialize`.
pub(super) fn parse(response: &Value) -> Capabilities {
    let models = response["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    let levels = |model: &Value| model["supportedEffortLevels"].as_array().cloned().unwrap_or_default();
    let levels: BTreeSet<String> =
        models.iter().flat_map(levels).filter_map(|level| level.as_str().map(str::to_owned)).collect();
    let auto = models.iter().any(|model| model["supportsAutoMode"] == true);
    let known = EFFORTS.iter().filter(|effort| levels.contains(**effort)).map(|effort| (*effort).to_owned());
    let new = levels.iter().filter(|level| !EFFORTS.contains(&level.as_str())).cloned();
    Capabilities {
        models: models.iter().map(|model| (text(model, "value"), text(model, "displayName"))).collect(),
        modes: MODES.iter().filter(|mode| auto || **mode != "auto").map(|mode| (*mode).to_owned()).collect(),
        efforts: known.chain(new).collect(),
        commands: commands(&response["commands"]),
        version: response["claude_code_version"].as_str().map(str::to_owned),
        ..Capabilities::default()
    }
}

/// Parses slash commands and their descriptions.
pub(super) fn commands(commands: &Value) -> Vec<(String, String)> {
    let list = commands.as_array().into_iter().flatten();
    list.map(|command| (text(command, "name"), text(command, "description"))).collect()
}

/// Parses all names and aliases of slash commands.
pub(super) fn command_names(commands: &Value) -> HashSet<String> {
    let list = commands.as_array().into_iter().flatten();
    list.flat_map(|command| {
        let others = command["aliases"].as_array().into_iter().flatten();
        std::iter::once(&command["name"]).chain(others).filter_map(|name| name.as_str().map(str::to_owned))
    })
    .collect()
}

/// True if a version stores the block numbers of answers, so that streamed blocks have the same keys as those on disk.
pub(super) fn stores_block_numbers(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= (2, 1),
        _ => true,
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
