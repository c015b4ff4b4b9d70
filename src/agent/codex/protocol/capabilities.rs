//! Capabilities of Codex: models, the efforts of the model in use, modes and commands.

use serde_json::Value;

use super::modes::CodexMode;
use crate::domain::run::Capabilities;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Model {
    name: String,
    label: String,
    efforts: Vec<String>,
}

/// Models and version, as far as the agent has reported them.
#[derive(Clone, Debug, Default)]
pub(super) struct CodexCapabilities {
    models: Vec<Model>,
    version: Option<String>,
}

/// Efforts that the known versions accept.
const EFFORTS: [&str; 5] = ["minimal", "low", "medium", "high", "xhigh"];

/// Capabilities of all known versions, for the time before the first run. The models depend on the account.
pub(super) fn known() -> Capabilities {
    let efforts = EFFORTS.map(str::to_owned).to_vec();
    Capabilities { efforts, models: Vec::new(), version: None, ..CodexCapabilities::default().current(None) }
}

impl CodexCapabilities {
    /// Reads the version from the handshake's user agent: `salon/0.169.0 (Debian …) …`.
    pub(super) fn set_version(&mut self, agent: &Value) {
        let version = agent.as_str().and_then(|agent| agent.split('/').nth(1)?.split(' ').next());
        self.version = version.map(str::to_owned);
    }

    /// Adds a page of `model/list`; returns the cursor of the next page.
    pub(super) fn add_models(&mut self, page: &Value) -> Option<String> {
        let listed = page["data"].as_array().into_iter().flatten().filter(|model| model["hidden"] != true);
        self.models.extend(listed.filter_map(|model| {
            let name = model["model"].as_str().or_else(|| model["id"].as_str())?.to_owned();
            let label = model["displayName"].as_str().unwrap_or(&name).to_owned();
            let efforts = model["supportedReasoningEfforts"].as_array().into_iter().flatten();
            let efforts = efforts.filter_map(|effort| effort["reasoningEffort"].as_str().map(str::to_owned)).collect();
            Some(Model { name, label, efforts })
        }));
        page["nextCursor"].as_str().map(str::to_owned)
    }

    /// Capabilities while `model` is in use. For an unlisted model, the efforts of all models.
    pub(super) fn current(&self, model: Option<&str>) -> Capabilities {
        let mut efforts: Vec<String> = Vec::new();
        let selected = self.models.iter().find(|known| model == Some(known.name.as_str()));
        for effort in selected.map_or(&self.models[..], std::slice::from_ref).iter().flat_map(|model| &model.efforts) {
            if !efforts.contains(effort) {
                efforts.push(effort.clone());
            }
        }
        let command = |name: &str, description: &str| (name.to_owned(), description.to_owned());
        Capabilities {
            models: self.models.iter().map(|model| (model.name.clone(), model.label.clone())).collect(),
            modes: CodexMode::offered(),
            efforts,
            commands: vec![
                command("compact", "Compact the conversation"),
                command("review", "Review the uncommitted changes, or the given target"),
            ],
            version: self.version.clone(),
            ..Capabilities::default()
        }
    }
}
