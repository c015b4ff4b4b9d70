//! What the agent offers: asked for at the start, told again when it changes.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::domain::run::Offers;

/// From least to most; the agent lists them per model.
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// Permission modes, in the order in which a person would want them.
const MODES: [&str; 6] = ["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"];

/// The answer to `initialize`.
pub fn offers(told: &Value) -> Offers {
    let models = told["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    let levels = |model: &Value| model["supportedEffortLevels"].as_array().cloned().unwrap_or_default();
    let levels: BTreeSet<String> =
        models.iter().flat_map(levels).filter_map(|level| level.as_str().map(str::to_owned)).collect();
    let auto = models.iter().any(|model| model["supportsAutoMode"] == true);
    let known = EFFORTS.iter().filter(|effort| levels.contains(**effort)).map(|effort| (*effort).to_owned());
    let new = levels.iter().filter(|level| !EFFORTS.contains(&level.as_str())).cloned();
    Offers {
        models: models.iter().map(|model| (word(model, "value"), word(model, "displayName"))).collect(),
        modes: MODES.iter().filter(|mode| auto || **mode != "auto").map(|mode| (*mode).to_owned()).collect(),
        efforts: known.chain(new).collect(),
        commands: commands(&told["commands"]),
        version: told["claude_code_version"].as_str().map(str::to_owned),
    }
}

/// Slash commands with what they do.
pub fn commands(told: &Value) -> Vec<(String, String)> {
    let list = told.as_array().into_iter().flatten();
    list.map(|command| (word(command, "name"), word(command, "description"))).collect()
}

/// All names by which a slash command may be called.
pub fn names(told: &Value) -> HashSet<String> {
    let list = told.as_array().into_iter().flatten();
    list.flat_map(|command| {
        let others = command["aliases"].as_array().into_iter().flatten();
        std::iter::once(&command["name"]).chain(others).filter_map(|name| name.as_str().map(str::to_owned))
    })
    .collect()
}

/// Whether a version keeps the number of an answer's block, so that what streams is known again on disk.
pub fn numbers_blocks(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= (2, 1),
        _ => true,
    }
}

fn word(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
