//! Turn state: prompts that the agent received, ends of turns, their outcomes and usage.

use serde_json::Value;

use super::errors::{limit_reset, message, refusal};
use crate::agent::protocol::ProtocolSignal;
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunFailure, TurnOutcome};
use crate::domain::{Time, Tokens};

/// State of the open turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Prompts that were sent and whose turn has not ended.
    prompts: Vec<SentPrompt>,
    /// True if a turn is open, begun by a prompt or by the agent itself.
    open: bool,
    /// True if the agent began a turn since the last prompt was sent.
    begun: bool,
    /// End of a rate limit that was reached.
    limit: Option<Time>,
    /// The agent's code for the last error.
    error: String,
    /// Tokens in the context of the last request.
    context_tokens: u64,
    /// Size of the context window in tokens.
    window: Option<u64>,
}

#[derive(Debug)]
struct SentPrompt {
    uuid: String,
    id: PromptId,
    text: String,
    accepted: bool,
}

impl Turns {
    /// Records a prompt that was sent.
    pub(super) fn prompt_sent(&mut self, uuid: String, id: PromptId, text: &str) {
        self.prompts.push(SentPrompt { uuid, id, text: text.to_owned(), accepted: false });
        self.open = true;
        self.begun = false;
        self.limit = None;
        self.error.clear();
    }

    /// Records a prompt that was sent into the open turn.
    pub(super) fn steered(&mut self, uuid: String, id: PromptId, text: &str) {
        self.prompts.push(SentPrompt { uuid, id, text: text.to_owned(), accepted: false });
    }

    /// Records that the agent began a turn.
    pub(super) fn turn_began(&mut self) {
        self.open = true;
        self.begun = true;
    }

    /// Records that the agent referred to a prompt, so it received it. Returns the signal the first time.
    pub(super) fn acknowledged(&mut self, uuid: &str) -> Option<ProtocolSignal> {
        let prompt = self.prompts.iter_mut().find(|prompt| prompt.uuid == uuid && !prompt.accepted)?;
        prompt.accepted = true;
        Some(ProtocolSignal::PromptAccepted { id: prompt.id })
    }

    /// Text of the sent prompt with the uuid.
    pub(super) fn sent_text(&self, uuid: &str) -> Option<&str> {
        self.prompts.iter().find(|prompt| prompt.uuid == uuid).map(|prompt| prompt.text.as_str())
    }

    /// Records a rate limit. Only a limit that was reached affects the outcome.
    pub(super) fn rate_limit(&mut self, info: &Value) {
        let resets = info["resetsAt"].as_i64().or_else(|| info["overageResetsAt"].as_i64());
        self.limit = resets.filter(|_| info["status"] == "rejected").map(Time::from_secs);
    }

    /// Records the agent's code for an error.
    pub(super) fn error_code(&mut self, error: &Value) {
        error.as_str().unwrap_or_default().clone_into(&mut self.error);
    }

    /// Records the context size of a request. Returns the signal if it changed and the window is known.
    pub(super) fn context_usage(&mut self, usage: &Value) -> Option<ProtocolSignal> {
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        let input = count("input_tokens") + count("cache_read_input_tokens") + count("cache_creation_input_tokens");
        let used = input + count("output_tokens");
        // A report without the input is not the size of the context.
        if input == 0 || used == self.context_tokens {
            return None;
        }
        self.context_tokens = used;
        let context = Some((used, self.window?));
        Some(ProtocolSignal::Usage { tokens: None, cost_usd: None, context })
    }

    /// Converts a result into signals: usage, and the end of the turn if the result belongs to the open turn.
    pub(super) fn result(&mut self, record: &Value) -> Vec<ProtocolSignal> {
        let mut signals = vec![self.usage(record)];
        let uuids: Vec<&str> = {
            let several = record["user_message_uuids"].as_array().into_iter().flatten();
            several.chain([&record["user_message_uuid"]]).filter_map(Value::as_str).collect()
        };
        if !self.is_end(record, &uuids) {
            return signals;
        }
        // The agent also received prompts that were sent before this end but never acknowledged.
        for prompt in std::mem::take(&mut self.prompts) {
            if !prompt.accepted {
                signals.push(ProtocolSignal::PromptAccepted { id: prompt.id });
            }
        }
        self.open = false;
        self.begun = false;
        signals.push(ProtocolSignal::TurnEnded(self.outcome(record)));
        signals
    }

    /// True if the result ends the open turn. A repeated result, or one of a turn that the agent began, must not end the
    /// user's turn.
    fn is_end(&self, record: &Value, uuids: &[&str]) -> bool {
        if self.prompts.is_empty() || !self.open {
            return self.open;
        }
        if !uuids.is_empty() {
            return self.prompts.iter().any(|prompt| uuids.contains(&prompt.uuid.as_str()));
        }
        let by_agent = record["origin"]["kind"].as_str().is_some_and(|kind| !matches!(kind, "human" | "sdk"));
        !by_agent && (self.begun || self.prompts.iter().any(|prompt| prompt.accepted))
    }

    fn usage(&mut self, record: &Value) -> ProtocolSignal {
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
        ProtocolSignal::Usage {
            tokens: (tokens.total() > 0).then_some(tokens),
            cost_usd: record["total_cost_usd"].as_f64(),
            context: self.window.filter(|_| self.context_tokens > 0).map(|window| (self.context_tokens, window)),
        }
    }

    fn outcome(&self, record: &Value) -> TurnOutcome {
        if record["is_error"] != true && record["subtype"] == "success" {
            return TurnOutcome::Done;
        }
        if record["terminal_reason"].as_str().is_some_and(|reason| reason.starts_with("aborted")) {
            return TurnOutcome::Interrupted;
        }
        let message = message(record);
        let status = record["api_error_status"].as_u64();
        TurnOutcome::Failed(match (status, self.error.as_str()) {
            (Some(401 | 403), _) | (_, "authentication_failed" | "oauth_org_not_allowed") => {
                RunFailure::NotLoggedIn(message)
            }
            (Some(404), _) | (_, "model_not_found") => RunFailure::UnknownModel(message),
            (Some(429), _) | (_, "rate_limit") => {
                RunFailure::RateLimited { until: self.limit.or_else(|| limit_reset(&message)), message }
            }
            _ => refusal(&message).unwrap_or(RunFailure::Other(message)),
        })
    }
}
