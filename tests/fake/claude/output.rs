//! Stdout of the agent.

use std::io::Write;

use serde_json::{Value, json};

use super::session::uuid;

pub struct Output {
    session: String,
    /// True if stdout is closed: further output is lost.
    closed: bool,
}

impl Output {
    pub fn new(session: &str) -> Self {
        Self { session: session.to_owned(), closed: false }
    }

    /// Sends a message of the conversation, with the session's id.
    pub fn send(&self, mut message: Value) {
        message["session_id"] = json!(self.session);
        if message["uuid"].is_null() {
            message["uuid"] = json!(uuid());
        }
        self.write_line(&message);
    }

    /// Sends an event of the model's stream.
    pub fn stream(&self, message: &str, event: &Value) {
        self.send(json!({
            "type": "stream_event", "event": event, "parent_tool_use_id": null, "api_message_id": message,
        }));
    }

    /// Writes a line. Exits if the reader has disconnected.
    pub fn write_line(&self, message: &Value) {
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
