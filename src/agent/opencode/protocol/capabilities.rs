//! Capabilities of OpenCode: models with their efforts and context windows, agents, commands.
//!
//! The list of providers contains API keys in clear text. Only the fields declared here are read, and the response is
//! not stored.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::run::Capabilities;

/// A model by its provider's name and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelName {
    pub provider: String,
    /// Own name, which may contain slashes.
    pub model: String,
}

impl ModelName {
    /// Parses `provider/model`, split at the first slash; `None` without one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (provider, model) = text.trim().split_once('/')?;
        let named = !provider.is_empty() && !model.is_empty();
        named.then(|| Self { provider: provider.to_owned(), model: model.to_owned() })
    }

    /// Reads the model of a session, a message or a request.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let model = value["modelID"].as_str().or_else(|| value["id"].as_str())?;
        Some(Self { provider: value["providerID"].as_str()?.to_owned(), model: model.to_owned() })
    }
}

impl std::fmt::Display for ModelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// All models, ordered by name.
#[derive(Debug, Default)]
pub(super) struct OpenCodeModels {
    list: Vec<Model>,
    /// Default model of each provider.
    defaults: Vec<ModelName>,
}

#[derive(Debug)]
struct Model {
    name: ModelName,
    label: String,
    context: u64,
    efforts: Vec<String>,
}

#[derive(Deserialize)]
struct Providers {
    providers: Vec<Provider>,
    #[serde(default)]
    default: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Provider {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    models: HashMap<String, ProviderModel>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct ProviderModel {
    name: String,
    limit: Limit,
    variants: serde_json::Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limit {
    context: f64,
}

/// List of models in the interface of 2.x.
#[derive(Deserialize)]
struct ModelList {
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
    #[serde(rename = "providerID")]
    provider: String,
    #[serde(default)]
    name: String,
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    variants: Vec<ModelVariant>,
}

#[derive(Deserialize)]
struct ModelVariant {
    id: String,
}

fn enabled() -> bool {
    true
}

impl ListedModel {
    fn model(self) -> Model {
        let label = if self.name.is_empty() { self.id.clone() } else { self.name };
        Model {
            label: format!("{label} ({})", self.provider),
            name: ModelName { provider: self.provider, model: self.id },
            context: to_u64(self.limit.context),
            efforts: self.variants.into_iter().map(|variant| variant.id).collect(),
        }
    }
}

impl OpenCodeModels {
    /// Parses the response of `/config/providers`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let parsed: Providers = serde_json::from_slice(body).ok()?;
        let mut list: Vec<Model> = parsed.providers.into_iter().flat_map(Provider::list).collect();
        list.sort_by_cached_key(|model| model.name.to_string());
        let defaults = parsed.default.into_iter().map(|(provider, model)| ModelName { provider, model }).collect();
        Some(Self { list, defaults })
    }

    /// Parses a list of models, each with its provider's id, in the interface of 2.x.
    pub(super) fn read_list(body: &[u8]) -> Option<Self> {
        let parsed: ModelList = serde_json::from_slice(body).ok()?;
        let enabled = parsed.data.into_iter().filter(|model| model.enabled);
        let mut list: Vec<Model> = enabled.map(ListedModel::model).collect();
        list.sort_by_cached_key(|model| model.name.to_string());
        Some(Self { list, defaults: Vec::new() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Name and label of each model.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        self.list.iter().map(|model| (model.name.to_string(), model.label.clone())).collect()
    }

    /// Default model, if only one provider has one.
    pub(super) fn only_default(&self) -> Option<&ModelName> {
        if let [only] = &self.defaults[..] { Some(only) } else { None }
    }

    pub(super) fn efforts(&self, name: Option<&ModelName>) -> Vec<String> {
        self.find(name).map(|model| model.efforts.clone()).unwrap_or_default()
    }

    /// Size of a model's context window, if known.
    pub(super) fn context(&self, name: Option<&ModelName>) -> Option<u64> {
        self.find(name).map(|model| model.context).filter(|size| *size > 0)
    }

    fn find(&self, name: Option<&ModelName>) -> Option<&Model> {
        let name = name?;
        self.list.iter().find(|model| model.name == *name)
    }
}

impl Provider {
    fn list(self) -> Vec<Model> {
        let (id, provider) = (self.id, self.name);
        let models = self.models.into_iter().map(|(model, parsed)| {
            let label = if parsed.name.is_empty() { model.clone() } else { parsed.name };
            Model {
                name: ModelName { provider: id.clone(), model },
                label: if provider.is_empty() { label } else { format!("{label} ({provider})") },
                context: to_u64(parsed.limit.context),
                efforts: parsed.variants.into_iter().map(|(name, _)| name).collect(),
            }
        });
        models.collect()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a count can be")]
fn to_u64(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

/// Capabilities of all known versions, for the time before the server is asked: the agents that OpenCode comes with.
pub(super) fn known() -> Capabilities {
    Capabilities { modes: vec!["build".to_owned(), "plan".to_owned()], ..Capabilities::default() }
}

/// Parses the response of `/agent`: agents that a user can select, which are OpenCode's modes.
pub(super) fn modes(body: &[u8]) -> Vec<String> {
    let parsed: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let chosen = parsed.iter().filter(|agent| agent["mode"] != "subagent" && agent["hidden"] != true);
    let name = |agent: &Value| agent["name"].as_str().or_else(|| agent["id"].as_str()).map(str::to_owned);
    chosen.filter_map(name).collect()
}

/// Parses the response of `/command`; adds OpenCode's own `/compact`, which the list omits.
pub(super) fn commands(body: &[u8]) -> Vec<(String, String)> {
    let parsed: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let own = ("/compact".to_owned(), "compact the conversation".to_owned());
    let listed = parsed.iter().filter_map(|command| {
        let name = command["name"].as_str()?;
        Some((format!("/{name}"), command["description"].as_str().unwrap_or_default().to_owned()))
    });
    std::iter::once(own).chain(listed.filter(|(name, _)| name != "/compact")).collect()
}

/// Command in a text, without its slash, and its arguments; `None` for a prompt.
pub(super) fn parse_command<'a>(text: &'a str, capabilities: &Capabilities) -> Option<(&'a str, &'a str)> {
    let line = text.trim_start().strip_prefix('/')?;
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (name, arguments) = line.split_at(end);
    let known = capabilities.commands.iter().any(|(command, _)| command.strip_prefix('/') == Some(name));
    known.then(|| (name, arguments.trim()))
}
