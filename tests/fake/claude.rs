//! The scripted agent as `claude`: stream-json on stdin and stdout, one process for many turns (2.1.329), and the
//! transcript that the real program leaves on disk (`FAKE_TRANSCRIPT=off`: none).

mod session;
mod turn;
mod voice;

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use session::Session;
use voice::Voice;

/// Speaks until its peer is gone.
pub fn run() {
    let options = Options::read();
    let session = Session::open(&options);
    let mut agent = Agent {
        inbox: listen(),
        prompts: VecDeque::new(),
        answers: HashMap::new(),
        voice: Voice::new(&session.id),
        session,
        model: options.model.unwrap_or_else(|| "claude-sonnet-4-5".into()),
        mode: options.mode.unwrap_or_else(|| "default".into()),
        turns: 0,
        at_work: false,
        interrupted: false,
        deaf: false,
        ended: false,
    };
    agent.work();
}

/// Its command line, as far as it matters.
#[derive(Default)]
pub struct Options {
    session: Option<String>,
    resume: Option<String>,
    fork: bool,
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

/// The lines of stdin, from a thread of their own; a line that is no JSON ends the program, as it does the real one.
fn listen() -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                eprintln!("Error parsing streaming input line (type=unknown, {} chars): SyntaxError", line.len());
                std::process::exit(1);
            };
            crate::log::write(&json!({"told": message}));
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The program at work.
#[expect(clippy::struct_excessive_bools, reason = "each is true or false whatever the others are")]
struct Agent {
    inbox: Receiver<Value>,
    /// Prompts that wait for their turn.
    prompts: VecDeque<Value>,
    /// Answers to our requests, by their ids.
    answers: HashMap<String, Value>,
    voice: Voice,
    session: Session,
    model: String,
    mode: String,
    turns: u64,
    /// A turn is open.
    at_work: bool,
    interrupted: bool,
    deaf: bool,
    /// stdin is closed.
    ended: bool,
}

impl Agent {
    fn work(&mut self) {
        loop {
            if let Some(prompt) = self.prompts.pop_front() {
                self.turn(&prompt);
            } else if self.ended && !self.deaf {
                std::process::exit(0);
            } else {
                self.hear(Duration::from_hours(1));
            }
        }
    }

    /// Takes in what comes, for at most as long as that.
    fn hear(&mut self, patience: Duration) {
        match self.inbox.recv_timeout(patience) {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => {
                if self.ended {
                    std::thread::sleep(patience);
                }
                self.ended = true;
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
                    self.voice.say(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "queued"}));
                } else {
                    message["uuid"] = json!(session::uuid());
                }
                self.prompts.push_back(message);
            }
            "control_request" => self.obey(&message),
            "control_response" => {
                // The real program says our answers back.
                self.voice.raw(&message);
                let response = &mut message["response"];
                if let Some(id) = response["request_id"].as_str().map(str::to_owned) {
                    self.answers.insert(id, response["response"].take());
                }
            }
            _ => {}
        }
    }

    fn obey(&mut self, message: &Value) {
        let request = &message["request"];
        let response = match request["subtype"].as_str().unwrap_or_default() {
            "initialize" => self.offers(),
            "interrupt" if self.deaf => return,
            "interrupt" => {
                // It may come before the turn that it is meant for began.
                self.interrupted = self.at_work || !self.prompts.is_empty();
                json!({"still_queued": self.prompts.iter().map(|prompt| prompt["uuid"].clone()).collect::<Vec<_>>()})
            }
            "set_model" => {
                request["model"].as_str().unwrap_or("default").clone_into(&mut self.model);
                let told = format!("<local-command-stdout>Set model to `{0} ({0})`</local-command-stdout>", self.model);
                let message = json!({"role": "user", "content": told});
                self.voice.say(json!({"type": "user", "message": message, "isReplay": true}));
                json!({"model": self.model})
            }
            "set_permission_mode" => {
                self.switch(request["mode"].as_str().unwrap_or("default"));
                json!({"mode": self.mode})
            }
            "rename_session" | "set_max_thinking_tokens" | "get_settings" | "apply_flag_settings" => json!({}),
            other => {
                let error = format!("Unsupported control request subtype: {other}");
                let id = &message["request_id"];
                let error =
                    json!({"subtype": "error", "request_id": id, "error": error, "error_code": "unsupported_request"});
                self.voice.raw(&json!({"type": "control_response", "response": error}));
                return;
            }
        };
        let response = json!({"subtype": "success", "request_id": message["request_id"], "response": response});
        self.voice.raw(&json!({"type": "control_response", "response": response}));
    }

    /// Goes on in another permission mode.
    fn switch(&mut self, mode: &str) {
        mode.clone_into(&mut self.mode);
        self.voice.say(json!({"type": "system", "subtype": "status", "status": null, "permissionMode": mode}));
    }

    fn offers(&self) -> Value {
        let efforts = ["low", "medium", "high"];
        let model = |value: &str, name: &str| {
            json!({"value": value, "resolvedModel": format!("claude-{value}"), "displayName": name,
                "description": format!("{name}, for tests"), "supportsEffort": true, "supportedEffortLevels": efforts})
        };
        let command = |name: &str, told: &str| json!({"name": name, "description": told, "argumentHint": ""});
        json!({
            "commands": [command("compact", "Condense the conversation"), command("review", "Review the changes")],
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

    /// A request of ours, and its answer. `None`: the turn was interrupted before there was one.
    fn ask(&mut self, request: &Value) -> Option<Value> {
        let id = session::uuid();
        self.voice.raw(&json!({"type": "control_request", "request_id": id, "request": request}));
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Some(answer);
            }
            if self.interrupted {
                self.voice.raw(&json!({"type": "control_cancel_request", "request_id": id}));
                return None;
            }
            self.hear(Duration::from_hours(1));
        }
    }
}
