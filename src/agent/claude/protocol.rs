//! Claude Code driven by stream-json on stdin and stdout (2.1.329): one process for many turns.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::tools;
use crate::agent::protocol::{
    Codec, Command, Conversation, Incoming, Opening, Outgoing, Protocol, Setting, Signal, Step, Wire,
};
use crate::domain::approval::{Answer, Approval, Choice, ChoiceKind, Question};
use crate::domain::event::{Body, Level, Piece};
use crate::domain::launch::Launch;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Activity, Failure, Offers, Outcome};
use crate::domain::transcript::ToolStatus;
use crate::domain::{Event, Key, Time, Tokens};

/// How Claude Code is driven.
#[derive(Debug)]
pub struct Stream;

impl Protocol for Stream {
    fn wire(&self) -> Wire {
        Wire::Lines
    }

    fn launch(&self, opening: &Opening) -> Launch {
        let mut args: Vec<String> = [
            "-p",
            "--input-format=stream-json",
            "--output-format=stream-json",
            "--verbose",
            "--include-partial-messages",
            "--replay-user-messages",
            "--permission-prompt-tool=stdio",
        ]
        .map(String::from)
        .to_vec();
        let mut option = |name: &str, value: &str| args.push(format!("--{name}={value}"));
        if let Some(model) = &opening.model {
            option("model", model);
        }
        if let Some(mode) = &opening.mode {
            option("permission-mode", mode);
        }
        if let Some(effort) = &opening.effort {
            option("effort", effort);
        }
        match &opening.conversation {
            Conversation::New { id: Some(id) } => option("session-id", id),
            Conversation::New { id: None } => {}
            Conversation::Resume(id) => option("resume", id),
            Conversation::Fork(id) => {
                option("resume", id);
                args.push("--fork-session".into());
            }
        }
        args.extend(opening.extra.iter().cloned());
        Launch { program: "claude".into(), args, cwd: opening.cwd.clone() }
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(StreamCodec::default())
    }
}

/// What a control request of ours asked for.
#[derive(Clone, Debug)]
enum Asked {
    Initialize,
    Interrupt,
    Model,
    Mode(String),
}

/// One process's conversation.
#[derive(Debug, Default)]
struct StreamCodec {
    /// Ids of our control requests, and what each asked for.
    asked: HashMap<String, Asked>,
    requests: u64,
    /// Prompts that were written and not echoed yet, by the uuid we gave them.
    prompts: Vec<(String, PromptId)>,
    /// Requests for permission that wait, by their id, with their input and what may be granted for good.
    permissions: HashMap<Arc<str>, (Value, Value)>,
    /// The message that streams now, and the index of its block that does.
    message: String,
    block: u64,
    session: Option<Arc<str>>,
    /// A retry was announced and nothing came since.
    retrying: bool,
}

impl Codec for StreamCodec {
    fn command(&mut self, command: Command, now: Time) -> Step {
        let mut step = Step::default();
        match command {
            Command::Open(_) => self.ask(Asked::Initialize, json!({"subtype": "initialize", "hooks": null}), &mut step),
            Command::Prompt { id, text } => self.prompt(id, &text, now, &mut step),
            Command::Interrupt => self.ask(Asked::Interrupt, json!({"subtype": "interrupt"}), &mut step),
            Command::Answer { id, answer } => self.answer(&id, &answer, &mut step),
            Command::Set(Setting::Model(model)) => {
                self.ask(Asked::Model, json!({"subtype": "set_model", "model": model}), &mut step);
            }
            Command::Set(Setting::Mode(mode)) => {
                let request = json!({"subtype": "set_permission_mode", "mode": mode});
                self.ask(Asked::Mode(mode), request, &mut step);
            }
            Command::Set(Setting::Effort(effort)) => step.signals.push(notice(
                &format!("effort-{}", now.millis()),
                Level::Info,
                format!("Claude Code takes an effort only at its start: {effort} applies when the session is resumed."),
            )),
            Command::Close => {}
        }
        step
    }

    fn decode(&mut self, incoming: Incoming<'_>, now: Time) -> Step {
        let mut step = Step::default();
        let Incoming::Line(line) = incoming else { return step };
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return step;
        }
        let Ok(record) = serde_json::from_str::<Value>(&text) else {
            step.signals.push(Signal::Event(Event {
                key: Key::new(&text, 0),
                time: Some(now),
                body: Body::Other(crate::stdx::text::first_chars(&text, 2000).to_owned()),
            }));
            return step;
        };
        self.record(&record, now, &mut step);
        step
    }
}

impl StreamCodec {
    fn ask(&mut self, asked: Asked, request: Value, step: &mut Step) {
        self.requests += 1;
        let id = format!("salon-{}", self.requests);
        send(json!({"type": "control_request", "request_id": id, "request": request}), step);
        self.asked.insert(id, asked);
    }

    fn prompt(&mut self, id: PromptId, text: &str, now: Time, step: &mut Step) {
        let uuid = uuid_of(id, now);
        send(json!({"type": "user", "message": {"role": "user", "content": text}, "uuid": uuid}), step);
        step.signals.push(Signal::Event(Event {
            key: Key::new(&uuid, 0),
            time: Some(now),
            body: Body::Prompt(text.to_owned()),
        }));
        self.prompts.push((uuid, id));
    }

    fn answer(&mut self, id: &Arc<str>, answer: &Answer, step: &mut Step) {
        let Some((mut input, suggestions)) = self.permissions.remove(id) else { return };
        let response = match answer {
            Answer::Answers(answers) => {
                let asked = input["questions"].as_array().cloned().unwrap_or_default();
                let given = asked.iter().zip(answers).map(|(question, chosen)| {
                    (question["question"].as_str().unwrap_or_default().to_owned(), json!(chosen.join(", ")))
                });
                input["answers"] = Value::Object(given.collect());
                json!({"behavior": "allow", "updatedInput": input})
            }
            Answer::Choice { token, reason } => match &**token {
                "allow" => json!({"behavior": "allow", "updatedInput": input}),
                "deny" | "deny-stop" => {
                    let message = reason.as_deref().unwrap_or("The user said no.");
                    json!({"behavior": "deny", "message": message, "interrupt": &**token == "deny-stop"})
                }
                other => {
                    let index: usize = other.strip_prefix("always-").and_then(|at| at.parse().ok()).unwrap_or(0);
                    let granted = suggestions.get(index).cloned().into_iter().collect::<Vec<_>>();
                    json!({"behavior": "allow", "updatedInput": input, "updatedPermissions": granted})
                }
            },
        };
        let response = json!({"subtype": "success", "request_id": &**id, "response": response});
        send(json!({"type": "control_response", "response": response}), step);
        step.signals.push(Signal::ApprovalGone(id.clone()));
    }

    fn record(&mut self, record: &Value, now: Time, step: &mut Step) {
        if let Some(id) = record["session_id"].as_str().filter(|id| self.session.as_deref() != Some(id)) {
            self.session = Some(id.into());
            step.signals.push(Signal::Session(id.into()));
        }
        // A sub-agent's own traffic stands in its own transcript.
        if record["parent_tool_use_id"].is_string() {
            return;
        }
        let time = record["timestamp"].as_str().and_then(Time::parse).or(Some(now));
        match record["type"].as_str().unwrap_or_default() {
            "system" => self.system(record, now, step),
            "stream_event" => self.streamed(&record["event"], time, step),
            "assistant" => self.assistant(record, time, step),
            "user" => self.user(record, time, step),
            "control_request" => self.requested(record, now, step),
            "control_cancel_request" => {
                if let Some(id) = record["request_id"].as_str() {
                    self.permissions.remove(id);
                    step.signals.push(Signal::ApprovalGone(id.into()));
                }
            }
            "control_response" => self.responded(&record["response"], step),
            "result" => self.result(record, step),
            _ => {}
        }
    }

    fn system(&mut self, record: &Value, now: Time, step: &mut Step) {
        match record["subtype"].as_str().unwrap_or_default() {
            "init" => {
                let word = |name: &str| record[name].as_str().map(Arc::from);
                step.signals.push(Signal::TurnStarted);
                step.signals.push(Signal::Settings {
                    model: word("model"),
                    mode: word("permissionMode"),
                    effort: None,
                });
            }
            "status" => match record["status"].as_str() {
                Some("compacting") => step.signals.push(Signal::Activity(Activity::Compacting)),
                Some(_) => self.answering(step),
                None => {}
            },
            "api_retry" => {
                self.retrying = true;
                let attempt = record["attempt"].as_u64().and_then(|at| u32::try_from(at).ok()).unwrap_or(1);
                let delay = record["retry_delay_ms"].as_i64();
                let at = delay.map(|delay| Time::from_millis(now.millis() + delay));
                let reason = match record["error_status"].as_u64() {
                    Some(status) => format!("{} ({status})", record["error"].as_str().unwrap_or("error")),
                    None => record["error"].as_str().unwrap_or("error").to_owned(),
                };
                step.signals.push(Signal::Activity(Activity::Retrying { attempt, at, reason }));
            }
            "compact_boundary" => {
                let id = record["uuid"].as_str().unwrap_or("compact_boundary");
                step.signals.push(notice(id, Level::Boundary, "The conversation was compacted.".into()));
            }
            "task_started" => {
                if let (Some(id), Some(task)) = (record["tool_use_id"].as_str(), record["task_id"].as_str()) {
                    let subagent = Some(format!("agent-{task}").into());
                    step.signals.push(update(id, Some(ToolStatus::Running), None, subagent));
                }
            }
            _ => {}
        }
    }

    fn answering(&mut self, step: &mut Step) {
        self.retrying = false;
        step.signals.push(Signal::Activity(Activity::Answering));
    }

    /// A piece of the model's stream, as the API sends it.
    fn streamed(&mut self, event: &Value, time: Option<Time>, step: &mut Step) {
        if self.retrying {
            self.answering(step);
        }
        let index = event["index"].as_u64().unwrap_or(0);
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => {
                self.message = event["message"]["id"].as_str().unwrap_or_default().to_owned();
            }
            "content_block_start" => {
                self.block = index;
                let block = &event["content_block"];
                if let (Some("tool_use"), Some(id)) = (block["type"].as_str(), block["id"].as_str()) {
                    let name = block["name"].as_str().unwrap_or_default();
                    let body = call(id, name, &Value::Object(serde_json::Map::default()));
                    step.signals.push(Signal::Event(Event { key: self.key(index), time, body }));
                }
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                let piece = |name: &str| Piece::Delta(delta[name].as_str().unwrap_or_default().to_owned());
                let body = match delta["type"].as_str() {
                    Some("text_delta") => Body::Text(piece("text")),
                    Some("thinking_delta") => Body::Thinking(piece("thinking")),
                    _ => return,
                };
                step.signals.push(Signal::Event(Event { key: self.key(index), time, body }));
            }
            _ => {}
        }
    }

    /// A finished block: the whole of what was streamed, or the first that is heard of it.
    fn assistant(&mut self, record: &Value, time: Option<Time>, step: &mut Step) {
        let message = &record["message"];
        let uuid = record["uuid"].as_str().unwrap_or_default();
        if record["isApiErrorMessage"] == true || message["model"] == "<synthetic>" {
            let text = tools::text(&message["content"]);
            step.signals.push(notice(uuid, Level::Error, text));
            return;
        }
        let id = message["id"].as_str().unwrap_or(uuid);
        for block in message["content"].as_array().into_iter().flatten() {
            let body = match block["type"].as_str() {
                Some("text") => Body::Text(whole(block, "text")),
                Some("thinking") => Body::Thinking(whole(block, "thinking")),
                Some("tool_use") => {
                    let id = block["id"].as_str().unwrap_or_default();
                    call(id, block["name"].as_str().unwrap_or_default(), &block["input"])
                }
                _ => continue,
            };
            let index = self.index_of(id, record);
            step.signals.push(Signal::Event(Event { key: Key::new(id, index), time, body }));
        }
    }

    /// Which block of its message a finished block is: as told, else the one that streams now.
    fn index_of(&self, message: &str, record: &Value) -> u32 {
        let streaming = if *self.message == *message { self.block } else { 0 };
        u32::try_from(record["apiBlockIndex"].as_u64().unwrap_or(streaming)).unwrap_or(0)
    }

    fn key(&self, index: u64) -> Key {
        Key::new(&self.message, u32::try_from(index).unwrap_or(0))
    }

    fn user(&mut self, record: &Value, time: Option<Time>, step: &mut Step) {
        let uuid = record["uuid"].as_str().unwrap_or_default();
        if record["isReplay"] == true {
            if let Some(at) = self.prompts.iter().position(|(ours, _)| ours == uuid) {
                let (_, id) = self.prompts.remove(at);
                step.signals.push(Signal::PromptAccepted { id });
            }
            return;
        }
        let content = &record["message"]["content"];
        for block in content.as_array().into_iter().flatten() {
            if let Some(id) = block["tool_use_id"].as_str() {
                // On disk the structured result goes by another name.
                let stored = json!({"toolUseResult": record["tool_use_result"]});
                let body = tools::update(id.into(), block, &stored);
                step.signals.push(Signal::Event(Event { key: Key::new(id, 0), time, body }));
            }
        }
        let text = tools::text(content);
        if text.starts_with("[Request interrupted by user") {
            step.signals.push(notice(uuid, Level::Warning, "Interrupted.".into()));
        }
    }

    fn requested(&mut self, record: &Value, now: Time, step: &mut Step) {
        let request = &record["request"];
        let Some(id) = record["request_id"].as_str() else { return };
        if request["subtype"] != "can_use_tool" {
            let error = json!({"subtype": "error", "request_id": id, "error": "salon does not know this request"});
            send(json!({"type": "control_response", "response": error}), step);
            return;
        }
        let id: Arc<str> = id.into();
        let input = request["input"].clone();
        let suggestions = request["permission_suggestions"].clone();
        let tool = request["tool_name"].as_str().unwrap_or_default();
        step.signals.push(Signal::Approval(Approval {
            id: id.clone(),
            tool_id: request["tool_use_id"].as_str().map(Arc::from),
            tool: tool.into(),
            action: tools::action(tool, &input),
            reason: request["decision_reason"].as_str().map(str::to_owned),
            questions: questions(tool, &input),
            choices: choices(&suggestions),
            input: input.clone(),
            since: Some(now),
        }));
        self.permissions.insert(id, (input, suggestions));
    }

    fn responded(&mut self, response: &Value, step: &mut Step) {
        let Some(asked) = response["request_id"].as_str().and_then(|id| self.asked.remove(id)) else { return };
        let told = &response["response"];
        if response["subtype"] != "success" {
            let error = response["error"].as_str().unwrap_or("refused");
            if matches!(asked, Asked::Initialize) {
                // An older version: it works, it only does not say what it offers.
                step.signals.push(Signal::Ready(Offers::default()));
            }
            step.signals.push(notice(error, Level::Warning, format!("Claude Code refused: {error}")));
            return;
        }
        match asked {
            Asked::Initialize => step.signals.push(Signal::Ready(offers(told))),
            Asked::Interrupt => {}
            Asked::Model => {
                let model = told["model"].as_str().map(Arc::from);
                step.signals.push(Signal::Settings { model, mode: None, effort: None });
            }
            Asked::Mode(mode) => {
                step.signals.push(Signal::Settings { model: None, mode: Some(mode.into()), effort: None });
            }
        }
    }

    fn result(&mut self, record: &Value, step: &mut Step) {
        // What was written before this end and not echoed is with the agent all the same.
        let usage = &record["modelUsage"];
        let models = || usage.as_object().into_iter().flat_map(serde_json::Map::values);
        let sum = |name: &str| models().filter_map(|model| model[name].as_u64()).sum();
        let window = models().filter_map(|model| model["contextWindow"].as_u64()).max();
        let count = |name: &str| record["usage"][name].as_u64().unwrap_or(0);
        let held = count("input_tokens") + count("cache_read_input_tokens") + count("cache_creation_input_tokens");
        let tokens = Tokens {
            input: sum("inputTokens"),
            output: sum("outputTokens"),
            cache_read: sum("cacheReadInputTokens"),
            cache_write: sum("cacheCreationInputTokens"),
        };
        step.signals.push(Signal::Usage {
            tokens: (tokens.total() > 0).then_some(tokens),
            cost_usd: record["total_cost_usd"].as_f64(),
            context: window.filter(|_| held > 0).map(|window| (held, window)),
        });
        step.signals.push(Signal::TurnEnded(outcome(record)));
    }
}

fn outcome(record: &Value) -> Outcome {
    if record["is_error"] != true && record["subtype"] == "success" {
        return Outcome::Done;
    }
    if record["terminal_reason"].as_str().is_some_and(|reason| reason.starts_with("aborted")) {
        return Outcome::Interrupted;
    }
    let errors = record["errors"].as_array().map(|errors| tools::text(&json!(errors))).unwrap_or_default();
    let message = record["result"].as_str().filter(|text| !text.is_empty()).map_or(errors, str::to_owned);
    Outcome::Failed(match record["api_error_status"].as_u64() {
        Some(401 | 403) => Failure::NotLoggedIn(message),
        Some(404) => Failure::UnknownModel(message),
        Some(429) => Failure::RateLimited { until: None, message },
        _ => Failure::Other(message),
    })
}

fn offers(told: &Value) -> Offers {
    let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    let word = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Offers {
        models: list("models").iter().map(|model| (word(model, "value"), word(model, "displayName"))).collect(),
        modes: ["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"].map(String::from).to_vec(),
        efforts: Vec::new(),
        commands: list("commands")
            .iter()
            .map(|command| (word(command, "name"), word(command, "description")))
            .collect(),
        version: told["claude_code_version"].as_str().map(str::to_owned),
    }
}

fn choices(suggestions: &Value) -> Vec<Choice> {
    let choice = |kind, label: &str, token: &str| Choice { kind, label: label.to_owned(), token: token.into() };
    let mut choices = vec![choice(ChoiceKind::AllowOnce, "Yes", "allow")];
    for (at, suggestion) in suggestions.as_array().into_iter().flatten().enumerate() {
        let label = format!("Yes, and {}", granted(suggestion));
        choices.push(choice(ChoiceKind::AllowAlways, &label, &format!("always-{at}")));
    }
    choices.push(choice(ChoiceKind::Deny, "No, go on without it", "deny"));
    choices.push(choice(ChoiceKind::DenyAndStop, "No, and stop", "deny-stop"));
    choices
}

/// What a suggestion would grant, in words.
fn granted(suggestion: &Value) -> String {
    let place = match suggestion["destination"].as_str() {
        Some("session") => "in this session",
        Some("localSettings" | "projectSettings") => "in this project",
        Some("userSettings") => "everywhere",
        _ => "from now on",
    };
    match suggestion["type"].as_str() {
        Some("addRules") => {
            let rules = suggestion["rules"].as_array().into_iter().flatten().map(|rule| {
                let tool = rule["toolName"].as_str().unwrap_or_default();
                rule["ruleContent"].as_str().map_or_else(|| tool.to_owned(), |content| format!("{tool}({content})"))
            });
            format!("always allow {} {place}", rules.collect::<Vec<_>>().join(", "))
        }
        Some("addDirectories") => {
            let directories = suggestion["directories"].as_array().into_iter().flatten().filter_map(Value::as_str);
            format!("allow work in {} {place}", directories.collect::<Vec<_>>().join(", "))
        }
        Some("setMode") => format!("switch to {} {place}", suggestion["mode"].as_str().unwrap_or("another mode")),
        _ => format!("do not ask again {place}"),
    }
}

fn questions(tool: &str, input: &Value) -> Vec<Question> {
    if tool != "AskUserQuestion" {
        return Vec::new();
    }
    let options = |question: &Value| {
        let options = question["options"].as_array().into_iter().flatten();
        options.map(|option| option["label"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let asked = input["questions"].as_array().into_iter().flatten();
    asked
        .map(|question| Question {
            text: question["question"].as_str().unwrap_or_default().to_owned(),
            options: options(question),
            multiple: question["multiSelect"] == true,
        })
        .collect()
}

fn call(id: &str, name: &str, input: &Value) -> Body {
    Body::ToolCall { id: id.into(), name: name.into(), input: input.clone(), action: tools::action(name, input) }
}

fn update(id: &str, status: Option<ToolStatus>, output: Option<Piece>, subagent: Option<Arc<str>>) -> Signal {
    let body = Body::ToolUpdate { id: id.into(), status, output, duration_ms: None, subagent, action: None };
    Signal::Event(Event { key: Key::new(id, 0), time: None, body })
}

fn notice(id: &str, level: Level, text: String) -> Signal {
    Signal::Event(Event { key: Key::new(id, 0), time: None, body: Body::Notice { level, text } })
}

fn whole(block: &Value, name: &str) -> Piece {
    Piece::Whole(block[name].as_str().unwrap_or_default().to_owned())
}

fn send(message: Value, step: &mut Step) {
    step.outgoing.push(Outgoing::Line(message.to_string().into_bytes()));
}

/// A uuid that names a prompt: unique for the prompt and the moment, which is all that the agent asks of it.
fn uuid_of(id: PromptId, now: Time) -> String {
    let (id, now) = (id.0.cast_unsigned(), now.millis().cast_unsigned());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        now >> 16 & 0xffff_ffff,
        now & 0xffff,
        id >> 48 & 0xfff,
        id >> 36 & 0xfff,
        id & 0xffff_ffff_ffff
    )
}
