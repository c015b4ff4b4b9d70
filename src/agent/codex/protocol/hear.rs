//! What Codex tells on its own: turns, items as they stream, usage, limits, errors.

use std::sync::Arc;

use serde_json::Value;

use super::super::dialect::turn_key;
use super::super::line::Item;
use super::approvals::Waiting;
use super::modes::Mode;
use super::{Thread, event, failures, items, wire};
use crate::agent::protocol::{Signal, Step};
use crate::domain::event::{Body, Level, Piece};
use crate::domain::run::{Activity, Failure, Outcome};
use crate::domain::transcript::{Action, ToolStatus};
use crate::domain::{Event, Key, Time, Tokens};

/// What concerns other clients, or tells again what is told otherwise.
const ASIDE: [&str; 30] = [
    "account/login/completed",
    "account/updated",
    "app/list/updated",
    "deprecationNotice",
    "hook/completed",
    "hook/started",
    "item/autoApprovalReview/completed",
    "item/autoApprovalReview/started",
    "item/commandExecution/terminalInteraction",
    "mcpServer/startupStatus/updated",
    "model/safetyBuffering/updated",
    "model/verification",
    "project/changed",
    "rawResponse/completed",
    "rawResponseItem/completed",
    "remoteControl/status/changed",
    "skills/changed",
    "thread/closed",
    "thread/environment/connected",
    "thread/environment/disconnected",
    "thread/goal/cleared",
    "thread/goal/updated",
    "thread/name/updated",
    "thread/prediction/updated",
    "thread/queue/changed",
    "thread/readState/changed",
    "thread/section/changed",
    "thread/started",
    "thread/status/changed",
    "turn/diff/updated",
];

impl Thread {
    pub(super) fn notified(&mut self, method: &str, params: &Value, time: Time, step: &mut Step) {
        match method {
            "account/rateLimits/updated" => return self.limits.update(&params["rateLimits"]),
            "serverRequest/resolved" => return self.resolved(&params["requestId"], step),
            _ if self.is_elsewhere(params) => return,
            _ => {}
        }
        match method {
            "turn/started" => self.began(&params["turn"], step),
            "turn/completed" => self.completed(&params["turn"], time, step),
            "turn/plan/updated" => self.planned(params, time, step),
            "item/started" => self.item(params, false, time, step),
            "item/completed" => self.item(params, true, time, step),
            "thread/tokenUsage/updated" => step.signals.push(usage(&params["tokenUsage"])),
            "thread/settings/updated" => self.settled(&params["threadSettings"], step),
            "thread/compacted" => self.compacted(params["turnId"].as_str().unwrap_or_default(), time, step),
            "model/rerouted" => self.rerouted(params, time, step),
            "error" => self.erred(params, time, step),
            "warning" | "guardianWarning" => {
                self.warn(wire::message(params).to_owned(), Level::Warning, time, step);
            }
            "configWarning" => self.warn(summary(params), Level::Info, time, step),
            _ if ASIDE.contains(&method) => {}
            _ => self.streamed(method, params, time, step),
        }
    }

    /// Whether it is about another thread: a sub-agent's, which has a transcript of its own.
    fn is_elsewhere(&self, params: &Value) -> bool {
        match (&self.id, params["threadId"].as_str()) {
            (Some(ours), Some(thread)) => **ours != *thread,
            _ => false,
        }
    }

    fn began(&mut self, turn: &Value, step: &mut Step) {
        if self.turn.began(turn["id"].as_str().unwrap_or_default()) {
            self.started(step);
            if std::mem::take(&mut self.turn.interrupt) {
                self.interrupt(step);
            }
        }
    }

    fn completed(&mut self, turn: &Value, time: Time, step: &mut Step) {
        let id = turn["id"].as_str().unwrap_or_default();
        let error = &turn["error"];
        let outcome = match turn["status"].as_str() {
            Some("interrupted") => Outcome::Interrupted,
            _ if !error.is_null() => Outcome::Failed(failures::of_turn(error, &self.limits)),
            Some("failed") => Outcome::Failed(Failure::Other("Codex failed without saying why".into())),
            _ => Outcome::Done,
        };
        if self.turn.ends(id, &outcome) {
            self.ended(outcome, time, step);
        }
    }

    /// The open turn is over: nothing of it goes on, nothing of it waits.
    pub(super) fn ended(&mut self, outcome: Outcome, time: Time, step: &mut Step) {
        let key = turn_key(self.turn.name().map_or("", |name| name));
        let calls: Vec<Arc<str>> = self.calls.drain().map(|(id, _)| id).collect();
        let status = if outcome == Outcome::Done { ToolStatus::Done } else { ToolStatus::Interrupted };
        step.signals.extend(calls.into_iter().map(|id| update(id, Some(status), None, time)));
        let stopped = std::mem::take(&mut self.stopped).into_iter();
        step.signals.extend(stopped.map(|id| update(id, Some(ToolStatus::Interrupted), None, time)));
        match &outcome {
            Outcome::Done => {}
            Outcome::Interrupted => step.signals.push(notice(key, Level::Warning, "Interrupted.".into(), time)),
            Outcome::Failed(failure) => step.signals.push(notice(key, Level::Error, words(failure), time)),
        }
        let ours = self.id.clone().unwrap_or_default();
        self.waiting.retain(|id, waiting| {
            let stays = waiting.thread != ours;
            if !stays {
                step.signals.push(Signal::ApprovalGone(id.clone()));
            }
            stays
        });
        self.turn.close();
        self.echo = None;
        self.apart = false;
        step.signals.push(Signal::TurnEnded(outcome));
        // Sub-agents outlive the turn that started them, and so do their questions.
        step.signals.extend(self.waiting.values().map(|waiting| Signal::Approval(waiting.approval.clone())));
    }

    fn resolved(&mut self, request: &Value, step: &mut Step) {
        let id: Arc<str> = request.to_string().into();
        if self.waiting.remove(&id).is_some() {
            step.signals.push(Signal::ApprovalGone(id));
        }
    }

    fn item(&mut self, params: &Value, complete: bool, time: Time, step: &mut Step) {
        let item = &params["item"];
        let (kind, stored) = items::stored(item);
        let began = item["startedAtMs"].as_i64().map_or(time, Time::from_millis);
        if kind != Item::Aside {
            self.goes_on(step);
        }
        match kind {
            Item::Tool => self.tool(params, &stored, complete, began, step),
            Item::Aside => self.aside(item, complete, time, step),
            Item::User if self.is_echo(item) => {}
            Item::User | Item::Agent | Item::Reasoning | Item::Plan | Item::Unknown => {
                if complete && let Some(body) = items::said(kind, &stored) {
                    step.signals.push(event(items::key(item), began, body));
                }
            }
        }
    }

    /// Whether a prompt is the one that we sent, and told ourselves.
    fn is_echo(&mut self, item: &Value) -> bool {
        if item["clientId"].is_string() {
            return item["clientId"].as_str().is_some_and(|id| id.starts_with(super::OUR_PROMPTS));
        }
        let text = item["content"].as_array().and_then(|parts| parts.first()?["text"].as_str());
        // Once when it starts and once when it is complete.
        self.echo.is_some() && self.echo.as_deref() == text
    }

    fn tool(&mut self, params: &Value, stored: &Value, complete: bool, time: Time, step: &mut Step) {
        let id: Arc<str> = stored["id"].as_str().unwrap_or_default().into();
        let key = items::tool_key(params["turnId"].as_str().unwrap_or_default(), &id);
        let bodies = super::super::items::tool(stored);
        if complete {
            self.calls.remove(&id);
        } else if let Some(Body::ToolCall { action, .. }) = bodies.first() {
            self.calls.insert(id, action.clone());
        }
        step.signals.extend(bodies.into_iter().map(|body| event(key, time, body)));
    }

    fn aside(&mut self, item: &Value, complete: bool, time: Time, step: &mut Step) {
        if item["type"] != "contextCompaction" {
            return;
        }
        if complete {
            self.compacted(item["id"].as_str().unwrap_or_default(), time, step);
        } else {
            self.apart = true;
            step.signals.push(Signal::Activity(Activity::Compacting));
        }
    }

    fn compacted(&mut self, id: &str, time: Time, step: &mut Step) {
        step.signals.push(notice(Key::new(id, 1), Level::Boundary, "Conversation compacted.".into(), time));
        self.apart = true;
        self.goes_on(step);
    }

    /// After a retry or a compaction it answers again.
    fn goes_on(&mut self, step: &mut Step) {
        if std::mem::take(&mut self.apart) {
            step.signals.push(Signal::Activity(Activity::Answering));
        }
    }

    /// A piece of an item.
    fn streamed(&mut self, method: &str, params: &Value, time: Time, step: &mut Step) {
        let id = params["itemId"].as_str().unwrap_or_default();
        let delta = || Piece::Delta(params["delta"].as_str().unwrap_or_default().to_owned());
        let body = match method {
            "item/agentMessage/delta" | "item/plan/delta" => Body::Text(delta()),
            "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta" => Body::Thinking(delta()),
            "item/reasoning/summaryPartAdded" if params["summaryIndex"].as_u64().unwrap_or(0) > 0 => {
                Body::Thinking(Piece::Delta("\n".into()))
            }
            "item/reasoning/summaryPartAdded" => return,
            "item/commandExecution/outputDelta" | "item/fileChange/outputDelta" => output(id, delta()),
            "item/mcpToolCall/progress" => output(id, Piece::Delta(format!("{}\n", wire::message(params)))),
            "item/fileChange/patchUpdated" => {
                let action = items::edit(&params["changes"]);
                self.calls.insert(id.into(), action.clone());
                return step.signals.push(Signal::Event(Event {
                    key: items::tool_key("", id),
                    time: Some(time),
                    body: Body::ToolUpdate {
                        id: id.into(),
                        status: None,
                        output: None,
                        duration_ms: None,
                        subagent: None,
                        action: Some(action),
                    },
                }));
            }
            _ => return self.other(&format!("{method} {params}"), time, step),
        };
        self.goes_on(step);
        step.signals.push(event(Key::new(id, 0), time, body));
    }

    fn planned(&mut self, params: &Value, time: Time, step: &mut Step) {
        self.goes_on(step);
        self.nameless += 1;
        let key = Key::new(&format!("plan of {}", params["turnId"].as_str().unwrap_or_default()), self.nameless);
        step.signals.push(event(key, time, Body::Plan(super::super::calls::plan(&params["plan"]))));
    }

    fn settled(&mut self, told: &Value, step: &mut Step) {
        let word = |name: &str| told[name].as_str().map(Arc::from);
        let mode = Mode::told(&told["approvalPolicy"], &told["sandboxPolicy"]).map(|mode| mode.name().into());
        self.told_settings(word("model"), mode, word("effort"), step);
    }

    fn rerouted(&mut self, params: &Value, time: Time, step: &mut Step) {
        let model = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        let (from, to) = (model("fromModel"), model("toModel"));
        self.warn(format!("{from} was not used: {to} answers instead."), Level::Warning, time, step);
        self.told_settings(Some(to.into()), None, None, step);
    }

    /// Something failed. What ends the turn is told again by the turn's end.
    fn erred(&mut self, params: &Value, time: Time, step: &mut Step) {
        let error = &params["error"];
        if params["willRetry"] == true {
            let message = wire::message(error);
            // `Reconnecting... 2/5`
            let attempt = message.rsplit(' ').next().and_then(|word| word.split('/').next()?.parse().ok()).unwrap_or(1);
            let reason = error["additionalDetails"].as_str().unwrap_or(message).to_owned();
            self.apart = true;
            step.signals.push(Signal::Activity(Activity::Retrying { attempt, at: None, reason }));
        } else if !self.turn.is_open() {
            let text = words(&failures::of_turn(error, &self.limits));
            self.warn(text, Level::Error, time, step);
        }
    }

    /// Tells something once: Codex repeats its warnings with each turn.
    pub(super) fn warn(&mut self, text: String, level: Level, time: Time, step: &mut Step) {
        if self.warned.insert(text.clone()) {
            step.signals.push(notice(Key::new(&text, 2), level, text, time));
        }
    }

    /// What this version of salon does not know, kept as it came.
    pub(super) fn other(&mut self, text: &str, time: Time, step: &mut Step) {
        self.nameless += 1;
        let kept = crate::stdx::text::first_chars(text, 2000).to_owned();
        step.signals.push(event(Key::new(&kept, self.nameless), time, Body::Other(kept)));
    }

    /// A question of Codex's own tool is a call of the transcript, which no item tells.
    pub(super) fn question_asked(&mut self, waiting: &Waiting, time: Time, step: &mut Step) {
        let approval = &waiting.approval;
        let (Some(id), "request_user_input") = (&approval.tool_id, &*approval.tool) else { return };
        if self.id.as_ref() != Some(&waiting.thread) {
            return;
        }
        let (input, action) = (approval.input.clone(), approval.action.clone());
        let body = Body::ToolCall { id: id.clone(), name: approval.tool.clone(), input, action };
        step.signals.push(event(items::tool_key(&waiting.turn, id), time, body));
        self.calls.insert(id.clone(), approval.action.clone());
    }

    pub(super) fn question_answered(&mut self, waiting: &Waiting, result: &Value, step: &mut Step) {
        let Some(id) = waiting.approval.tool_id.as_ref().filter(|_| &*waiting.approval.tool == "request_user_input")
        else {
            return;
        };
        if self.calls.remove(id).is_some() {
            let body = Body::ToolUpdate {
                id: id.clone(),
                status: Some(ToolStatus::Done),
                output: Some(Piece::Whole(result.to_string())),
                duration_ms: None,
                subagent: None,
                action: None,
            };
            step.signals.push(Signal::Event(Event { key: items::tool_key(&waiting.turn, id), time: None, body }));
        }
    }
}

fn usage(told: &Value) -> Signal {
    let count = |part: &str, name: &str| told[part][name].as_u64().unwrap_or(0);
    let (cache_read, cache_write) = (count("total", "cachedInputTokens"), count("total", "cacheWriteInputTokens"));
    let input = count("total", "inputTokens").saturating_sub(cache_read).saturating_sub(cache_write);
    let tokens = Tokens { input, output: count("total", "outputTokens"), cache_read, cache_write };
    Signal::Usage {
        tokens: Some(tokens),
        cost_usd: None,
        context: told["modelContextWindow"].as_u64().map(|window| (count("last", "totalTokens"), window)),
    }
}

fn summary(params: &Value) -> String {
    let text = |name: &str| params[name].as_str().unwrap_or_default();
    format!("{}\n{}", text("summary"), text("details")).trim().to_owned()
}

/// What a failure says, without what the interface adds to it.
fn words(failure: &Failure) -> String {
    match failure {
        Failure::NotInstalled => "Codex is not installed.".into(),
        Failure::Crashed { stderr, .. } => stderr.clone(),
        Failure::RateLimited { message, .. }
        | Failure::NotLoggedIn(message)
        | Failure::UnknownModel(message)
        | Failure::UnknownSession(message)
        | Failure::HeldElsewhere(message)
        | Failure::Other(message) => message.clone(),
    }
}

fn notice(key: Key, level: Level, text: String, time: Time) -> Signal {
    event(key, time, Body::Notice { level, text })
}

fn output(id: &str, piece: Piece) -> Body {
    Body::ToolUpdate {
        id: id.into(),
        status: None,
        output: Some(piece),
        duration_ms: None,
        subagent: None,
        action: None,
    }
}

fn update(id: Arc<str>, status: Option<ToolStatus>, action: Option<Action>, time: Time) -> Signal {
    let key = Key::new(&id, 0);
    let body = Body::ToolUpdate { id, status, output: None, duration_ms: None, subagent: None, action };
    event(key, time, body)
}
