//! What Codex offers: models, the efforts of the one in use, modes, commands.

use serde_json::Value;

use super::modes::Mode;
use crate::domain::run::Offers;

/// A model of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Model {
    name: String,
    shown: String,
    efforts: Vec<String>,
}

/// The models, once they are known, and the version.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    models: Vec<Model>,
    version: Option<String>,
}

impl Catalogue {
    /// Learns the version from the handshake's user agent: `salon/0.169.0 (Debian …) …`.
    pub fn learn_version(&mut self, agent: &Value) {
        let version = agent.as_str().and_then(|agent| agent.split('/').nth(1)?.split(' ').next());
        self.version = version.map(str::to_owned);
    }

    /// Learns a page of `model/list`. Where the list goes on, from which cursor.
    pub fn learn_models(&mut self, page: &Value) -> Option<String> {
        let shown = page["data"].as_array().into_iter().flatten().filter(|model| model["hidden"] != true);
        self.models.extend(shown.filter_map(|model| {
            let name = model["model"].as_str().or_else(|| model["id"].as_str())?.to_owned();
            let shown = model["displayName"].as_str().unwrap_or(&name).to_owned();
            let efforts = model["supportedReasoningEfforts"].as_array().into_iter().flatten();
            let efforts = efforts.filter_map(|effort| effort["reasoningEffort"].as_str().map(str::to_owned)).collect();
            Some(Model { name, shown, efforts })
        }));
        page["nextCursor"].as_str().map(str::to_owned)
    }

    /// What is offered while `model` is in use. Efforts of a model that is not listed are not known: then those of all.
    pub fn offers(&self, model: Option<&str>) -> Offers {
        let mut efforts: Vec<String> = Vec::new();
        let listed = self.models.iter().find(|known| model == Some(known.name.as_str()));
        for effort in listed.map_or(&self.models[..], std::slice::from_ref).iter().flat_map(|model| &model.efforts) {
            if !efforts.contains(effort) {
                efforts.push(effort.clone());
            }
        }
        let command = |name: &str, what: &str| (name.to_owned(), what.to_owned());
        Offers {
            models: self.models.iter().map(|model| (model.name.clone(), model.shown.clone())).collect(),
            modes: Mode::offered(),
            efforts,
            commands: vec![
                command("compact", "Condense the conversation so far"),
                command("review", "Review the uncommitted changes, or what you name"),
            ],
            version: self.version.clone(),
        }
    }
}
