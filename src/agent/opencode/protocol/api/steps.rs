//! Events of a step: its texts, its tools and its end.

use serde_json::{Value, json};

use super::super::capabilities::ModelName;
use super::super::errors;
use super::codec::ApiCodec;
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::run::{Activity, RunFailure, TurnOutcome};
use crate::domain::{Event, Time};

impl ApiCodec {
    /// Applies an event of a step. Returns false for other events.
    pub(super) fn apply_step_event(&mut self, kind: &str, data: &Value, now: Time, step: &mut CodecStep) -> bool {
        let Some(message) = data["assistantMessageID"].as_str() else { return false };
        if self.last_rows.has(message) {
            return self.late_step_event(kind, data, now, step);
        }
        let millis = data["timestamp"].as_i64().unwrap_or(now.millis());
        let mut events = Vec::new();
        // An event of a message whose begin was missed creates it.
        if kind == "step.started" || !self.rows.has(message) {
            self.began(step);
            let row = json!({
                "agent": data["agent"], "model": data["model"], "content": [], "time": {"created": millis},
            });
            self.rows.begin(message, row, &mut events);
        }
        match kind {
            "step.started" => self.step_started(data, step),
            "step.ended" => self.step_ended(message, data, millis, &mut events, step),
            "step.failed" => self.step_failed(message, data, millis, now, &mut events),
            "text.started" | "reasoning.started" | "text.delta" | "reasoning.delta" | "text.ended"
            | "reasoning.ended" => {
                self.text(message, kind, data, millis, &mut events);
                self.resume_answering(step);
            }
            _ if kind.starts_with("tool.") => self.tool(message, kind, data, millis, &mut events),
            _ => return false,
        }
        step.signals.extend(events.into_iter().map(ProtocolSignal::Event));
        let may_have_ended = kind == "step.failed" || kind == "step.ended" && data["finish"] != "tool-calls";
        let interrupted = self.turn.as_ref().is_some_and(|turn| turn.interrupted);
        if self.turn.is_some()
            && !self.dialect.reports_execution
            && (may_have_ended || interrupted && kind == "step.ended")
        {
            self.checks = 0;
            self.check_end(step);
        }
        true
    }

    /// Applies a late event of the turn before, which says nothing about the open one.
    fn late_step_event(&mut self, kind: &str, data: &Value, now: Time, step: &mut CodecStep) -> bool {
        if kind == "step.started" {
            return true;
        }
        let (turn, last) = (self.turn.take(), std::mem::take(&mut self.last_rows));
        let rows = std::mem::replace(&mut self.rows, last);
        let is_known = self.apply_step_event(kind, data, now, step);
        self.last_rows = std::mem::replace(&mut self.rows, rows);
        self.turn = turn;
        is_known
    }

    fn step_started(&mut self, data: &Value, step: &mut CodecStep) {
        if let Some(turn) = &mut self.turn {
            // An earlier step failed, and the agent goes on.
            (turn.answered, turn.error) = (false, None);
        }
        self.settings.use_reported(&data["model"], &data["agent"], step);
        self.resume_answering(step);
    }

    fn step_ended(&mut self, message: &str, data: &Value, millis: i64, events: &mut Vec<Event>, step: &mut CodecStep) {
        self.rows.complete(message, millis);
        let fields = ["finish", "cost", "tokens"].map(|name| (name, data[name].clone()));
        self.rows.set(message, &fields, events);
        if let Some(turn) = &mut self.turn {
            turn.answered = true;
        }
        let tokens = &data["tokens"];
        let sum = |paths: &[&str]| {
            let counts = paths.iter().filter_map(|path| tokens.pointer(path).and_then(Value::as_u64));
            counts.fold(0, u64::saturating_add)
        };
        let input = sum(&["/input", "/cache/read", "/cache/write"]);
        let used = input.saturating_add(sum(&["/output", "/reasoning"]));
        let model: Option<&ModelName> = self.settings.in_use.as_ref();
        if let Some(size) = self.settings.models.context(model).filter(|_| input > 0) {
            self.update_usage(None, None, Some((used, size)), step);
        }
    }

    fn step_failed(&mut self, message: &str, data: &Value, millis: i64, now: Time, events: &mut Vec<Event>) {
        self.rows.complete(message, millis);
        let fields = [("finish", "error".into()), ("error", data["error"].clone())];
        self.rows.set(message, &fields, events);
        if let Some(turn) = &mut self.turn {
            turn.error = Some(TurnOutcome::Failed(failure(&data["error"], now)));
        }
    }

    fn text(&mut self, message: &str, kind: &str, data: &Value, millis: i64, events: &mut Vec<Event>) {
        let Some((name, event)) = kind.split_once('.') else { return };
        // 1.18 numbers texts by an id, 2.x by an ordinal.
        let id = data[format!("{name}ID")].as_str().map(str::to_owned);
        let key = id.unwrap_or_else(|| format!("{name}-{}", data["ordinal"].as_u64().unwrap_or_default()));
        match event {
            "started" => {
                let begin = |item: &mut Value| *item = json!({"type": name, "text": "", "time": {"created": millis}});
                self.rows.item(message, &key, begin, events);
            }
            "delta" => {
                let more = data["delta"].as_str().unwrap_or_default();
                self.rows.append(message, &key, name, more, events);
            }
            _ => {
                let end = |item: &mut Value| {
                    item["type"] = name.into();
                    item["text"] = data["text"].clone();
                    item["time"]["completed"] = millis.into();
                };
                self.rows.item(message, &key, end, events);
            }
        }
    }

    fn tool(&mut self, message: &str, kind: &str, data: &Value, millis: i64, events: &mut Vec<Event>) {
        // The input arrives as a whole with the call.
        if kind == "tool.input.delta" || kind == "tool.input.ended" {
            return;
        }
        let Some(call) = data["callID"].as_str() else { return };
        let metadata = if data["structured"].is_object() { &data["structured"] } else { &data["metadata"] };
        self.register_subagent(call, metadata);
        let change = |item: &mut Value| {
            if item.is_null() {
                *item =
                    json!({"type": "tool", "id": call, "state": {"status": "streaming"}, "time": {"created": millis}});
            }
            let name = data["name"].as_str().or_else(|| data["tool"].as_str());
            if let Some(name) = name {
                item["name"] = name.into();
            }
            let state = &mut item["state"];
            for field in ["input", "content", "structured", "metadata", "error"] {
                if !data[field].is_null() {
                    state[field] = data[field].clone();
                }
            }
            match kind {
                "tool.called" | "tool.progress" => {
                    state["status"] = "running".into();
                    item["time"]["ran"] = item["time"]["ran"].as_i64().unwrap_or(millis).into();
                }
                "tool.success" | "tool.failed" => {
                    state["status"] = if kind == "tool.failed" { "error" } else { "completed" }.into();
                    item["time"]["completed"] = millis.into();
                }
                _ => {}
            }
        };
        self.rows.item(message, call, change, events);
    }

    /// Reports that the model answers again after a retry.
    fn resume_answering(&mut self, step: &mut CodecStep) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.retrying) {
            turn.retrying = false;
            step.signals.push(ProtocolSignal::Activity(Activity::Answering));
        }
    }
}

/// Failure, classified by its remedy. The error has a type, a message and maybe a status.
pub(super) fn failure(error: &Value, now: Time) -> RunFailure {
    let kind = error["type"].as_str().unwrap_or("unknown");
    let message = error["message"].as_str().unwrap_or_default();
    // 1.18 has the status in the text only.
    let in_text = || message.split_once("HTTP ").and_then(|(_, rest)| rest.get(..3)?.parse::<u64>().ok());
    let status = error["status"].as_u64().or_else(in_text);
    let lower = kind.to_lowercase();
    let name = match kind {
        "unknown" => "UnknownError",
        _ if lower.contains("auth") => "ProviderAuthError",
        _ if lower.contains("model") && lower.contains("not") => "ProviderModelNotFoundError",
        kind => kind,
    };
    let status = status.or_else(|| (lower.contains("rate") && lower.contains("limit")).then_some(429));
    errors::failure(&json!({"name": name, "data": {"message": message, "statusCode": status}}), now)
}
