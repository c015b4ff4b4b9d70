//! The scripted agent as `codex app-server`: JSON-RPC on stdin and stdout (0.169.0).
//!
//! It writes the rollout that the real program leaves in `$CODEX_HOME/sessions` (`FAKE_TRANSCRIPT=off`: none).
//! `FAKE_LACKS` lists methods, separated by commas, that this version does not support.

mod rollout;
mod turn;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use rollout::Rollout;
use turn::Turn;

const VERSION: &str = "0.169.0";

/// Serves until the client disconnects.
pub fn run() {
    match std::env::args().nth(1).as_deref() {
        Some("app-server") => Agent::new().run(),
        Some("--version") => println!("codex-cli {VERSION}"),
        other => {
            eprintln!("error: unrecognized subcommand {other:?}");
            std::process::exit(2);
        }
    }
}

/// Lines of stdin, read by a thread. Invalid JSON is only reported, like by the real program.
fn listen() -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                eprintln!("ERROR codex_app_server_transport::transport: Failed to deserialize JSONRPCMessage");
                continue;
            };
            crate::log::write(&json!({"received": message}));
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Settings that persist from turn to turn.
struct Settings {
    model: String,
    effort: Option<String>,
    approval: Value,
    sandbox: Value,
}

#[expect(clippy::struct_excessive_bools, reason = "independent states")]
struct Agent {
    inbox: Receiver<Value>,
    initialized: bool,
    rollout: Option<Rollout>,
    settings: Settings,
    /// Queued turns.
    turns: VecDeque<Turn>,
    /// Id of the running turn.
    open_turn: Option<String>,
    /// Prompts that joined the running turn.
    joined_prompts: VecDeque<Value>,
    /// Number of requests sent, and the answers to them.
    requests: u64,
    answers: HashMap<u64, Value>,
    /// Commands that need no further permission.
    granted: HashSet<String>,
    tokens: u64,
    interrupted: bool,
    ignores_interrupts: bool,
    /// True if stdout is closed: further output is lost.
    stdout_closed: bool,
}

impl Agent {
    fn new() -> Self {
        Self {
            inbox: listen(),
            initialized: false,
            rollout: None,
            settings: Settings {
                model: "gpt-5".into(),
                effort: None,
                approval: json!("on-request"),
                sandbox: json!({"type": "workspaceWrite"}),
            },
            turns: VecDeque::new(),
            open_turn: None,
            joined_prompts: VecDeque::new(),
            requests: 0,
            answers: HashMap::new(),
            granted: HashSet::new(),
            tokens: 0,
            interrupted: false,
            ignores_interrupts: std::env::var("FAKE_START")
                .is_ok_and(|start| start.lines().any(|line| line.trim() == "deaf")),
            stdout_closed: false,
        }
    }

    fn run(&mut self) {
        loop {
            match self.turns.pop_front() {
                Some(turn) => self.turn(&turn),
                None => self.receive(Duration::from_hours(1)),
            }
        }
    }

    /// Receives messages for at most `timeout`. The end of stdin ends the process, in any state.
    fn receive(&mut self, timeout: Duration) {
        match self.inbox.recv_timeout(timeout) {
            Ok(message) => self.dispatch(&message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) if !self.ignores_interrupts => std::process::exit(0),
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(timeout),
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.dispatch(&message);
        }
    }

    fn dispatch(&mut self, message: &Value) {
        let id = &message["id"];
        match message["method"].as_str() {
            None => {
                if let Some(id) = id.as_u64() {
                    self.answers.insert(id, message["result"].clone());
                }
            }
            Some(_) if id.is_null() => {}
            Some(method) => match self.respond(method, &message["params"]) {
                Ok(Some(result)) => self.write_line(&json!({"id": id, "result": result})),
                Ok(None) => {}
                Err((code, text)) => self.write_line(&json!({"error": {"code": code, "message": text}, "id": id})),
            },
        }
    }

    /// Response to a request; `None` if it is ignored.
    fn respond(&mut self, method: &str, params: &Value) -> Result<Option<Value>, (i64, String)> {
        let unsupported = std::env::var("FAKE_LACKS").unwrap_or_default();
        if unsupported.split(',').any(|unsupported_method| unsupported_method == method) {
            return Err((-32600, format!("Invalid request: unknown variant `{method}`, expected one of `initialize`")));
        }
        if !self.initialized && method != "initialize" {
            return Err((-32600, "Not initialized".into()));
        }
        Ok(Some(match method {
            "initialize" => {
                self.initialized = true;
                json!({"userAgent": format!("salon/{VERSION} (Linux; x86_64) fake"), "codexHome": rollout::home(),
                    "platformFamily": "unix", "platformOs": "linux"})
            }
            "thread/start" | "thread/resume" | "thread/fork" => self.load(method, params)?,
            "thread/name/set" => json!({}),
            "model/list" => models(),
            "account/read" => json!({"account": null, "requiresOpenaiAuth": false}),
            "turn/start" => self.start(params),
            "turn/steer" => {
                self.joined_prompts.push_back(params.clone());
                json!({"turnId": params["expectedTurnId"]})
            }
            "turn/interrupt" if self.ignores_interrupts => return Ok(None),
            "turn/interrupt" => {
                self.interrupted = self.open_turn.is_some() || !self.turns.is_empty();
                json!({})
            }
            "thread/compact/start" => {
                self.turns.push_back(Turn::new("compact", &json!({})));
                json!({})
            }
            "review/start" => {
                let turn = Turn::new("say It looks good to me.", &json!({}));
                let turn_json = turn.as_json("inProgress", &Value::Null);
                self.turns.push_back(turn);
                json!({"turn": turn_json, "reviewThreadId": params["threadId"]})
            }
            _ => {
                let error = format!("Invalid request: unknown variant `{method}`, expected one of `initialize`");
                return Err((-32600, error));
            }
        }))
    }

    fn load(&mut self, method: &str, params: &Value) -> Result<Value, (i64, String)> {
        let cwd = params["cwd"].as_str().unwrap_or("/");
        let id = params["threadId"].as_str().unwrap_or_default();
        let loaded = match method {
            "thread/start" => Ok(Rollout::new(cwd)),
            "thread/resume" => Rollout::resume(id, cwd),
            _ => Rollout::fork(id, cwd),
        };
        let rollout = loaded.map_err(|error| (-32600, error))?;
        self.apply_settings(params);
        let thread = json!({"id": rollout.id, "sessionId": rollout.id, "path": rollout.path, "cwd": cwd,
            "status": {"type": "idle"}, "cliVersion": VERSION, "turns": []});
        self.rollout = Some(rollout);
        Ok(json!({"thread": thread, "model": self.settings.model, "modelProvider": "lab", "cwd": cwd,
            "approvalPolicy": self.settings.approval, "sandbox": self.settings.sandbox,
            "reasoningEffort": self.settings.effort}))
    }

    /// Applies the settings of a request.
    fn apply_settings(&mut self, params: &Value) {
        if let Some(model) = params["model"].as_str() {
            model.clone_into(&mut self.settings.model);
        }
        if let Some(effort) = params["effort"].as_str() {
            self.settings.effort = Some(effort.to_owned());
        }
        if !params["approvalPolicy"].is_null() {
            self.settings.approval = params["approvalPolicy"].clone();
        }
        match params["sandbox"].as_str() {
            Some("read-only") => self.settings.sandbox = json!({"type": "readOnly"}),
            Some("danger-full-access") => self.settings.sandbox = json!({"type": "dangerFullAccess"}),
            Some(_) => self.settings.sandbox = json!({"type": "workspaceWrite"}),
            None if params["sandboxPolicy"].is_object() => self.settings.sandbox = params["sandboxPolicy"].clone(),
            None => {}
        }
    }

    fn start(&mut self, params: &Value) -> Value {
        // No error: the prompt joins the running turn.
        if let Some(open_turn) = &self.open_turn {
            self.joined_prompts.push_back(params.clone());
            return json!({"turn": {"id": open_turn, "status": "inProgress"}});
        }
        if ["model", "effort", "approvalPolicy", "sandboxPolicy"].iter().any(|name| !params[*name].is_null()) {
            self.apply_settings(params);
            let settings = json!({"model": self.settings.model, "effort": self.settings.effort,
                "approvalPolicy": self.settings.approval, "sandboxPolicy": self.settings.sandbox});
            self.notify("thread/settings/updated", json!({"threadSettings": settings}));
        }
        let turn = Turn::new(&text_of(params), params);
        let turn_json = turn.as_json("inProgress", &Value::Null);
        self.turns.push_back(turn);
        json!({"turn": turn_json})
    }

    /// Sends a notification about the thread.
    fn notify(&self, method: &str, mut params: Value) {
        params["threadId"] = json!(self.rollout.as_ref().map(|rollout| &rollout.id));
        self.write_line(&json!({"method": method, "params": params, "emittedAtMs": rollout::millis()}));
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

    /// Sends a request and waits for the answer. `None`: the turn was interrupted before it.
    fn request(&mut self, method: &str, mut params: Value) -> Option<Value> {
        let id = self.requests;
        self.requests += 1;
        params["threadId"] = json!(self.rollout.as_ref().map(|rollout| &rollout.id));
        self.write_line(&json!({"method": method, "id": id, "params": params}));
        loop {
            let answer = self.answers.remove(&id);
            if answer.is_some() || self.interrupted {
                self.notify("serverRequest/resolved", json!({"requestId": id}));
                return answer;
            }
            self.receive(Duration::from_hours(1));
        }
    }
}

fn text_of(params: &Value) -> String {
    let parts = params["input"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    parts.collect::<Vec<_>>().join("\n")
}

fn models() -> Value {
    let efforts = |names: &[&str]| {
        names.iter().map(|name| json!({"reasoningEffort": name, "description": name})).collect::<Vec<_>>()
    };
    let model = |name: &str, shown: &str, names: &[&str]| {
        json!({"id": name, "model": name, "displayName": shown, "description": shown, "hidden": false,
            "supportedReasoningEfforts": efforts(names), "defaultReasoningEffort": names[0], "isDefault": name == "gpt-5"})
    };
    json!({"data": [
        model("gpt-5", "GPT-5", &["low", "medium", "high"]),
        model("gpt-5-codex", "GPT-5-Codex", &["medium", "high"]),
    ], "nextCursor": null})
}
