//! The scripted agent as `claude`: stream-json on stdin and stdout, one process for many turns (2.1.329).
//!
//! It writes the transcript that the real program leaves on disk (`FAKE_TRANSCRIPT=off`: none).

mod output;
mod session;
mod turn;

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use output::Output;
use session::Session;

/// Serves until the client disconnects.
pub fn run() {
    let options = Options::read();
    let session = Session::open(&options);
    let mut agent = Agent {
        inbox: listen(),
        prompts: VecDeque::new(),
        answers: HashMap::new(),
        output: Output::new(&session.id),
        session,
        model: options.model.unwrap_or_else(|| "claude-sonnet-4-5".into()),
        mode: options.mode.unwrap_or_else(|| "default".into()),
        turns: 0,
        tasks: Vec::new(),
        turn_open: false,
        interrupted: false,
        ignores_interrupts: false,
        stdin_closed: false,
    };
    agent.run();
}

/// Supported options of the command line.
#[derive(Default)]
pub struct Options {
    session: Option<String>,
    resume: Option<String>,
    fork: bool,
    /// Last record that a fork copies.
    resume_at: Option<String>,
    model: Option<String>,
    mode: Option<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let (name, given) =
                arg.split_once('=').map_or((&*arg, None), |(name, value)| (name, Some(value.to_owned())));
            let value = match name {
                "--session-id" => &mut options.session,
                "--resume" => &mut options.resume,
                "--resume-session-at" => &mut options.resume_at,
                "--model" => &mut options.model,
                "--permission-mode" => &mut options.mode,
                "--fork-session" => {
                    options.fork = true;
                    continue;
                }
                _ => continue,
            };
            *value = given.or_else(|| args.next());
        }
        options
    }
}

/// Lines of stdin, read by a thread. Invalid JSON ends the process, like the real program.
fn listen() -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                eprintln!("Error parsing streaming input line (type=unknown, {} chars): SyntaxError", line.len());
                std::process::exit(1);
            };
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
    inbox: Receiver<Value>,
    /// Queued prompts.
    prompts: VecDeque<Value>,
    /// Answers to its requests, by request id.
    answers: HashMap<String, Value>,
    output: Output,
    session: Session,
    model: String,
    mode: String,
    turns: u64,
    /// Background tasks: id and description.
    tasks: Vec<(String, String)>,
    /// True during a turn.
    turn_open: bool,
    interrupted: bool,
    ignores_interrupts: bool,
    /// True if stdin is closed.
    stdin_closed: bool,
}

impl Agent {
    fn run(&mut self) {
        loop {
            if let Some(prompt) = self.prompts.pop_front() {
                self.turn(&prompt);
            } else if self.stdin_closed && !self.ignores_interrupts {
                std::process::exit(0);
            } else {
                self.receive(Duration::from_hours(1));
            }
        }
    }

    /// Receives messages for at most `timeout`.
    fn receive(&mut self, timeout: Duration) {
        match self.inbox.recv_timeout(timeout) {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => {
                if self.stdin_closed {
                    std::thread::sleep(timeout);
                }
                self.stdin_closed = true;
            }
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
    }

    fn take(&mut self, mut message: Value) {
        match message["type"].as_str().unwrap_or_default() {
            "user" => {
                if message["uuid"].is_string() {
                    let uuid = message["uuid"].clone();
                    self.output.send(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "queued"}));
                } else {
                    message["uuid"] = json!(session::uuid());
                }
                self.prompts.push_back(message);
            }
            "control_request" => self.control_request(&message),
            "control_response" => {
                // The real program echoes the client's responses.
                self.output.write_line(&message);
                let response = &mut message["response"];
                if let Some(id) = response["request_id"].as_str().map(str::to_owned) {
                    self.answers.insert(id, response["response"].take());
                }
            }
            _ => {}
        }
    }

    fn control_request(&mut self, message: &Value) {
        let request = &message["request"];
        let response = match request["subtype"].as_str().unwrap_or_default() {
            "initialize" => self.capabilities(),
            "interrupt" if self.ignores_interrupts => return,
            "interrupt" => {
                // The interrupt may arrive before its turn begins.
                self.interrupted = self.turn_open || !self.prompts.is_empty();
                json!({"still_queued": self.prompts.iter().map(|prompt| prompt["uuid"].clone()).collect::<Vec<_>>()})
            }
            "stop_task" => {
                self.tasks.retain(|(id, _)| *id != request["task_id"]);
                self.send_tasks();
                json!({})
            }
            "set_model" => {
                request["model"].as_str().unwrap_or("default").clone_into(&mut self.model);
                let text = format!("<local-command-stdout>Set model to `{0} ({0})`</local-command-stdout>", self.model);
                let message = json!({"role": "user", "content": text});
                self.output.send(json!({"type": "user", "message": message, "isReplay": true}));
                json!({"model": self.model})
            }
            "set_permission_mode" => {
                self.set_mode(request["mode"].as_str().unwrap_or("default"));
                json!({"mode": self.mode})
            }
            "rename_session" | "set_max_thinking_tokens" | "get_settings" | "apply_flag_settings" => json!({}),
            other => {
                let error = format!("Unsupported control request subtype: {other}");
                let id = &message["request_id"];
                let error =
                    json!({"subtype": "error", "request_id": id, "error": error, "error_code": "unsupported_request"});
                self.output.write_line(&json!({"type": "control_response", "response": error}));
                return;
            }
        };
        let response = json!({"subtype": "success", "request_id": message["request_id"], "response": response});
        self.output.write_line(&json!({"type": "control_response", "response": response}));
    }

    /// Changes the permission mode.
    fn set_mode(&mut self, mode: &str) {
        mode.clone_into(&mut self.mode);
        self.output.send(json!({"type": "system", "subtype": "status", "status": null, "permissionMode": mode}));
    }

    fn capabilities(&self) -> Value {
        let efforts = ["low", "medium", "high"];
        let model = |value: &str, name: &str| {
            json!({"value": value, "resolvedModel": format!("claude-{value}"), "displayName": name,
                "description": format!("{name}, for tests"), "supportsEffort": true, "supportedEffortLevels": efforts})
        };
        let command =
            |name: &str, description: &str| json!({"name": name, "description": description, "argumentHint": ""});
        json!({
            "commands": [command("compact", "Compact the conversation"), command("review", "Review the changes")],
            "agents": [],
            "models": [model("default", "Default"), model("opus", "Opus"), model("haiku", "Haiku")],
            "output_style": "default",
            "account": {},
            "pid": std::process::id(),
            "current_permission_mode": self.mode,
            "session_state": "idle",
            "claude_code_version": session::VERSION,
            "capabilities": [],
        })
    }

    /// Sends a request and waits for the answer. `None`: the turn was interrupted before it.
    fn request(&mut self, request: &Value) -> Option<Value> {
        let id = session::uuid();
        self.output.write_line(&json!({"type": "control_request", "request_id": id, "request": request}));
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Some(answer);
            }
            if self.interrupted {
                self.output.write_line(&json!({"type": "control_cancel_request", "request_id": id}));
                return None;
            }
            self.receive(Duration::from_hours(1));
        }
    }
}
