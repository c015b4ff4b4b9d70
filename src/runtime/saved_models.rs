//! Model lists in `state.db`, by which a list is shown before its agent has answered.

use serde_json::{Value, json};

use super::live_options;
use super::store_writer::StoreWriter;
use crate::domain::run::ModelCatalog;
use crate::domain::{Agent, Time};

/// Saves the list of an agent.
pub(super) fn save(agent: Agent, models: &ModelCatalog, writer: &StoreWriter) {
    let as_of = models.as_of.unwrap_or_else(live_options::now);
    let value = json!({"as_of": as_of.millis(), "list": models.list});
    writer.save_choice(name(agent), value.to_string());
}

/// Returns the list of an agent in the saved choices.
pub fn of_agent(agent: Agent, choices: &[(String, String)]) -> Option<ModelCatalog> {
    let (_, text) = choices.iter().find(|(saved, _)| *saved == name(agent))?;
    serde_json::from_str(text).ok().map(|value| decode(&value))
}

fn name(agent: Agent) -> String {
    format!("models.{}", agent.name())
}

fn decode(value: &Value) -> ModelCatalog {
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = value["list"].as_array().into_iter().flatten();
    ModelCatalog {
        list: list.map(|model| (string(&model[0]), string(&model[1]))).collect(),
        as_of: value["as_of"].as_i64().map(Time::from_millis),
        ..ModelCatalog::default()
    }
}
