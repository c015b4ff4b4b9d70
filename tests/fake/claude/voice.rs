//! stdout of the agent.

use std::io::Write;

use serde_json::{Value, json};

use super::session::uuid;

/// What it says.
pub struct Voice {
    session: String,
    /// stdout is closed: what is said is lost.
    closed: bool,
}

impl Voice {
    /// A voice that names its session in all it says.
    pub fn new(session: &str) -> Self {
        Self { session: session.to_owned(), closed: false }
    }

    /// A message of the conversation.
    pub fn say(&self, mut message: Value) {
        message["session_id"] = json!(self.session);
        if message["uuid"].is_null() {
            message["uuid"] = json!(uuid());
        }
        self.raw(&message);
    }

    /// A piece of the model's stream.
    pub fn stream(&self, message: &str, event: &Value) {
        self.say(json!({
            "type": "stream_event", "event": event, "parent_tool_use_id": null, "api_message_id": message,
        }));
    }

    /// A line as it is. A peer that is gone ends the program.
    pub fn raw(&self, message: &Value) {
        if self.closed {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        let line = format!("{message}\n");
        if stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(1);
        }
    }

    /// Closes stdout.
    pub fn close(&mut self) {
        let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null").expect("/dev/null");
        rustix::stdio::dup2_stdout(nowhere).expect("stdout");
        self.closed = true;
    }
}
