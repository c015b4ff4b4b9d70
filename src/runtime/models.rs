//! Lists of models, kept over restarts: what is known is told at once, and asked anew where it is old.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::lives;
use super::shell::Told;
use crate::app::Msg;
use crate::app::runs::RunMsg;
use crate::domain::run::Models;
use crate::domain::{Agent, Time};
use crate::live::Live;
use crate::store::{Store, choices};

/// How long a list counts as current, in ms: agents change theirs every few weeks.
const FRESH: i64 = 60 * 60 * 1000;

/// What is needed to tell lists.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Who can ask an agent.
    pub live: Live,
    /// Where lists are kept.
    pub store: Arc<Store>,
    /// To the loop.
    pub tell: mpsc::UnboundedSender<Told>,
    /// Where an agent is asked: its own settings there may name models.
    pub directory: PathBuf,
}

impl Lists {
    /// Tells what is known of an agent's models; then asks the agent, where that is old or `refresh` says so.
    pub async fn tell(self, agent: Agent, refresh: bool) {
        let kept = self.kept(agent);
        let fresh = kept.as_of.is_some_and(|as_of| lives::now().since(as_of) < FRESH);
        if kept.as_of.is_some() {
            self.send(agent, kept.clone());
        }
        if fresh && !refresh {
            return;
        }
        let told = self.live.models(agent, &self.directory, refresh).await;
        if told.list.is_empty() {
            // The old list, with why there is no newer one.
            self.send(agent, Models { failure: told.failure, ..kept });
        } else {
            self.keep(agent, &told);
            self.send(agent, told);
        }
    }

    fn send(&self, agent: Agent, models: Models) {
        // Nobody listens once salon ends.
        self.tell.send(Told::Msg(Box::new(Msg::Run(RunMsg::Models(agent, models))))).ok();
    }

    fn kept(&self, agent: Agent) -> Models {
        let all = self.store.with(choices::recall).unwrap_or_default();
        let text = all.into_iter().find_map(|(name, value)| (name == key(agent)).then_some(value));
        text.and_then(|text| serde_json::from_str(&text).ok()).map_or_else(Models::default, |value| decode(&value))
    }

    fn keep(&self, agent: Agent, models: &Models) {
        let as_of = models.as_of.unwrap_or_else(lives::now);
        let value = json!({"as_of": as_of.millis(), "list": models.list});
        if let Err(error) = self.store.with(|db| choices::remember(db, &key(agent), &value.to_string())) {
            tracing::warn!(%error, "a list of models was not kept");
        }
    }
}

fn key(agent: Agent) -> String {
    format!("models.{}", agent.name())
}

fn decode(value: &Value) -> Models {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = value["list"].as_array().into_iter().flatten();
    Models {
        list: list.map(|model| (word(&model[0]), word(&model[1]))).collect(),
        as_of: value["as_of"].as_i64().map(Time::from_millis),
        failure: None,
    }
}
