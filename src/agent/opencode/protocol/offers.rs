//! What OpenCode offers: models with their efforts and context windows, agents, commands.
//!
//! The list of providers holds keys in clear: only what is named here is read, and nothing of it is kept as it came.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::run::Offers;

/// A model by its provider's name and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// Who serves it.
    pub provider: String,
    /// Its own name, which may hold slashes.
    pub model: String,
}

impl ModelName {
    /// `provider/model`, split at the first slash; `None` where there is none to split at.
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, model) = text.trim().split_once('/')?;
        let named = !provider.is_empty() && !model.is_empty();
        named.then(|| Self { provider: provider.to_owned(), model: model.to_owned() })
    }

    /// As OpenCode names it in a session, a message or a request.
    pub fn read(value: &Value) -> Option<Self> {
        let model = value["modelID"].as_str().or_else(|| value["id"].as_str())?;
        Some(Self { provider: value["providerID"].as_str()?.to_owned(), model: model.to_owned() })
    }
}

impl std::fmt::Display for ModelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// All models, in the order in which they are offered.
#[derive(Debug, Default)]
pub struct Models {
    list: Vec<Model>,
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

impl Models {
    /// Out of the answer of `/config/providers`.
    pub fn read(body: &[u8]) -> Option<Self> {
        let told: Providers = serde_json::from_slice(body).ok()?;
        let mut list: Vec<Model> = told.providers.into_iter().flat_map(Provider::list).collect();
        list.sort_by(|one, other| one.name.to_string().cmp(&other.name.to_string()));
        Some(Self { list })
    }

    /// Name to use and what a person reads.
    pub fn names(&self) -> Vec<(String, String)> {
        self.list.iter().map(|model| (model.name.to_string(), model.label.clone())).collect()
    }

    /// Efforts of a model.
    pub fn efforts(&self, name: Option<&ModelName>) -> Vec<String> {
        self.find(name).map(|model| model.efforts.clone()).unwrap_or_default()
    }

    /// Size of a model's context window, where known.
    pub fn context(&self, name: Option<&ModelName>) -> Option<u64> {
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
        let models = self.models.into_iter().map(|(model, told)| {
            let label = if told.name.is_empty() { model.clone() } else { told.name };
            Model {
                name: ModelName { provider: id.clone(), model },
                label: if provider.is_empty() { label } else { format!("{label} ({provider})") },
                context: whole(told.limit.context),
                efforts: told.variants.into_iter().map(|(name, _)| name).collect(),
            }
        });
        models.collect()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a count can be")]
fn whole(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

/// Agents that a person can choose, out of the answer of `/agent`: OpenCode's modes.
pub fn modes(body: &[u8]) -> Vec<String> {
    let told: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let chosen = told.iter().filter(|agent| agent["mode"] != "subagent" && agent["hidden"] != true);
    chosen.filter_map(|agent| agent["name"].as_str().map(str::to_owned)).collect()
}

/// Commands, out of the answer of `/command`, and OpenCode's own `/compact`, which no list has.
pub fn commands(body: &[u8]) -> Vec<(String, String)> {
    let told: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let own = ("/compact".to_owned(), "condense the conversation".to_owned());
    let listed = told.iter().filter_map(|command| {
        let name = command["name"].as_str()?;
        Some((format!("/{name}"), command["description"].as_str().unwrap_or_default().to_owned()))
    });
    std::iter::once(own).chain(listed.filter(|(name, _)| name != "/compact")).collect()
}

/// The command that a text calls, without its slash, and its arguments; `None` where the text is a prompt.
pub fn called<'a>(text: &'a str, offers: &Offers) -> Option<(&'a str, &'a str)> {
    let line = text.trim_start().strip_prefix('/')?;
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (name, arguments) = line.split_at(end);
    let known = offers.commands.iter().any(|(command, _)| command.strip_prefix('/') == Some(name));
    known.then(|| (name, arguments.trim()))
}
