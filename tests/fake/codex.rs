//! The scripted agent as `codex app-server`: JSON-RPC on stdin and stdout (0.169.0), and the rollout that the real
//! program leaves in `$CODEX_HOME/sessions` (`FAKE_TRANSCRIPT=off`: none). `FAKE_LACKS` names methods, with commas
//! between them, that this version does not know.

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

/// Speaks until its peer is gone.
pub fn run() {
    match std::env::args().nth(1).as_deref() {
        Some("app-server") => Agent::new().work(),
        Some("--version") => println!("codex-cli {VERSION}"),
        other => {
            eprintln!("error: unrecognized subcommand {other:?}");
            std::process::exit(2);
        }
    }
}

/// The lines of stdin, from a thread of their own. What is no JSON is only complained of, as by the real one.
fn listen() -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                eprintln!("ERROR codex_app_server_transport::transport: Failed to deserialize JSONRPCMessage");
                continue;
            };
            crate::log::write(&json!({"told": message}));
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What sticks from turn to turn.
struct Settings {
    model: String,
    effort: Option<String>,
    approval: Value,
    sandbox: Value,
}

/// The program at work.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that happened, and any of them may")]
struct Agent {
    inbox: Receiver<Value>,
    initialized: bool,
    rollout: Option<Rollout>,
    settings: Settings,
    /// Turns that were asked for, with their ids.
    turns: VecDeque<Turn>,
    /// The turn at work.
    open: Option<String>,
    /// Prompts that became a part of the turn at work.
    steered: VecDeque<Value>,
    /// Requests of ours so far, and the answers to them.
    requests: u64,
    answers: HashMap<u64, Value>,
    /// Commands that need no leave any more.
    granted: HashSet<String>,
    tokens: u64,
    interrupted: bool,
    deaf: bool,
    /// stdout is closed: what is said is lost.
    mute: bool,
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
            open: None,
            steered: VecDeque::new(),
            requests: 0,
            answers: HashMap::new(),
            granted: HashSet::new(),
            tokens: 0,
            interrupted: false,
            deaf: std::env::var("FAKE_START").is_ok_and(|start| start.lines().any(|line| line.trim() == "deaf")),
            mute: false,
        }
    }

    fn work(&mut self) {
        loop {
            match self.turns.pop_front() {
                Some(turn) => self.turn(&turn),
                None => self.hear(Duration::from_hours(1)),
            }
        }
    }

    /// Takes in what comes, for at most as long as that. The end of stdin ends the program, whatever it is at.
    fn hear(&mut self, patience: Duration) {
        match self.inbox.recv_timeout(patience) {
            Ok(message) => self.take(&message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) if !self.deaf => std::process::exit(0),
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.take(&message);
        }
    }

    fn take(&mut self, message: &Value) {
        let id = &message["id"];
        match message["method"].as_str() {
            None => {
                if let Some(id) = id.as_u64() {
                    self.answers.insert(id, message["result"].clone());
                }
            }
            Some(_) if id.is_null() => {}
            Some(method) => match self.asked(method, &message["params"]) {
                Ok(Some(result)) => self.raw(&json!({"id": id, "result": result})),
                Ok(None) => {}
                Err((code, text)) => self.raw(&json!({"error": {"code": code, "message": text}, "id": id})),
            },
        }
    }

    /// What is answered to a request; nothing by one who is deaf.
    fn asked(&mut self, method: &str, params: &Value) -> Result<Option<Value>, (i64, String)> {
        let lacks = std::env::var("FAKE_LACKS").unwrap_or_default();
        if lacks.split(',').any(|lacked| lacked == method) {
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
                self.steered.push_back(params.clone());
                json!({"turnId": params["expectedTurnId"]})
            }
            "turn/interrupt" if self.deaf => return Ok(None),
            "turn/interrupt" => {
                self.interrupted = self.open.is_some();
                json!({})
            }
            "thread/compact/start" => {
                self.turns.push_back(Turn::new("compact", &json!({})));
                json!({})
            }
            "review/start" => {
                let turn = Turn::new("say It looks good to me.", &json!({}));
                let told = turn.told("inProgress", &Value::Null);
                self.turns.push_back(turn);
                json!({"turn": told, "reviewThreadId": params["threadId"]})
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
        self.settle(params);
        let thread = json!({"id": rollout.id, "sessionId": rollout.id, "path": rollout.path, "cwd": cwd,
            "status": {"type": "idle"}, "cliVersion": VERSION, "turns": []});
        self.rollout = Some(rollout);
        Ok(json!({"thread": thread, "model": self.settings.model, "modelProvider": "lab", "cwd": cwd,
            "approvalPolicy": self.settings.approval, "sandbox": self.settings.sandbox,
            "reasoningEffort": self.settings.effort}))
    }

    /// Takes over what a request sets.
    fn settle(&mut self, params: &Value) {
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
        // No error: it becomes a part of the turn that is at work.
        if let Some(open) = &self.open {
            self.steered.push_back(params.clone());
            return json!({"turn": {"id": open, "status": "inProgress"}});
        }
        if ["model", "effort", "approvalPolicy", "sandboxPolicy"].iter().any(|name| !params[*name].is_null()) {
            self.settle(params);
            let told = json!({"model": self.settings.model, "effort": self.settings.effort,
                "approvalPolicy": self.settings.approval, "sandboxPolicy": self.settings.sandbox});
            self.tell("thread/settings/updated", json!({"threadSettings": told}));
        }
        let turn = Turn::new(&text_of(params), params);
        let told = turn.told("inProgress", &Value::Null);
        self.turns.push_back(turn);
        json!({"turn": told})
    }

    /// Tells something of the thread.
    fn tell(&self, method: &str, mut params: Value) {
        params["threadId"] = json!(self.rollout.as_ref().map(|rollout| &rollout.id));
        self.raw(&json!({"method": method, "params": params, "emittedAtMs": rollout::millis()}));
    }

    /// A line as it is. A peer that is gone ends the program.
    fn raw(&self, message: &Value) {
        if self.mute {
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
        self.mute = true;
    }

    /// A request of ours, and its answer. `None`: the turn was interrupted before there was one.
    fn ask(&mut self, method: &str, mut params: Value) -> Option<Value> {
        let id = self.requests;
        self.requests += 1;
        params["threadId"] = json!(self.rollout.as_ref().map(|rollout| &rollout.id));
        self.raw(&json!({"method": method, "id": id, "params": params}));
        loop {
            let answer = self.answers.remove(&id);
            if answer.is_some() || self.interrupted {
                self.tell("serverRequest/resolved", json!({"requestId": id}));
                return answer;
            }
            self.hear(Duration::from_hours(1));
        }
    }
}

/// The text of a prompt.
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
