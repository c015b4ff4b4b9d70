//! Turns: which prompts the agent has, which turn a result ends, how it ended and what it cost.

use serde_json::Value;

use crate::agent::protocol::Signal;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Failure, Outcome};
use crate::domain::{Time, Tokens};

/// The open turn.
#[derive(Debug, Default)]
pub struct Turns {
    /// Prompts that were written and whose turn has not ended.
    prompts: Vec<Given>,
    /// A turn was begun, by a prompt or by the agent itself.
    open: bool,
    /// The agent began a turn since the last prompt was written.
    begun: bool,
    /// When a limit that was reached is lifted.
    limit: Option<Time>,
    /// The agent's word for what went wrong last.
    error: String,
    /// Tokens that the last request held, and the window they must fit.
    held: u64,
    window: Option<u64>,
}

#[derive(Debug)]
struct Given {
    uuid: String,
    id: PromptId,
    text: String,
    accepted: bool,
}

impl Turns {
    /// A prompt was written.
    pub fn prompted(&mut self, uuid: String, id: PromptId, text: &str) {
        self.prompts.push(Given { uuid, id, text: text.to_owned(), accepted: false });
        self.open = true;
        self.begun = false;
        self.limit = None;
        self.error.clear();
    }

    /// The agent began a turn.
    pub fn begun(&mut self) {
        self.open = true;
        self.begun = true;
    }

    /// The agent named a prompt, so it has it; the news of that, once.
    pub fn named(&mut self, uuid: &str) -> Option<Signal> {
        let given = self.prompts.iter_mut().find(|given| given.uuid == uuid && !given.accepted)?;
        given.accepted = true;
        Some(Signal::PromptAccepted { id: given.id })
    }

    /// The text that was sent under a uuid, if it is one of ours.
    pub fn sent(&self, uuid: &str) -> Option<&str> {
        self.prompts.iter().find(|given| given.uuid == uuid).map(|given| given.text.as_str())
    }

    /// A limit was told. Only one that was reached matters at the end.
    pub fn limited(&mut self, info: &Value) {
        let resets = info["resetsAt"].as_i64().or_else(|| info["overageResetsAt"].as_i64());
        self.limit = resets.filter(|_| info["status"] == "rejected").map(Time::from_secs);
    }

    /// What the agent calls the error that it tells.
    pub fn failed(&mut self, error: &Value) {
        error.as_str().unwrap_or_default().clone_into(&mut self.error);
    }

    /// A request's usage: what its context held. The news of it, where the window is known.
    pub fn holds(&mut self, usage: &Value) -> Option<Signal> {
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        let held = count("input_tokens")
            + count("cache_read_input_tokens")
            + count("cache_creation_input_tokens")
            + count("output_tokens");
        if held == 0 || held == self.held {
            return None;
        }
        self.held = held;
        let context = Some((held, self.window?));
        Some(Signal::Usage { tokens: None, cost_usd: None, context })
    }

    /// A result: what was used, and the end of the turn if it is the end of this one.
    pub fn result(&mut self, record: &Value) -> Vec<Signal> {
        let mut signals = vec![self.usage(record)];
        let named: Vec<&str> = {
            let several = record["user_message_uuids"].as_array().into_iter().flatten();
            several.chain([&record["user_message_uuid"]]).filter_map(Value::as_str).collect()
        };
        if !self.is_end(record, &named) {
            return signals;
        }
        // What was written before this end and never named is with the agent all the same.
        for given in std::mem::take(&mut self.prompts) {
            if !given.accepted {
                signals.push(Signal::PromptAccepted { id: given.id });
            }
        }
        self.open = false;
        self.begun = false;
        signals.push(Signal::TurnEnded(self.outcome(record)));
        signals
    }

    /// An end that is told twice, or that of a turn which the agent began by itself, must not end the user's.
    fn is_end(&self, record: &Value, named: &[&str]) -> bool {
        if self.prompts.is_empty() || !self.open {
            return self.open;
        }
        if !named.is_empty() {
            return self.prompts.iter().any(|given| named.contains(&given.uuid.as_str()));
        }
        let by_itself = record["origin"]["kind"] == "task-notification";
        !by_itself && (self.begun || self.prompts.iter().any(|given| given.accepted))
    }

    fn usage(&mut self, record: &Value) -> Signal {
        let usage = &record["modelUsage"];
        let models = || usage.as_object().into_iter().flat_map(serde_json::Map::values);
        let sum = |name: &str| models().filter_map(|model| model[name].as_u64()).sum();
        let tokens = Tokens {
            input: sum("inputTokens"),
            output: sum("outputTokens"),
            cache_read: sum("cacheReadInputTokens"),
            cache_write: sum("cacheCreationInputTokens"),
        };
        let latest = record["model_usage_since_last_result"].as_object().into_iter().flat_map(serde_json::Map::values);
        let window = |model: &Value| model["contextWindow"].as_u64();
        self.window = latest.filter_map(window).max().or_else(|| models().filter_map(window).max()).or(self.window);
        Signal::Usage {
            tokens: (tokens.total() > 0).then_some(tokens),
            cost_usd: record["total_cost_usd"].as_f64(),
            context: self.window.filter(|_| self.held > 0).map(|window| (self.held, window)),
        }
    }

    fn outcome(&self, record: &Value) -> Outcome {
        if record["is_error"] != true && record["subtype"] == "success" {
            return Outcome::Done;
        }
        if record["terminal_reason"].as_str().is_some_and(|reason| reason.starts_with("aborted")) {
            return Outcome::Interrupted;
        }
        let message = message(record);
        let status = record["api_error_status"].as_u64();
        Outcome::Failed(match (status, self.error.as_str()) {
            (Some(401 | 403), _) | (_, "authentication_failed" | "oauth_org_not_allowed") => {
                Failure::NotLoggedIn(message)
            }
            (Some(404), _) | (_, "model_not_found") => Failure::UnknownModel(message),
            (Some(429), _) | (_, "rate_limit") => {
                Failure::RateLimited { until: self.limit.or_else(|| stamped(&message)), message }
            }
            _ => refusal(&message).unwrap_or(Failure::Other(message)),
        })
    }
}

/// A failed result in words; what is meant for the agent's developers is left out.
pub fn message(record: &Value) -> String {
    if let Some(text) = record["result"].as_str().filter(|text| !text.is_empty()) {
        return text.to_owned();
    }
    let errors = record["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let errors: Vec<&str> = errors.filter(|error| !error.starts_with("[ede_diagnostic]")).collect();
    if errors.is_empty() { record["subtype"].as_str().unwrap_or("error").replace('_', " ") } else { errors.join("\n") }
}

/// Early versions put the end of a limit behind its message: `…|1735689600`.
fn stamped(message: &str) -> Option<Time> {
    message.rsplit_once('|')?.1.trim().parse().ok().map(Time::from_secs)
}

/// What the program says when it will not work on a session.
pub fn refusal(text: &str) -> Option<Failure> {
    let line = |marks: &[&str]| {
        let line = text.lines().find(|line| marks.iter().all(|mark| line.contains(mark)))?.trim();
        Some(line.strip_prefix("Error: ").unwrap_or(line).to_owned())
    };
    line(&["No conversation found with session ID"])
        .map(Failure::UnknownSession)
        .or_else(|| line(&["Session ID", "is already in use"]).map(Failure::HeldElsewhere))
        .or_else(|| line(&["Please run /login"]).or_else(|| line(&["Invalid API key"])).map(Failure::NotLoggedIn))
}
