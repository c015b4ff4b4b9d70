//! A turn: what the script says, as messages and parts that grow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::state::{Session, State, millis};
use crate::script::{self, Step};

/// Why a turn went no further.
enum Stop {
    /// It was aborted.
    Aborted,
    /// A tool was refused.
    Refused,
    /// The API answered with an error.
    Failed(Value),
}

struct Turn {
    state: Arc<State>,
    session: Arc<Session>,
    /// The user's message.
    user: Value,
    /// The answer's record.
    reply: Value,
    model: Value,
    ends_twice: bool,
}

/// Does what a prompt or a command says, in a thread of its own.
pub fn prompt(state: &Arc<State>, session: &Arc<Session>, body: &Value) -> JoinHandle<()> {
    let (state, session, body) = (state.clone(), session.clone(), body.clone());
    std::thread::spawn(move || {
        let _one = session.turn.lock().expect("the last turn");
        let mut turn = Turn::new(state, session.clone(), &body);
        let command = body["command"].as_str().map(|name| format!("say {name} of {}", body["arguments"]));
        let text = command.or_else(|| body["parts"][0]["text"].as_str().map(str::to_owned)).unwrap_or_default();
        crate::log::write(&json!({"prompt": text, "session": turn.session.id}));
        if body["model"]["modelID"] == "nope" {
            return turn.unknown_model();
        }
        turn.begin(&body, &json!({"type": "text", "text": text}));
        let steps = script::parse(&text);
        let end = steps.into_iter().try_for_each(|step| turn.step(step));
        turn.end(end);
    })
}

/// Condenses, in a thread of its own.
pub fn compact(state: &Arc<State>, session: &Arc<Session>, body: &Value) -> JoinHandle<()> {
    let (state, session, body) = (state.clone(), session.clone(), json!({"model": body}));
    std::thread::spawn(move || {
        let _one = session.turn.lock().expect("the last turn");
        let mut turn = Turn::new(state, session.clone(), &body);
        turn.begin(&body, &json!({"type": "compaction", "auto": false}));
        let end = turn.step(Step::Compact);
        turn.end(end);
    })
}

impl Turn {
    fn new(state: Arc<State>, session: Arc<Session>, body: &Value) -> Self {
        session.aborted.store(false, Ordering::SeqCst);
        let told = &body["model"];
        let model = if told.is_object() { told.clone() } else { json!({"providerID": "lab", "modelID": "big"}) };
        Self { state, session, user: Value::Null, reply: Value::Null, model, ends_twice: false }
    }

    fn tell(&self, kind: &str, mut properties: Value) {
        properties["sessionID"] = self.session.id.as_str().into();
        self.state.tell(&self.session.directory, kind, &properties);
    }

    fn message(&self, info: &Value) {
        self.session.put_message(info);
        self.tell("message.updated", json!({"info": info}));
    }

    fn part(&self, part: &Value) {
        self.session.put_part(part);
        self.tell("message.part.updated", json!({"part": part}));
    }

    fn begin(&mut self, body: &Value, part: &Value) {
        let id = |given: &Value, prefix: &str| given.as_str().map_or_else(|| self.state.id(prefix), str::to_owned);
        let message = id(&body["messageID"], "msg");
        self.user = json!({"id": message, "sessionID": self.session.id, "role": "user", "agent": "build",
            "time": {"created": millis()}, "model": self.model});
        let mut part = part.clone();
        part["id"] = id(&body["parts"][0]["id"], "prt").into();
        part["messageID"] = message.as_str().into();
        part["sessionID"] = self.session.id.as_str().into();
        self.message(&self.user);
        self.part(&part);
        self.session.busy.store(true, Ordering::SeqCst);
        self.tell("session.status", json!({"status": {"type": "busy"}}));
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

    /// A new part of the answer.
    fn new_part(&self, fields: Value) -> Value {
        let mut part = fields;
        part["id"] = self.state.id("prt").into();
        part["messageID"] = self.reply["id"].clone();
        part["sessionID"] = self.session.id.as_str().into();
        part
    }

    fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Say(text) => self.text("text", &words(&text))?,
            Step::Think(text) => self.text("reasoning", &words(&text))?,
            Step::Flood(count) => {
                self.text("text", &(0..count).map(|at| format!("piece {at} ")).collect::<Vec<_>>())?
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
                self.state.deaf.store(true, Ordering::SeqCst);
                script::misbehave(&Step::Deaf);
            }
            Step::Garbage => self.garbage(),
            Step::Close => self.state.hang_up(),
            Step::Twice => self.ends_twice = true,
            Step::Fail(status, text) => return Err(Stop::Failed(api_error(status, &text))),
            Step::Retry => {
                let next = millis() + 20;
                let retry = json!({"type": "retry", "attempt": 1, "message": "slow down", "next": next});
                self.tell("session.status", json!({"status": retry}));
                self.wait(Duration::from_millis(20))?;
                self.tell("session.status", json!({"status": {"type": "busy"}}));
            }
            Step::Compact => {
                self.complete("stop");
                self.open_reply("compaction");
                self.text("text", &words("what was said so far"))?;
                self.complete("stop");
                self.tell("session.compacted", json!({}));
            }
            Step::Stray => self.stray(),
            step @ (Step::Crash(_) | Step::Grandchild) => {
                script::misbehave(&step);
            }
        }
        Ok(())
    }

    fn heed(&self) -> Result<(), Stop> {
        if self.session.aborted.load(Ordering::SeqCst) { Err(Stop::Aborted) } else { Ok(()) }
    }

    fn wait(&self, time: Duration) -> Result<(), Stop> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.heed()?;
            std::thread::sleep(left.min(Duration::from_millis(2)));
        }
        self.heed()
    }

    /// Empty, then piece by piece, then whole: as the real one streams.
    fn text(&self, kind: &str, pieces: &[String]) -> Result<(), Stop> {
        let mut part = self.new_part(json!({"type": kind, "text": "", "time": {"start": millis()}}));
        self.part(&part);
        let mut text = String::new();
        for piece in pieces {
            if self.heed().is_err() {
                break;
            }
            text.push_str(piece);
            self.tell(
                "message.part.delta",
                json!({"messageID": part["messageID"], "partID": part["id"],
                "field": "text", "delta": piece}),
            );
        }
        part["text"] = text.trim_end().into();
        part["time"]["end"] = millis().into();
        self.part(&part);
        self.heed()
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
            let asked = json!({"id": self.state.id("per"), "sessionID": self.session.id, "permission": "bash",
                "patterns": [command], "metadata": input, "always": [format!("{command} *")],
                "tool": {"messageID": part["messageID"], "callID": call}});
            let answer = self.state.wait_for(&self.session, "permission.asked", asked);
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
        self.heed()
    }

    fn question(&mut self, question: &str, options: &[String]) -> Result<(), Stop> {
        let call = self.state.id("call");
        let options: Vec<Value> = options.iter().map(|label| json!({"label": label, "description": ""})).collect();
        let asked = json!({"id": self.state.id("que"), "sessionID": self.session.id,
            "questions": [{"question": question, "header": "Choose", "options": options}],
            "tool": {"messageID": self.reply["id"], "callID": call}});
        let answer = self.state.wait_for(&self.session, "question.asked", asked).ok_or(Stop::Aborted)?;
        if answer["word"] == "reject" {
            return Err(Stop::Refused);
        }
        self.text(
            "text",
            &words(&format!("you chose {}", answer["body"]["answers"][0][0].as_str().unwrap_or("nothing"))),
        )
    }

    fn plan(&self, items: &[String]) {
        let todos: Vec<Value> =
            items.iter().map(|item| json!({"content": item, "status": "pending", "priority": "low"})).collect();
        self.tell("todo.updated", json!({"todos": todos}));
        let time = json!({"start": millis(), "end": millis()});
        self.part(&self.new_part(json!({"type": "tool", "tool": "todowrite", "callID": self.state.id("call"),
            "state": {"status": "completed", "input": {"todos": todos}, "output": "[]", "title": "todos",
                "metadata": {"todos": todos}, "time": time}})));
    }

    fn garbage(&self) {
        self.state
            .say(b"data: not json at all\n\ndata: {\"half\":\n\n: a comment\n\nevent: odd\ndata: \xff\xfe\xc3(\n\n");
        let id = self.session.id.as_str();
        self.state
            .say(format!("data: {{\"type\":\"message.part.updated\",\"properties\":[\"{id}\"]}}\r\n\r\n").as_bytes());
        self.tell("who.knows", json!({"x": "\u{1b}[2J"}));
    }

    fn stray(&self) {
        self.tell("permission.replied", json!({"requestID": "per_nobody", "reply": "once"}));
        let other = json!({"sessionID": "ses_another"});
        self.state.tell(&self.session.directory, "session.idle", &other);
        self.tell(
            "message.part.delta",
            json!({"messageID": "msg_x", "partID": "prt_x", "field": "text", "delta": "?"}),
        );
    }

    /// The answer's record is complete.
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
                self.tell("session.error", json!({"error": error}));
                self.reply["error"] = error;
                self.complete("error");
            }
        }
        self.session.busy.store(false, Ordering::SeqCst);
        self.tell("session.status", json!({"status": {"type": "idle"}}));
        self.tell("session.idle", json!({}));
        if self.ends_twice {
            self.tell("session.idle", json!({}));
        }
        self.tell("session.updated", json!({"info": self.session.info()}));
    }

    /// As the real one: an error, told twice, and no answer at all.
    fn unknown_model(&self) {
        for message in ["Model not found: lab/nope.", "ProviderModelNotFoundError: Model not found\n    at getModel"] {
            let error = json!({"name": "UnknownError", "data": {"message": message}});
            self.tell("session.error", json!({"error": error}));
        }
    }
}

fn api_error(status: u16, text: &str) -> Value {
    json!({"name": "APIError", "data": {"message": text, "statusCode": status, "isRetryable": false,
        "responseHeaders": {"retry-after": "30"}}})
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}
