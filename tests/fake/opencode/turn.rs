//! A turn: executes the script, with messages and parts that grow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Session, State, millis};
use crate::script::{self, Step};

/// Reason for a turn's early end.
enum Stop {
    /// Aborted.
    Aborted,
    /// Tool denied.
    Refused,
    /// API error.
    Failed(Value),
}

struct Turn {
    state: Arc<State>,
    session: Arc<Session>,
    /// Record of the user's message.
    user: Value,
    /// Record of the reply.
    reply: Value,
    model: Value,
    end_twice: bool,
}

/// Executes a prompt or a command, in a thread of its own.
pub fn prompt(state: &Arc<State>, session: &Arc<Session>, body: &Value) -> JoinHandle<()> {
    let (state, session, body) = (state.clone(), session.clone(), body.clone());
    std::thread::spawn(move || {
        let _one = session.turn.lock().expect("the last turn");
        session.aborted.store(false, Ordering::SeqCst);
        let mut turn = Turn::new(state, session.clone(), &body);
        let command = body["command"].as_str().map(|name| format!("say {name} of {}", body["arguments"]));
        let text = command.or_else(|| body["parts"][0]["text"].as_str().map(str::to_owned)).unwrap_or_default();
        crate::log::write(&json!({"prompt": text, "session": turn.session.id}));
        if body["model"]["modelID"] == "nope" {
            return turn.unknown_model();
        }
        turn.begin(&body, &json!({"type": "text", "text": text}));
        let mut end = script::parse(&text).into_iter().try_for_each(|step| turn.step(step));
        while end.is_ok() {
            let Some((user, text)) = session.next_joined() else { break };
            crate::log::write(&json!({"prompt": text, "session": turn.session.id}));
            turn.user = user;
            turn.open_reply("build");
            end = script::parse(&text).into_iter().try_for_each(|step| turn.step(step));
        }
        turn.end(end);
    })
}

/// Adds a prompt to the running turn, which answers it with its next step. Returns false if no turn is running, or if it
/// is being aborted.
pub fn join(state: &Arc<State>, session: &Arc<Session>, body: &Value) -> bool {
    let mut joined = session.joined.lock().expect("prompts");
    if !session.busy.load(Ordering::SeqCst) || session.aborted.load(Ordering::SeqCst) {
        return false;
    }
    let turn = Turn::new(state.clone(), session.clone(), body);
    let user = turn.store_prompt(body, &body["parts"][0]);
    let text = body["parts"][0]["text"].as_str().unwrap_or_default().to_owned();
    joined.push_back((user, text));
    true
}

/// Compacts, in a thread of its own.
pub fn compact(state: &Arc<State>, session: &Arc<Session>, body: &Value) -> JoinHandle<()> {
    let (state, session, body) = (state.clone(), session.clone(), json!({"model": body}));
    std::thread::spawn(move || {
        let _one = session.turn.lock().expect("the last turn");
        session.aborted.store(false, Ordering::SeqCst);
        let mut turn = Turn::new(state, session.clone(), &body);
        turn.begin(&body, &json!({"type": "compaction", "auto": false}));
        let end = turn.step(Step::Compact);
        turn.end(end);
    })
}

impl Turn {
    fn new(state: Arc<State>, session: Arc<Session>, body: &Value) -> Self {
        let model_given = &body["model"];
        let model =
            if model_given.is_object() { model_given.clone() } else { json!({"providerID": "lab", "modelID": "big"}) };
        Self { state, session, user: Value::Null, reply: Value::Null, model, end_twice: false }
    }

    fn send_event(&self, kind: &str, mut properties: Value) {
        properties["sessionID"] = self.session.id.as_str().into();
        self.state.send_event(&self.session.directory, kind, &properties);
    }

    fn message(&self, info: &Value) {
        self.session.put_message(info);
        self.send_event("message.updated", json!({"info": info}));
    }

    fn part(&self, part: &Value) {
        self.session.put_part(part);
        self.send_event("message.part.updated", json!({"part": part}));
    }

    /// Stores the message of a prompt: its text, and its files.
    fn store_prompt(&self, body: &Value, part: &Value) -> Value {
        let id = |given: &Value, prefix: &str| given.as_str().map_or_else(|| self.state.id(prefix), str::to_owned);
        let message = id(&body["messageID"], "msg");
        let user = json!({"id": message, "sessionID": self.session.id, "role": "user", "agent": "build",
            "time": {"created": millis()}, "model": self.model});
        self.message(&user);
        let files = body["parts"].as_array().into_iter().flatten().filter(|part| part["type"] == "file");
        for part in std::iter::once(part).chain(files) {
            let mut part = part.clone();
            let first = part["type"] != "file";
            part["id"] = if first { id(&body["parts"][0]["id"], "prt") } else { self.state.id("prt") }.into();
            part["messageID"] = message.as_str().into();
            part["sessionID"] = self.session.id.as_str().into();
            self.part(&part);
        }
        user
    }

    fn begin(&mut self, body: &Value, part: &Value) {
        self.user = self.store_prompt(body, part);
        self.session.busy.store(true, Ordering::SeqCst);
        self.send_event("session.status", json!({"status": {"type": "busy"}}));
        self.open_reply("build");
    }

    fn open_reply(&mut self, mode: &str) {
        self.reply = json!({"id": self.state.id("msg"), "sessionID": self.session.id, "role": "assistant",
            "parentID": self.user["id"], "mode": mode, "agent": mode, "cost": 0,
            "modelID": self.model["modelID"], "providerID": self.model["providerID"],
            "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
            "time": {"created": millis()}});
        if mode == "compaction" {
            self.reply["summary"] = true.into();
        }
        self.message(&self.reply);
    }

    /// Creates a part of the reply.
    fn new_part(&self, fields: Value) -> Value {
        let mut part = fields;
        part["id"] = self.state.id("prt").into();
        part["messageID"] = self.reply["id"].clone();
        part["sessionID"] = self.session.id.as_str().into();
        part
    }

    fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Say(text) => self.text("text", &split_words(&text))?,
            Step::Think(text) => self.text("reasoning", &split_words(&text))?,
            Step::Flood(count) => {
                let chunks: Vec<String> = (0..count).map(|at| format!("piece {at} ")).collect();
                self.text("text", &chunks)?;
            }
            Step::Long(bytes) => {
                let time = json!({"start": millis(), "end": millis()});
                self.part(&self.new_part(json!({"type": "text", "text": "x".repeat(bytes), "time": time})));
            }
            Step::Run(command) => self.bash(&command, false)?,
            Step::Ask(command) => self.bash(&command, true)?,
            Step::Question(question, options) => self.question(&question, &options)?,
            Step::Plan(items) => self.plan(&items),
            Step::Wait(time) => self.wait(time)?,
            Step::Hang => self.wait(Duration::from_secs(1_000_000))?,
            Step::Deaf => {
                self.state.ignores_aborts.store(true, Ordering::SeqCst);
                script::run_common_step(&Step::Deaf);
            }
            Step::Garbage => self.garbage(),
            Step::Close => self.state.close_streams(),
            Step::Twice => self.end_twice = true,
            Step::Delegate(command) => self.delegate(&command)?,
            // This agent reports no background tasks.
            Step::Background(_) => {}
            Step::Fail(status, text) => return Err(Stop::Failed(api_error(status, &text))),
            Step::Retry => {
                let next = millis() + 20;
                let retry = json!({"type": "retry", "attempt": 1, "message": "slow down", "next": next});
                self.send_event("session.status", json!({"status": retry}));
                self.wait(Duration::from_millis(20))?;
                self.send_event("session.status", json!({"status": {"type": "busy"}}));
            }
            Step::Compact => {
                self.complete("stop");
                self.open_reply("compaction");
                self.text("text", &split_words("what was said so far"))?;
                self.complete("stop");
                self.send_event("session.compacted", json!({}));
            }
            // It reads and writes files itself.
            Step::ReadFile(_) | Step::WriteFile(..) | Step::Terminal(_) | Step::TerminalIn(_) | Step::TerminalLeft => {}
            Step::Stray => self.stray(),
            step @ (Step::Crash(_) | Step::Grandchild | Step::Stubborn) => {
                script::run_common_step(&step);
            }
        }
        Ok(())
    }

    /// Starts a sub-agent, whose parts are in a session of its own.
    fn delegate(&mut self, command: &str) -> Result<(), Stop> {
        let child = self.state.id("ses");
        let state = json!({"status": "running", "input": {"description": "A task", "prompt": "Do it"},
            "metadata": {"sessionId": child}, "time": {"start": millis()}});
        self.part(
            &self.new_part(json!({"type": "tool", "tool": "task", "callID": self.state.id("call"), "state": state})),
        );
        let state = json!({"status": "running", "input": {"command": command}, "time": {"start": millis()}});
        let part = json!({"id": self.state.id("prt"), "messageID": self.state.id("msg"), "sessionID": child,
            "type": "tool", "tool": "bash", "callID": "inner", "state": state});
        let properties = json!({"sessionID": child, "part": part});
        self.state.send_event(&self.session.directory, "message.part.updated", &properties);
        self.wait(Duration::from_secs(1_000_000))
    }

    fn check_abort(&self) -> Result<(), Stop> {
        if self.session.aborted.load(Ordering::SeqCst) { Err(Stop::Aborted) } else { Ok(()) }
    }

    fn wait(&self, time: Duration) -> Result<(), Stop> {
        script::wait(time, |left| {
            self.check_abort()?;
            std::thread::sleep(left.min(Duration::from_millis(2)));
            Ok(())
        })?;
        self.check_abort()
    }

    /// Sends the part empty, then deltas, then the whole part, like the real server.
    fn text(&self, kind: &str, chunks: &[String]) -> Result<(), Stop> {
        let mut part = self.new_part(json!({"type": kind, "text": "", "time": {"start": millis()}}));
        self.part(&part);
        let mut text = String::new();
        for chunk in chunks {
            if self.check_abort().is_err() {
                break;
            }
            text.push_str(chunk);
            self.send_event(
                "message.part.delta",
                json!({"messageID": part["messageID"], "partID": part["id"],
                "field": "text", "delta": chunk}),
            );
        }
        part["text"] = text.trim_end().into();
        part["time"]["end"] = millis().into();
        self.part(&part);
        self.check_abort()
    }

    fn bash(&mut self, command: &str, ask: bool) -> Result<(), Stop> {
        let call = self.state.id("call");
        let mut part = self.new_part(json!({"type": "tool", "tool": "bash", "callID": call,
            "state": {"status": "pending", "input": {}, "raw": ""}}));
        self.part(&part);
        let (input, start) = (json!({"command": command}), millis());
        part["state"] = json!({"status": "running", "input": input, "time": {"start": start}});
        self.part(&part);
        let ended = || json!({"start": start, "end": millis()});
        if ask {
            let request = json!({"id": self.state.id("per"), "sessionID": self.session.id, "permission": "bash",
                "patterns": [command], "metadata": input, "always": [format!("{command} *")],
                "tool": {"messageID": part["messageID"], "callID": call}});
            let answer = self.state.request(&self.session, "permission.asked", &request);
            let refused = answer.as_ref().is_none_or(|answer| answer["body"]["reply"] == "reject");
            if refused {
                let message = answer.as_ref().and_then(|answer| answer["body"]["message"].as_str());
                let error = match (&answer, message) {
                    (None, _) => "Tool execution aborted".to_owned(),
                    (_, None) => "The user rejected permission to use this specific tool call.".to_owned(),
                    (_, Some(message)) => format!(
                        "The user rejected permission to use this specific tool call with the following feedback: {message}"
                    ),
                };
                part["state"] = json!({"status": "error", "input": input, "error": error, "time": ended()});
                self.part(&part);
                return match (answer.is_none(), message.is_some()) {
                    (true, _) => Err(Stop::Aborted),
                    (false, true) => Ok(()),
                    (false, false) => Err(Stop::Refused),
                };
            }
        }
        part["state"] = json!({"status": "completed", "input": input, "output": format!("output of {command}"),
            "title": command, "metadata": {"exit": 0}, "time": ended()});
        self.part(&part);
        self.complete("tool-calls");
        self.open_reply("build");
        self.check_abort()
    }

    fn question(&mut self, question: &str, options: &[String]) -> Result<(), Stop> {
        let call = self.state.id("call");
        let options: Vec<Value> = options.iter().map(|label| json!({"label": label, "description": ""})).collect();
        let request = json!({"id": self.state.id("que"), "sessionID": self.session.id,
            "questions": [{"question": question, "header": "Choose", "options": options}],
            "tool": {"messageID": self.reply["id"], "callID": call}});
        let answer = self.state.request(&self.session, "question.asked", &request).ok_or(Stop::Aborted)?;
        if answer["word"] == "reject" {
            return Err(Stop::Refused);
        }
        self.text(
            "text",
            &split_words(&format!("you chose {}", answer["body"]["answers"][0][0].as_str().unwrap_or("nothing"))),
        )
    }

    fn plan(&self, items: &[String]) {
        let todos: Vec<Value> =
            items.iter().map(|item| json!({"content": item, "status": "pending", "priority": "low"})).collect();
        self.send_event("todo.updated", json!({"todos": todos}));
        let time = json!({"start": millis(), "end": millis()});
        self.part(&self.new_part(json!({"type": "tool", "tool": "todowrite", "callID": self.state.id("call"),
            "state": {"status": "completed", "input": {"todos": todos}, "output": "[]", "title": "todos",
                "metadata": {"todos": todos}, "time": time}})));
    }

    fn garbage(&self) {
        self.state.send_bytes(
            b"data: not json at all\n\ndata: {\"half\":\n\n: a comment\n\nevent: odd\ndata: \xff\xfe\xc3(\n\n",
        );
        let id = self.session.id.as_str();
        self.state.send_bytes(
            format!("data: {{\"type\":\"message.part.updated\",\"properties\":[\"{id}\"]}}\r\n\r\n").as_bytes(),
        );
        self.send_event("who.knows", json!({"x": "\u{1b}[2J"}));
    }

    fn stray(&self) {
        self.send_event("permission.replied", json!({"requestID": "per_nobody", "reply": "once"}));
        let other = json!({"sessionID": "ses_another"});
        self.state.send_event(&self.session.directory, "session.idle", &other);
        self.send_event(
            "message.part.delta",
            json!({"messageID": "msg_x", "partID": "prt_x", "field": "text", "delta": "?"}),
        );
    }

    /// Completes the reply's record.
    fn complete(&mut self, finish: &str) {
        self.reply["time"]["completed"] = millis().into();
        self.reply["finish"] = finish.into();
        self.reply["tokens"] = json!({"input": 10, "output": 5, "reasoning": 1, "cache": {"read": 2, "write": 3}});
        self.message(&self.reply);
    }

    fn end(&mut self, end: Result<(), Stop>) {
        match end {
            Ok(()) => self.complete("stop"),
            Err(Stop::Refused) => self.complete("tool-calls"),
            Err(Stop::Aborted) => {
                self.reply["error"] = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
                self.complete("error");
            }
            Err(Stop::Failed(error)) => {
                self.send_event("session.error", json!({"error": error}));
                self.reply["error"] = error;
                self.complete("error");
            }
        }
        self.session.busy.store(false, Ordering::SeqCst);
        self.send_event("session.status", json!({"status": {"type": "idle"}}));
        self.send_event("session.idle", json!({}));
        if self.end_twice {
            self.send_event("session.idle", json!({}));
        }
        self.send_event("session.updated", json!({"info": self.session.info()}));
    }

    /// Like the real server: an error, sent twice, and no reply.
    fn unknown_model(&self) {
        for message in ["Model not found: lab/nope.", "ProviderModelNotFoundError: Model not found\n    at getModel"] {
            let error = json!({"name": "UnknownError", "data": {"message": message}});
            self.send_event("session.error", json!({"error": error}));
        }
    }
}

fn api_error(status: u16, text: &str) -> Value {
    json!({"name": "APIError", "data": {"message": text, "statusCode": status, "isRetryable": false,
        "responseHeaders": {"retry-after": "30"}}})
}

fn split_words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}
