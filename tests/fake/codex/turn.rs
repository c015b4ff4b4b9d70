//! A turn: executes the script, streams it and stores it like the real program.

use std::time::Duration;

use serde_json::{Value, json};

use super::rollout::{millis, uuid};
use super::{Agent, text_of};
use crate::script::{self, Step};

pub struct Turn {
    id: String,
    script: String,
    /// Parameters of the request.
    params: Value,
}

impl Turn {
    pub fn new(script: &str, params: &Value) -> Self {
        Self { id: uuid(), script: script.to_owned(), params: params.clone() }
    }

    /// Turn in the protocol's format.
    pub fn as_json(&self, status: &str, error: &Value) -> Value {
        turn_json(&self.id, status, error)
    }
}

fn turn_json(id: &str, status: &str, error: &Value) -> Value {
    json!({"id": id, "rootTurnId": id, "items": [], "itemsView": "notLoaded", "status": status, "error": error})
}

/// Reason for a turn's early end.
enum Stop {
    /// Interrupted, or denied with a stop.
    Interrupted,
    /// API error.
    Failed(Value),
}

/// An item in progress.
struct Item {
    id: String,
    /// Item in the protocol's format, without its status.
    value: Value,
}

impl Agent {
    /// Executes the script of a turn.
    pub fn turn(&mut self, turn: &Turn) {
        crate::log::write(&json!({"prompt": turn.script}));
        // An interrupt may have arrived before the turn began.
        self.open_turn = Some(turn.id.clone());
        if let Some(rollout) = &mut self.rollout {
            rollout.begin();
            rollout.event("task_started", &[("turn_id", json!(turn.id)), ("model_context_window", json!(258_400))]);
            let model = &self.settings.model;
            rollout.write(
                "turn_context",
                &json!({"turn_id": turn.id, "cwd": std::env::current_dir().ok(), "model": model}),
            );
        }
        self.notify("thread/status/changed", json!({"status": {"type": "active", "activeFlags": []}}));
        self.notify("turn/started", json!({"turn": turn.as_json("inProgress", &Value::Null)}));
        if turn.params["input"].is_array() {
            self.user(&turn.params);
        }
        let mut twice = false;
        let mut steps: Vec<Step> = script::parse(&turn.script);
        if self.settings.model.contains("nope") {
            steps = vec![Step::Fail(404, format!("model: {}", self.settings.model))];
        }
        let mut end = Ok(());
        while end.is_ok() && !steps.is_empty() {
            for step in std::mem::take(&mut steps) {
                end = self.step(step, &mut twice);
                if end.is_err() {
                    break;
                }
            }
            while let Some(params) = self.joined_prompts.pop_front() {
                self.user(&params);
                steps.extend(script::parse(&text_of(&params)));
            }
        }
        self.usage();
        self.end(&turn.id, end, twice);
    }

    fn step(&mut self, step: Step, twice: &mut bool) -> Result<(), Stop> {
        match step {
            Step::Say(text) => self.say(&split_words(&text))?,
            Step::Think(text) => self.think(&text)?,
            Step::Flood(count) => self.say(&(0..count).map(|at| format!("piece {at} ")).collect::<Vec<_>>())?,
            Step::Long(bytes) => self.long(bytes),
            Step::Run(command) => self.command(&command, false)?,
            Step::Ask(command) => self.command(&command, true)?,
            Step::Question(question, options) => self.question(&question, &options)?,
            Step::Plan(items) => self.plan(&items),
            Step::Wait(time) => self.wait(time)?,
            Step::Hang => self.wait(Duration::from_secs(1_000_000))?,
            Step::Deaf => {
                self.ignores_interrupts = true;
                script::run_common_step(&Step::Deaf);
            }
            Step::Close => self.close(),
            Step::Twice => *twice = true,
            Step::Delegate(command) => self.delegate(&command)?,
            // This agent reports no background tasks.
            Step::Background(_) => {}
            Step::Fail(status, text) => return Err(self.failed(status, &text)),
            Step::Retry => self.retry()?,
            Step::Compact => self.compact(),
            // It reads and writes files itself.
            Step::ReadFile(_) | Step::WriteFile(..) | Step::Terminal(_) | Step::TerminalIn(_) | Step::TerminalLeft => {}
            Step::Stray => {
                self.write_line(
                    &json!({"id": 999_999, "result": {"turn": {"id": "never-asked", "status": "inProgress"}}}),
                );
                self.notify("serverRequest/resolved", json!({"requestId": 999_999}));
            }
            step @ (Step::Crash(_) | Step::Garbage | Step::Grandchild | Step::Stubborn) => {
                script::run_common_step(&step);
            }
        }
        Ok(())
    }

    /// Receives messages for at most `wait`. Fails if the turn was interrupted.
    fn check_interrupt(&mut self, wait: Duration) -> Result<(), Stop> {
        self.receive(wait);
        if self.interrupted { Err(Stop::Interrupted) } else { Ok(()) }
    }

    fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        script::wait(time, |left| self.check_interrupt(left))
    }

    fn open_turn(&self) -> String {
        self.open_turn.clone().unwrap_or_default()
    }

    fn begin(&self, kind: &str, id: &str, mut fields: Value) -> Item {
        fields["type"] = json!(kind);
        fields["id"] = json!(id);
        fields["startedAtMs"] = json!(millis());
        let item = Item { id: id.to_owned(), value: fields };
        self.notify("item/started", json!({"item": item.value, "turnId": self.open_turn()}));
        item
    }

    fn delta(&self, method: &str, item: &Item, delta: &str) {
        let params = json!({"turnId": self.open_turn(), "itemId": item.id, "delta": delta, "summaryIndex": 0});
        self.notify(method, params);
    }

    /// Sends and stores a completed item, the latter in the rollout's format.
    fn complete(&mut self, mut item: Item, fields: &[(&str, Value)], kind: &str, stored: &[(&str, Value)]) {
        for (name, value) in fields {
            item.value[*name] = value.clone();
        }
        item.value["completedAtMs"] = json!(millis());
        let turn = self.open_turn();
        self.notify("item/completed", json!({"item": item.value, "turnId": turn}));
        if let Some(rollout) = &mut self.rollout {
            let named = [&[("id", json!(item.id))], stored].concat();
            rollout.item(&turn, kind, &named);
        }
    }

    fn user(&mut self, params: &Value) {
        let (id, client) = (uuid(), &params["clientUserMessageId"]);
        let item = self.begin("userMessage", &id, json!({"clientId": client, "content": params["input"]}));
        let stored = [("client_id", client.clone()), ("content", params["input"].clone())];
        self.complete(item, &[], "UserMessage", &stored);
    }

    fn say(&mut self, chunks: &[String]) -> Result<(), Stop> {
        let item = self.begin("agentMessage", &message(), json!({"text": ""}));
        let mut text = String::new();
        let pace = std::env::var("FAKE_PACE").ok().and_then(|ms| ms.parse().ok()).unwrap_or(0);
        for chunk in chunks {
            // A truncated answer is not stored.
            script::wait(Duration::from_millis(pace), |left| self.check_interrupt(left))?;
            self.check_interrupt(Duration::ZERO)?;
            self.delta("item/agentMessage/delta", &item, chunk);
            text.push_str(chunk);
        }
        self.complete_message(item, &text);
        Ok(())
    }

    fn complete_message(&mut self, item: Item, text: &str) {
        let content = json!([{"type": "Text", "text": text}]);
        self.complete(item, &[("text", json!(text))], "AgentMessage", &[("content", content)]);
    }

    /// Sends a text without streaming it.
    fn long(&mut self, bytes: usize) {
        let item = self.begin("agentMessage", &message(), json!({"text": ""}));
        self.complete_message(item, &"long ".repeat(bytes.div_ceil(5))[..bytes]);
    }

    fn think(&mut self, text: &str) -> Result<(), Stop> {
        let item = self.begin("reasoning", &format!("rs_{}", uuid()), json!({"summary": [], "content": []}));
        let part = json!({"turnId": self.open_turn(), "itemId": item.id, "summaryIndex": 0});
        self.notify("item/reasoning/summaryPartAdded", part);
        for word in split_words(text) {
            self.check_interrupt(Duration::ZERO)?;
            self.delta("item/reasoning/summaryTextDelta", &item, &word);
        }
        let stored = [("summary_text", json!([text])), ("raw_content", json!([]))];
        self.complete(item, &[("summary", json!([text]))], "Reasoning", &stored);
        Ok(())
    }

    /// Stores the model's call.
    fn record_call(&mut self, name: &str, call: &str, arguments: &Value) {
        let turn = json!({"turn_id": self.open_turn()});
        if let Some(rollout) = &mut self.rollout {
            let arguments = json!(arguments.to_string());
            rollout.response(
                "function_call",
                &[
                    ("name", json!(name)),
                    ("arguments", arguments),
                    ("call_id", json!(call)),
                    ("internal_chat_message_metadata_passthrough", turn),
                ],
            );
        }
    }

    fn record_output(&mut self, call: &str, output: &str) {
        if let Some(rollout) = &mut self.rollout {
            rollout.response("function_call_output", &[("call_id", json!(call)), ("output", json!(output))]);
        }
    }

    fn command(&mut self, command: &str, ask: bool) -> Result<(), Stop> {
        let call = format!("call_{}", uuid());
        self.record_call("exec_command", &call, &json!({"cmd": command}));
        let line = format!("/bin/bash -lc '{command}'");
        let item = self.begin(
            "commandExecution",
            &call,
            json!({"command": line, "cwd": std::env::current_dir().ok(),
            "source": "agent", "status": "inProgress", "aggregatedOutput": null, "exitCode": null}),
        );
        let is_granted = self.settings.approval == "never" || self.granted.contains(command);
        if ask && !is_granted && !self.request_permission(&call, command, &line)? {
            self.complete(
                item,
                &[("status", json!("declined"))],
                "CommandExecution",
                &stored_command(command, "declined", ""),
            );
            self.record_output(
                &call,
                "exec_command failed: CreateProcess { message: \"Rejected(\\\"rejected by user\\\")\" }",
            );
            return Ok(());
        }
        let output = format!("output of {command}");
        for chunk in split_words(&output) {
            self.check_interrupt(Duration::ZERO)?;
            self.delta("item/commandExecution/outputDelta", &item, &chunk);
        }
        let fields = [
            ("status", json!("completed")),
            ("aggregatedOutput", json!(output)),
            ("exitCode", json!(0)),
            ("durationMs", json!(5)),
            ("source", json!("unifiedExecStartup")),
        ];
        self.complete(item, &fields, "CommandExecution", &stored_command(command, "completed", &output));
        self.record_output(
            &call,
            &format!("Chunk ID: f04f16\nWall time: 0.0050 seconds\nProcess exited with code 0\nOutput:\n{output}"),
        );
        Ok(())
    }

    /// Requests permission. `Err`: denied, and the turn ends.
    fn request_permission(&mut self, call: &str, command: &str, line: &str) -> Result<bool, Stop> {
        let prefix: Vec<&str> = command.split(' ').collect();
        let decisions =
            json!(["accept", {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": prefix}}, "cancel"]);
        let params = json!({"kind": "command", "turnId": self.open_turn(), "itemId": call, "startedAtMs": millis(),
            "command": line, "cwd": std::env::current_dir().ok(), "availableDecisions": decisions});
        self.notify(
            "thread/status/changed",
            json!({"status": {"type": "active", "activeFlags": ["waitingOnApproval"]}}),
        );
        let Some(answer) = self.request("item/commandExecution/requestApproval", params) else {
            return Err(Stop::Interrupted);
        };
        self.notify("thread/status/changed", json!({"status": {"type": "active", "activeFlags": []}}));
        match answer["decision"].as_str() {
            Some("accept") => Ok(true),
            Some("decline") => Ok(false),
            None | Some("acceptForSession") if answer["decision"] != Value::Null => {
                self.granted.insert(command.to_owned());
                Ok(true)
            }
            _ => {
                self.record_output(call, "Wall time: 0.1 seconds\naborted by user");
                Err(Stop::Interrupted)
            }
        }
    }

    /// Starts a sub-agent, whose notifications come from a thread of its own.
    fn delegate(&mut self, command: &str) -> Result<(), Stop> {
        let (call, thread) = (format!("call_{}", uuid()), uuid());
        self.begin(
            "collabAgentToolCall",
            &call,
            json!({"tool": "spawnAgent", "status": "inProgress",
            "prompt": "Do it", "receiverThreadIds": [thread]}),
        );
        let item = json!({"type": "commandExecution", "id": "call_inner", "command": command, "status": "inProgress"});
        let params = json!({"item": item, "turnId": "inner", "threadId": thread});
        self.write_line(&json!({"method": "item/started", "params": params, "emittedAtMs": millis()}));
        self.wait(Duration::from_secs(1_000_000))
    }

    fn question(&mut self, question: &str, options: &[String]) -> Result<(), Stop> {
        let call = format!("call_{}", uuid());
        let options: Vec<Value> = options.iter().map(|label| json!({"label": label, "description": ""})).collect();
        let questions = json!([{"id": "q1", "header": "Choose", "question": question, "isOther": true, "isSecret": false, "options": options}]);
        self.record_call("request_user_input", &call, &json!({"questions": questions}));
        let params = json!({"turnId": self.open_turn(), "itemId": call, "questions": questions, "isBlocking": true});
        let Some(answer) = self.request("item/tool/requestUserInput", params) else { return Err(Stop::Interrupted) };
        self.record_output(&call, &answer.to_string());
        let chosen = answer["answers"]["q1"]["answers"][0].as_str().unwrap_or("nothing").to_owned();
        self.say(&split_words(&format!("You chose {chosen}.")))
    }

    fn plan(&mut self, items: &[String]) {
        let step = |names: [&str; 2]| {
            let steps = items.iter().enumerate();
            steps.map(|(at, item)| json!({"step": item, "status": names[usize::from(at > 0)]})).collect::<Vec<_>>()
        };
        let call = format!("call_{}", uuid());
        self.record_call("update_plan", &call, &json!({"plan": step(["in_progress", "pending"])}));
        let plan = step(["inProgress", "pending"]);
        self.notify("turn/plan/updated", json!({"turnId": self.open_turn(), "explanation": null, "plan": plan}));
        self.record_output(&call, "Plan updated");
    }

    fn retry(&mut self) -> Result<(), Stop> {
        let error = json!({"message": "Reconnecting... 1/5", "additionalDetails": "high demand",
            "codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": null}}});
        self.notify("error", json!({"turnId": self.open_turn(), "error": error, "willRetry": true}));
        self.wait(Duration::from_millis(50))
    }

    fn compact(&mut self) {
        let id = uuid();
        let item = self.begin("contextCompaction", &id, json!({}));
        if let Some(rollout) = &mut self.rollout {
            rollout.write("compacted", &json!({"message": "What was text before.", "replacement_history": []}));
        }
        self.complete(item, &[], "ContextCompaction", &[]);
    }

    fn failed(&self, status: u16, text: &str) -> Stop {
        let info = match status {
            401 | 403 => json!("unauthorized"),
            404 => json!("modelNotFound"),
            429 => json!("usageLimitExceeded"),
            _ => json!("internalServerError"),
        };
        if status == 429 {
            let resets = millis() / 1000 + 3600;
            let window = json!({"usedPercent": 100, "windowDurationMins": 300, "resetsAt": resets});
            self.notify("account/rateLimits/updated", json!({"rateLimits": {"limitId": "codex", "primary": window}}));
        }
        let error = json!({"message": text, "codexErrorInfo": info, "additionalDetails": null});
        self.notify("error", json!({"turnId": self.open_turn(), "error": error, "willRetry": false}));
        Stop::Failed(error)
    }

    fn usage(&mut self) {
        self.tokens += 1200;
        let count = |all: u64| {
            json!({"totalTokens": all, "inputTokens": all * 10 / 12, "cachedInputTokens": all / 2,
                "cacheWriteInputTokens": 0, "outputTokens": all * 2 / 12})
        };
        let usage = json!({"total": count(self.tokens), "last": count(1200), "modelContextWindow": 258_400});
        self.notify("thread/tokenUsage/updated", json!({"turnId": self.open_turn(), "tokenUsage": usage}));
        let all = self.tokens;
        if let Some(rollout) = &mut self.rollout {
            let total = json!({"input_tokens": all * 10 / 12, "cached_input_tokens": all / 2, "output_tokens": all * 2 / 12,
                "reasoning_output_tokens": 0, "total_tokens": all});
            rollout.event(
                "token_count",
                &[("info", json!({"total_token_usage": total, "model_context_window": 258_400}))],
            );
        }
    }

    /// Ends the turn.
    fn end(&mut self, turn: &str, end: Result<(), Stop>, twice: bool) {
        let id = json!(turn);
        let (status, error, record) = match end {
            Ok(()) => ("completed", Value::Null, ("task_complete", vec![("turn_id", id), ("duration_ms", json!(10))])),
            Err(Stop::Interrupted) => {
                ("interrupted", Value::Null, ("turn_aborted", vec![("turn_id", id), ("reason", json!("interrupted"))]))
            }
            Err(Stop::Failed(error)) => {
                let kept = json!({"message": error["message"]});
                ("failed", error, ("task_complete", vec![("turn_id", id), ("error", kept)]))
            }
        };
        if let Some(rollout) = &mut self.rollout {
            rollout.event(record.0, &record.1);
        }
        self.open_turn = None;
        self.interrupted = false;
        self.notify("thread/status/changed", json!({"status": {"type": "idle"}}));
        for _ in 0..=u8::from(twice) {
            self.notify("turn/completed", json!({"turn": turn_json(turn, status, &error)}));
        }
    }
}

fn stored_command(command: &str, status: &str, output: &str) -> [(&'static str, Value); 6] {
    [
        ("command", json!(["/bin/bash", "-lc", command])),
        ("source", json!("unified_exec_startup")),
        ("status", json!(status)),
        ("aggregated_output", json!(output)),
        ("exit_code", if status == "completed" { json!(0) } else { Value::Null }),
        ("duration", json!({"secs": 0, "nanos": 5_000_000})),
    ]
}

fn message() -> String {
    format!("msg_{}", uuid().replace('-', ""))
}

/// Splits a text after each space.
fn split_words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}
