//! A turn over `/api`: executes the script, with messages that grow. `early` is the form of 1.18: other names of events, and
//! no event at the end of an execution.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Session, State, millis};
use crate::script::{self, Step};

/// Reason for a turn's early end.
enum Stop {
    Interrupted,
    Refused,
    Failed(u16, String),
}

struct ApiTurn {
    state: Arc<State>,
    session: Arc<Session>,
    early: bool,
    /// Row of the current reply; null between two.
    reply: Value,
    end_twice: bool,
}

/// Admits a prompt, and executes it unless it joins the running turn.
pub fn prompt(state: &Arc<State>, session: &Arc<Session>, body: &Value, early: bool) -> (u16, Value) {
    let content = if early { &body["prompt"] } else { body };
    let Some(text) = content["text"].as_str().map(str::to_owned) else {
        let name = if early { "prompt" } else { "text" };
        let error = json!({"_tag": "InvalidRequestError", "message": format!("Missing key\n  at [\"{name}\"]")});
        return (400, error);
    };
    let id = body["id"].as_str().map_or_else(|| state.id("msg"), str::to_owned);
    let admitted = json!({"data": {"id": id, "sessionID": session.id, "delivery": "steer"}});
    let stored = session.messages();
    if let Some(known) = stored.as_array().into_iter().flatten().find(|row| row["id"] == id.as_str()) {
        let same = known["text"] == text.as_str();
        return if same { (200, admitted) } else { (409, json!({"_tag": "ConflictError", "message": "conflict"})) };
    }
    let row = json!({"id": id, "type": "user", "text": text, "files": content["files"], "time": {"created": millis()}});
    let turn = ApiTurn { state: state.clone(), session: session.clone(), early, reply: Value::Null, end_twice: false };
    turn.send_input("admitted", &row);
    let mut joined = session.joined.lock().expect("prompts");
    joined.push_back((row, text));
    if !session.busy.swap(true, Ordering::SeqCst) {
        session.aborted.store(false, Ordering::SeqCst);
        std::thread::spawn(move || turn.run());
    }
    (200, admitted)
}

impl ApiTurn {
    fn send_event(&self, kind: &str, mut data: Value) {
        data["sessionID"] = self.session.id.as_str().into();
        let prefix = if self.early { "session.next." } else { "session." };
        if self.early {
            data["timestamp"] = millis().into();
        }
        self.state.send_event(&self.session.directory, &format!("{prefix}{kind}"), &data);
    }

    fn send_input(&self, phase: &str, row: &Value) {
        let content = json!({"text": row["text"], "files": row["files"]});
        match (self.early, phase) {
            (true, "admitted") => {
                self.send_event("prompt.admitted", json!({"messageID": row["id"], "prompt": content}));
            }
            (true, _) => self.send_event("prompted", json!({"messageID": row["id"], "prompt": content})),
            (false, "admitted") => {
                let input = json!({"type": "user", "data": content});
                self.send_event("input.admitted", json!({"inputID": row["id"], "input": input}));
            }
            (false, _) => self.send_event("input.promoted", json!({"inputID": row["id"]})),
        }
    }

    /// Reports the end of an execution, which 1.18 does not.
    fn send_end(&self, kind: &str, data: Value) {
        if !self.early {
            let idle =
                json!({"id": self.state.id("msg"), "type": "idle", "outcome": kind, "time": {"created": millis()}});
            self.session.put_row(&idle);
            self.send_event(&format!("execution.{kind}"), data);
        }
    }

    fn run(mut self) {
        let session = self.session.clone();
        let _one = session.turn.lock().expect("the last turn");
        if !self.early {
            self.send_event("execution.started", json!({}));
        }
        let mut end = Ok(());
        loop {
            let next = session.joined.lock().expect("prompts").pop_front().filter(|_| end.is_ok());
            let Some((row, text)) = next else { break };
            crate::log::write(&json!({"prompt": text, "session": session.id}));
            session.put_row(&row);
            self.send_input("promoted", &row);
            end = script::parse(&text).into_iter().try_for_each(|step| self.step(step));
            if end.is_ok() {
                self.end_step("stop");
            }
        }
        self.end(end);
    }

    fn end(&mut self, end: Result<(), Stop>) {
        let twice = self.end_twice;
        let (kind, data) = match end {
            Ok(()) => ("succeeded", json!({})),
            Err(Stop::Interrupted) => {
                self.fail_step(&json!({"type": "unknown", "message": "Provider turn interrupted"}));
                ("interrupted", json!({"reason": "user"}))
            }
            // The step has no end then.
            Err(Stop::Refused) => ("interrupted", json!({"reason": "user"})),
            Err(Stop::Failed(status, text)) => {
                let error = if self.early {
                    json!({"type": "unknown", "message": format!("Provider request failed with HTTP {status}: {text}")})
                } else {
                    json!({"type": "provider", "message": text, "status": status})
                };
                self.fail_step(&error);
                ("failed", json!({"error": error}))
            }
        };
        self.session.joined.lock().expect("prompts").clear();
        if self.early {
            // The real server is active for a moment longer.
            std::thread::sleep(Duration::from_millis(20));
        }
        self.session.busy.store(false, Ordering::SeqCst);
        for _ in 0..=u8::from(twice) {
            self.send_end(kind, data.clone());
        }
    }

    /// Begins a reply, unless one is open.
    fn open_step(&mut self) -> String {
        if self.reply.is_null() {
            let model = json!({"id": "big", "providerID": "lab"});
            self.reply = json!({"id": self.state.id("msg"), "type": "assistant", "agent": "build", "model": model,
                "content": [], "time": {"created": millis()}});
            self.session.put_row(&self.reply);
            let data = json!({"assistantMessageID": self.reply["id"], "agent": "build", "model": model});
            self.send_event("step.started", data);
        }
        self.reply["id"].as_str().unwrap_or_default().to_owned()
    }

    fn end_step(&mut self, finish: &str) {
        let id = self.open_step();
        let tokens = json!({"input": 10, "output": 5, "reasoning": 1, "cache": {"read": 2, "write": 3}});
        self.reply["tokens"] = tokens.clone();
        self.reply["finish"] = finish.into();
        self.reply["time"]["completed"] = millis().into();
        self.session.put_row(&self.reply);
        let data = json!({"assistantMessageID": id, "finish": finish, "cost": 0, "tokens": tokens});
        self.send_event("step.ended", data);
        self.reply = Value::Null;
    }

    fn fail_step(&mut self, error: &Value) {
        let id = self.open_step();
        self.reply["error"] = error.clone();
        self.reply["finish"] = "error".into();
        self.reply["time"]["completed"] = millis().into();
        self.session.put_row(&self.reply);
        self.send_event("step.failed", json!({"assistantMessageID": id, "error": error}));
        self.reply = Value::Null;
    }

    fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Say(text) => self.text("text", &split_words(&text))?,
            Step::Think(text) => self.text("reasoning", &split_words(&text))?,
            Step::Flood(count) => {
                let chunks: Vec<String> = (0..count).map(|at| format!("piece {at} ")).collect();
                self.text("text", &chunks)?;
            }
            Step::Run(command) => self.bash(&command, false)?,
            Step::Ask(command) => self.bash(&command, true)?,
            Step::Question(question, options) => self.question(&question, &options)?,
            Step::Wait(time) => self.wait(time)?,
            Step::Hang => self.wait(Duration::from_secs(1_000_000))?,
            Step::Close => self.state.close_streams(),
            Step::Twice => self.end_twice = true,
            Step::Fail(status, text) => return Err(Stop::Failed(status, text)),
            Step::Retry => {
                let id = self.open_step();
                let error = json!({"type": "provider", "message": "slow down"});
                let data = json!({"assistantMessageID": id, "attempt": 1, "at": millis() + 20, "error": error});
                self.send_event("retry.scheduled", data);
                self.wait(Duration::from_millis(20))?;
            }
            Step::Garbage => {
                self.state.send_bytes(b"data: not json at all\n\ndata: {\"half\":\n\ndata: \xff\xfe\xc3(\n\n");
                self.send_event("who.knows", json!({"x": "\u{1b}[2J"}));
                self.send_event("text.delta", json!({"ordinal": "x", "delta": 7}));
            }
            step => {
                script::run_common_step(&step);
            }
        }
        Ok(())
    }

    fn check_abort(&self) -> Result<(), Stop> {
        if self.session.aborted.load(Ordering::SeqCst) { Err(Stop::Interrupted) } else { Ok(()) }
    }

    fn wait(&self, time: Duration) -> Result<(), Stop> {
        script::wait(time, |left| {
            self.check_abort()?;
            std::thread::sleep(left.min(Duration::from_millis(2)));
            Ok(())
        })?;
        self.check_abort()
    }

    fn text(&mut self, kind: &str, chunks: &[String]) -> Result<(), Stop> {
        let id = self.open_step();
        let content = self.reply["content"].as_array().cloned().unwrap_or_default();
        let ordinal = content.iter().filter(|item| item["type"] == kind).count();
        let mut base = json!({"assistantMessageID": id});
        if self.early {
            base[format!("{kind}ID")] = format!("{kind}-{ordinal}").into();
        } else {
            base["ordinal"] = ordinal.into();
        }
        let send = |event: &str, name: &str, value: &str| {
            let mut data = base.clone();
            if !name.is_empty() {
                data[name] = value.into();
            }
            self.send_event(&format!("{kind}.{event}"), data);
        };
        send("started", "", "");
        let mut text = String::new();
        for chunk in chunks {
            if self.check_abort().is_err() {
                break;
            }
            text.push_str(chunk);
            send("delta", "delta", chunk);
        }
        let text = text.trim_end();
        send("ended", "text", text);
        let time = json!({"created": millis(), "completed": millis()});
        let mut item = json!({"type": kind, "text": text, "time": time});
        if self.early {
            item["id"] = format!("{kind}-{ordinal}").into();
        }
        self.push(item);
        self.check_abort()
    }

    fn replace_last(&mut self, item: Value) {
        self.reply["content"].as_array_mut().expect("content").pop();
        self.push(item);
    }

    fn push(&mut self, item: Value) {
        self.reply["content"].as_array_mut().expect("content").push(item);
        self.session.put_row(&self.reply);
    }

    fn bash(&mut self, command: &str, ask: bool) -> Result<(), Stop> {
        let (message, call) = (self.open_step(), self.state.id("call"));
        let base = json!({"assistantMessageID": message, "callID": call});
        let with = |fields: Value| {
            let mut data = base.clone();
            data.as_object_mut().expect("fields").extend(fields.as_object().cloned().unwrap_or_default());
            data
        };
        let input = json!({"command": command});
        self.send_event("tool.input.started", with(json!({"name": "bash"})));
        self.send_event("tool.input.delta", with(json!({"delta": "{"})));
        self.send_event("tool.input.ended", with(json!({"text": input.to_string()})));
        self.send_event("tool.called", with(json!({"tool": "bash", "input": input})));
        let time = json!({"created": millis(), "ran": millis(), "completed": millis()});
        let mut item = json!({"type": "tool", "id": call, "name": "bash", "time": time,
            "state": {"status": "running", "input": input}});
        self.push(item.clone());
        if ask {
            let request = json!({"id": self.state.id("per"), "sessionID": self.session.id, "action": "bash",
                "resources": [command], "save": [format!("{command} *")],
                "source": {"type": "tool", "messageID": message, "callID": call}});
            let answer = self.state.request(&self.session, "permission.v2.asked", &request);
            let message = answer.as_ref().and_then(|answer| answer["body"]["message"].as_str());
            if answer.as_ref().is_none_or(|answer| answer["body"]["reply"] == "reject") {
                let text = message.map_or("Tool execution interrupted", |_| "The user rejected permission to use this");
                let error = json!({"type": "unknown", "message": text});
                self.send_event("tool.failed", with(json!({"error": error})));
                item["state"] = json!({"status": "error", "input": input, "error": error});
                let goes_on = message.is_some();
                self.replace_last(item);
                return match (answer.is_none(), goes_on) {
                    (true, _) => Err(Stop::Interrupted),
                    (false, true) => Ok(()),
                    (false, false) => Err(Stop::Refused),
                };
            }
        }
        let output =
            json!({"structured": {"exit": 0}, "content": [{"type": "text", "text": format!("output of {command}")}]});
        self.send_event("tool.success", with(output.clone()));
        item["state"] = json!({"status": "completed", "input": input, "structured": output["structured"],
            "content": output["content"]});
        self.replace_last(item);
        self.end_step("tool-calls");
        self.check_abort()
    }

    /// Asks a question: 1.18 as such, 2.x as a form.
    fn question(&mut self, question: &str, options: &[String]) -> Result<(), Stop> {
        let message = self.open_step();
        let chosen = if self.early {
            let options: Vec<Value> = options.iter().map(|label| json!({"label": label, "description": ""})).collect();
            let request = json!({"id": self.state.id("que"), "sessionID": self.session.id,
                "questions": [{"question": question, "header": "Choose", "options": options}],
                "tool": {"messageID": message, "callID": "call"}});
            let answer = self.state.request(&self.session, "question.v2.asked", &request).ok_or(Stop::Interrupted)?;
            if answer["word"] == "reject" {
                return Err(Stop::Refused);
            }
            answer["body"]["answers"][0][0].clone()
        } else {
            let options: Vec<Value> =
                options.iter().map(|label| json!({"value": label.to_lowercase(), "label": label})).collect();
            let field = json!({"key": "choice", "type": "string", "title": question, "options": options});
            let form =
                json!({"id": self.state.id("frm"), "sessionID": self.session.id, "mode": "form", "fields": [field]});
            let answer = self.state.request(&self.session, "form.created", &form).ok_or(Stop::Interrupted)?;
            if answer["word"] == "cancel" {
                return Err(Stop::Refused);
            }
            answer["body"]["answer"]["choice"].clone()
        };
        self.text("text", &split_words(&format!("you chose {}", chosen.as_str().unwrap_or("nothing"))))
    }
}

fn split_words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}
