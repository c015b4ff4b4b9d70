//! Model lists that salon has cached, for `salon doctor`.

use std::io::{self, Write};

use serde::Serialize;

use super::output::{self, OutputStyle};
use crate::domain::{Agent, Time};
use crate::runtime::saved_models;

#[derive(Serialize)]
pub(super) struct ModelListJson {
    agent: &'static str,
    models: usize,
    age_ms: Option<i64>,
}

/// Returns the lists in the saved choices, in the display order of agents.
pub(super) fn of_choices(choices: &[(String, String)], now: Time) -> Vec<ModelListJson> {
    let list = |agent: Agent| {
        let saved = saved_models::of_agent(agent, choices)?;
        let age_ms = saved.as_of.map(|as_of| now.since(as_of));
        Some(ModelListJson { agent: agent.name(), models: saved.list.len(), age_ms })
    };
    Agent::all().into_iter().filter_map(list).collect()
}

/// Prints the lists, if there are any.
pub(super) fn print(out: &mut impl Write, style: OutputStyle, lists: &[ModelListJson]) -> io::Result<()> {
    if lists.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("Model lists"))?;
    for list in lists {
        let age =
            list.age_ms.map_or_else(|| "of unknown age".to_owned(), |age| format!("updated {}", output::age_ago(age)));
        writeln!(out, "  {:<9} {} models, {age}", list.agent, list.models)?;
    }
    Ok(())
}
