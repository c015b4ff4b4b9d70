//! The scripted agent as Gemini CLI, Qwen Code and goose: the agent client protocol on stdin and stdout.
//!
//! The name selects the deviations of the real program ([`Manners`]) and the transcript that it leaves. `FAKE_ACP` lists
//! further deviations, separated by commas: `no-resume` (sessions can be neither loaded nor resumed), `close` (sessions can
//! be closed).

mod record;
mod turn;

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use record::SessionRecord;

/// Deviations from the protocol.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent deviations")]
struct Manners {
    /// Mentions a call first in its permission request, and reports nothing of a denied one.
    silent_about_calls: bool,
    /// Replays the history of a loaded session after the response.
    replays_late: bool,
    /// Ends interrupted and failed turns as completed ones.
    ends_every_turn: bool,
    /// Lives on after stdin was closed.
    lives_on: bool,
    /// Resumes without a replay.
    resumes: bool,
    /// Loads with a replay.
    loads: bool,
    /// Lists its sessions, and has configuration options instead of models and modes.
    lists: bool,
    /// Modes; the first is the default.
    modes: &'static [&'static str],
    /// Modes that run commands without asking.
    lenient: &'static [&'static str],
}

impl Manners {
    fn of(name: &str) -> Self {
        let mut manners = match name {
            "gemini" => Self {
                silent_about_calls: true,
                replays_late: true,
                ends_every_turn: false,
                lives_on: false,
                resumes: false,
                loads: true,
                lists: false,
                modes: &["default", "autoEdit", "yolo", "plan"],
                lenient: &["yolo"],
            },
            "goose" => Self {
                silent_about_calls: false,
                replays_late: false,
                ends_every_turn: true,
                lives_on: true,
                resumes: false,
                loads: true,
                lists: false,
                modes: &["auto", "approve", "smart_approve", "chat"],
                lenient: &["auto"],
            },
            "mine" => Self {
                silent_about_calls: false,
                replays_late: false,
                ends_every_turn: false,
                lives_on: false,
                resumes: false,
                loads: true,
                lists: true,
                modes: &["ask", "never-ask"],
                lenient: &["never-ask"],
            },
            _ => Self {
                silent_about_calls: false,
                replays_late: false,
                ends_every_turn: false,
                lives_on: false,
                resumes: true,
                loads: true,
                lists: false,
                modes: &["auto", "plan", "default", "auto-edit", "yolo"],
                lenient: &["auto", "yolo"],
            },
        };
        if std::env::var("FAKE_ACP").is_ok_and(|list| list.split(',').any(|word| word == "no-resume")) {
            (manners.resumes, manners.loads) = (false, false);
        }
        manners
    }
}

/// Serves until the client disconnects.
pub fn run(name: &str) {
    match std::env::args().nth(1).as_deref() {
        Some("--acp") if name != "goose" && name != "opencode" => {}
        Some("acp") if name == "goose" || name == "opencode" => {}
        other => {
            eprintln!("Unknown argument: {other:?}");
            std::process::exit(2);
        }
    }
    Agent::new(name).run();
}

fn listen() -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
            crate::log::write(&json!({"received": message}));
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

#[expect(clippy::struct_excessive_bools, reason = "independent states")]
struct Agent {
    name: String,
    manners: Manners,
    inbox: Receiver<Value>,
    record: Option<SessionRecord>,
    mode: String,
    model: String,
    /// Prompt that waits for its turn: id of its request, and its text.
    prompt: Option<(Value, String)>,
    is_busy: bool,
    requests: u64,
    answers: HashMap<u64, Value>,
    granted: HashSet<String>,
    interrupted: bool,
    ignores_interrupts: bool,
    stdout_closed: bool,
}

type Failure = (i64, String);

impl Agent {
    fn new(name: &str) -> Self {
        let manners = Manners::of(name);
        Self {
            name: name.to_owned(),
            manners,
            inbox: listen(),
            record: None,
            mode: manners.modes[0].to_owned(),
            model: "fast".to_owned(),
            prompt: None,
            is_busy: false,
            requests: 0,
            answers: HashMap::new(),
            granted: HashSet::new(),
            interrupted: false,
            ignores_interrupts: false,
            stdout_closed: false,
        }
    }

    fn run(&mut self) {
        loop {
            match self.prompt.take() {
                Some((id, script)) => self.turn(&id, &script),
                None => self.receive(Duration::from_hours(1)),
            }
        }
    }

    /// Receives messages for at most `timeout`.
    fn receive(&mut self, timeout: Duration) {
        match self.inbox.recv_timeout(timeout) {
            Ok(message) => self.dispatch(&message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) if self.ignores_interrupts || self.manners.lives_on => {
                std::thread::sleep(timeout);
            }
            Err(RecvTimeoutError::Disconnected) => std::process::exit(0),
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.dispatch(&message);
        }
    }

    fn dispatch(&mut self, message: &Value) {
        let (id, params) = (&message["id"], &message["params"]);
        match message["method"].as_str() {
            None => {
                if let Some(id) = id.as_u64() {
                    let answer = if message["result"].is_null() { &message["error"] } else { &message["result"] };
                    self.answers.insert(id, answer.clone());
                }
            }
            // A prompt that was received with it has not begun yet.
            Some("session/cancel") => {
                self.interrupted = (self.is_busy || self.prompt.is_some()) && !self.ignores_interrupts;
            }
            Some(_) if id.is_null() => {}
            Some("session/prompt") if self.is_busy || self.prompt.is_some() => {
                crate::log::write(&json!({"busy": params}));
                self.respond(id, Err((-32603, "busy".to_owned())));
            }
            Some("session/prompt") => {
                let text = params["prompt"][0]["text"].as_str().unwrap_or_default();
                self.prompt = Some((id.clone(), text.to_owned()));
            }
            Some("session/load") => self.load(id, params),
            Some(method) => {
                let result = self.result(method, params);
                let is_new = matches!(method, "session/new" | "session/resume") && result.is_ok();
                self.respond(id, result);
                if is_new {
                    self.send_commands();
                }
            }
        }
    }

    fn result(&mut self, method: &str, params: &Value) -> Result<Value, Failure> {
        match method {
            "initialize" => Ok(json!({"protocolVersion": 1, "agentInfo": {"name": self.name, "version": "0.61.0"},
                "agentCapabilities": {"loadSession": self.manners.loads, "sessionCapabilities": self.capabilities()}})),
            "session/list" => Ok(json!({"sessions": SessionRecord::all(&self.name)})),
            "session/set_config_option" => {
                let value = params["value"].as_str().unwrap_or_default();
                match params["configId"].as_str() {
                    Some("mode") => value.clone_into(&mut self.mode),
                    _ => value.clone_into(&mut self.model),
                }
                Ok(self.settings())
            }
            "session/new" => {
                let cwd = params["cwd"].as_str().unwrap_or("/");
                let record = SessionRecord::new(&self.name, cwd);
                let mut result = self.settings();
                result["sessionId"] = json!(record.id);
                self.record = Some(record);
                Ok(result)
            }
            "session/close" => Ok(json!({})),
            "session/resume" => {
                self.open(params)?;
                Ok(self.settings())
            }
            "session/set_mode" => {
                let mode = params["modeId"].as_str().unwrap_or_default();
                if !self.manners.modes.contains(&mode) {
                    return Err((-32602, format!("Unknown mode: {mode}")));
                }
                mode.clone_into(&mut self.mode);
                Ok(json!({}))
            }
            "session/set_model" => {
                params["modelId"].as_str().unwrap_or_default().clone_into(&mut self.model);
                Ok(json!({}))
            }
            _ => Err((-32601, format!("\"Method not found\": {method}"))),
        }
    }

    fn capabilities(&self) -> Value {
        let mut capabilities = json!({});
        let closes = std::env::var("FAKE_ACP").is_ok_and(|list| list.split(',').any(|word| word == "close"));
        for (name, has) in [("resume", self.manners.resumes), ("list", self.manners.lists), ("close", closes)] {
            if has {
                capabilities[name] = json!({});
            }
        }
        capabilities
    }

    fn settings(&self) -> Value {
        if self.manners.lists {
            let option = |id: &str, values: &[&str], current: &str| {
                let options: Vec<_> = values.iter().map(|value| json!({"value": value, "name": value})).collect();
                json!({"id": id, "name": id, "category": id, "type": "select", "currentValue": current, "options": options})
            };
            let options =
                [option("model", &["fast", "deep"], &self.model), option("mode", self.manners.modes, &self.mode)];
            return json!({"configOptions": options});
        }
        let named =
            |names: &[&str], id: &str| names.iter().map(|name| json!({id: name, "name": name})).collect::<Value>();
        json!({"modes": {"currentModeId": self.mode, "availableModes": named(self.manners.modes, "id")},
            "models": {"currentModelId": self.model, "availableModels": named(&["fast", "deep"], "modelId")}})
    }

    fn open(&mut self, params: &Value) -> Result<(), Failure> {
        let id = params["sessionId"].as_str().unwrap_or_default();
        let cwd = params["cwd"].as_str().unwrap_or("/");
        let record = SessionRecord::find(&self.name, id, cwd);
        self.record = Some(record.ok_or_else(|| (-32002, format!("Resource not found: session:{id}")))?);
        Ok(())
    }

    /// Loads a session with a replay of its history.
    fn load(&mut self, id: &Value, params: &Value) {
        if let Err(failure) = self.open(params) {
            return self.respond(id, Err(failure));
        }
        let result = self.settings();
        if self.manners.replays_late {
            self.respond(id, Ok(result));
            self.replay();
            self.send_commands();
        } else {
            self.replay();
            self.respond(id, Ok(result));
            self.send_commands();
        }
    }

    fn replay(&self) {
        for (is_user, text) in self.record.as_ref().map(SessionRecord::texts).unwrap_or_default() {
            let kind = if is_user { "user_message_chunk" } else { "agent_message_chunk" };
            self.update(&json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}}));
        }
    }

    fn send_commands(&self) {
        let commands = json!([{"name": "memory", "description": "Manage memory."}]);
        self.update(&json!({"sessionUpdate": "available_commands_update", "availableCommands": commands}));
    }

    fn update(&self, update: &Value) {
        let id = self.record.as_ref().map(|record| record.id.clone());
        let params = json!({"sessionId": id, "update": update});
        self.write_line(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
    }

    fn respond(&self, id: &Value, result: Result<Value, Failure>) {
        self.write_line(&match result {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, text)) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}}),
        });
    }

    /// Sends a request and waits for the answer, which an interrupt does not replace.
    fn request(&mut self, method: &str, mut params: Value) -> Value {
        let id = self.requests;
        self.requests += 1;
        params["sessionId"] = json!(self.record.as_ref().map(|record| &record.id));
        self.write_line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.receive(Duration::from_hours(1));
        }
    }

    /// Writes a line. Exits if the reader has disconnected.
    fn write_line(&self, message: &Value) {
        if self.stdout_closed {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        let line = format!("{message}\n");
        if stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(1);
        }
    }

    /// Closes stdout.
    fn close(&mut self) {
        let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null").expect("/dev/null");
        rustix::stdio::dup2_stdout(nowhere).expect("stdout");
        self.stdout_closed = true;
    }
}
