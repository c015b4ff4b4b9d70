//! A turn: executes the script, reports it in the manners of the agent, and stores it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Agent;
use super::record::uuid;
use crate::script::{self, Step};

/// Reason for a turn's early end.
enum Stop {
    Interrupted,
    /// HTTP status and text.
    Failed(u16, String),
}

impl Agent {
    /// Executes the script of a prompt and responds to it.
    pub fn turn(&mut self, id: &Value, script: &str) {
        crate::log::write(&json!({"prompt": script}));
        self.is_busy = true;
        if let Some(record) = &mut self.record {
            record.user(script);
        }
        let steps = script::parse(script);
        let repeats = if steps.contains(&Step::Twice) { 2 } else { 1 };
        let mut end = if self.model == "nope" { Err(Stop::Failed(404, "model: nope".to_owned())) } else { Ok(()) };
        for step in steps {
            if end.is_ok() {
                end = self.step(step);
            }
        }
        let usage = json!({"totalTokens": 1209, "inputTokens": 1200, "outputTokens": 9});
        let ended = |reason: &str| Ok(json!({"stopReason": reason, "usage": usage}));
        let result = match end {
            Ok(()) => ended("end_turn"),
            Err(Stop::Interrupted) if self.manners.ends_every_turn => ended("end_turn"),
            Err(Stop::Interrupted) => ended("cancelled"),
            Err(Stop::Failed(status, text)) if self.manners.ends_every_turn => {
                self.chunk("agent_message_chunk", &format!("Ran into this error: Request failed ({status}): {text}"));
                ended("end_turn")
            }
            Err(Stop::Failed(status, text)) => Err((i64::from(status), text)),
        };
        for _ in 0..repeats {
            self.respond(id, result.clone());
        }
        (self.is_busy, self.interrupted) = (false, false);
    }

    fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Say(text) => self.say(&words(&text))?,
            Step::Think(text) => self.chunk("agent_thought_chunk", &text),
            Step::Flood(count) => self.say(&(0..count).map(|at| format!("piece {at} ")).collect::<Vec<_>>())?,
            Step::Long(bytes) => self.say(&["long ".repeat(bytes.div_ceil(5))[..bytes].to_owned()])?,
            Step::Run(command) => self.command(&command, false)?,
            Step::Ask(command) => self.command(&command, true)?,
            Step::Plan(items) => {
                let entry = |item: &String| json!({"content": item, "priority": "medium", "status": "pending"});
                let entries: Vec<Value> = items.iter().map(entry).collect();
                self.update(&json!({"sessionUpdate": "plan", "entries": entries}));
            }
            Step::Wait(time) => self.wait(time)?,
            Step::Hang => self.wait(Duration::from_secs(1_000_000))?,
            Step::Deaf => {
                self.ignores_interrupts = true;
                script::run_common_step(&Step::Deaf);
            }
            Step::ReadFile(path) => {
                let answer = self.request("fs/read_text_file", json!({"path": path}));
                let text = answer["content"].as_str().or_else(|| answer["message"].as_str()).unwrap_or_default();
                self.say(&words(text))?;
            }
            Step::WriteFile(path, text) => {
                let params = json!({"path": path, "content": text});
                let answer = self.request("fs/write_text_file", params);
                let error = answer["message"].as_str().map(str::to_owned);
                self.say(&words(&error.unwrap_or_else(|| "written".to_owned())))?;
            }
            Step::Terminal(line) => self.terminal(&line)?,
            Step::TerminalIn(dir) => {
                let answer = self.request("terminal/create", json!({"command": "pwd", "args": ["-P"], "cwd": dir}));
                self.say(&words(answer["message"].as_str().unwrap_or("started")))?;
            }
            Step::TerminalLeft => {
                let params = json!({"command": "/bin/sh", "args": ["-c", "echo $$; exec sleep 600"]});
                let id = self.request("terminal/create", params)["terminalId"].clone();
                let mut pid = None;
                while pid.is_none() {
                    let output = self.request("terminal/output", json!({"terminalId": id}));
                    pid = output["output"].as_str().and_then(|text| text.trim().parse::<u32>().ok());
                }
                crate::log::write(&json!({"grandchild": pid}));
                self.say(&words("it is left"))?;
            }
            Step::Close => self.close(),
            Step::Fail(status, text) => return Err(Stop::Failed(status, text)),
            Step::Stray => {
                self.write_line(&json!({"jsonrpc": "2.0", "id": 999_999, "result": {"stopReason": "end_turn"}}));
                self.write_line(&json!({"jsonrpc": "2.0", "method": "vendor/notify", "params": {}}));
            }
            // The protocol has no questions, background tasks, retries or compactions.
            Step::Question(..)
            | Step::Background(_)
            | Step::Delegate(_)
            | Step::Retry
            | Step::Compact
            | Step::Twice => {}
            step @ (Step::Crash(_) | Step::Garbage | Step::Grandchild | Step::Stubborn) => {
                script::run_common_step(&step);
            }
        }
        Ok(())
    }

    /// Runs a command line through the client, as one call.
    fn terminal(&mut self, line: &str) -> Result<(), Stop> {
        let call = uuid();
        let id =
            self.request("terminal/create", json!({"command": line, "env": [{"name": "FAKE_WORD", "value": "set"}]}));
        let id = id["terminalId"].clone();
        let content = json!([{"type": "terminal", "terminalId": id}]);
        self.update(&json!({"sessionUpdate": "tool_call", "toolCallId": call, "title": line, "kind": "execute",
            "status": "in_progress", "content": content}));
        let exit = self.request("terminal/wait_for_exit", json!({"terminalId": id}));
        let output = self.request("terminal/output", json!({"terminalId": id}));
        self.request("terminal/release", json!({"terminalId": id}));
        let gone = self.request("terminal/output", json!({"terminalId": id}));
        crate::log::write(&json!({"terminal": {"exit": exit, "output": output, "gone": gone["code"]}}));
        self.update(&json!({"sessionUpdate": "tool_call_update", "toolCallId": call, "status": "completed"}));
        self.say(&words(output["output"].as_str().unwrap_or_default().trim()))
    }

    fn chunk(&self, kind: &str, text: &str) {
        self.update(&json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}}));
    }

    fn say(&mut self, chunks: &[String]) -> Result<(), Stop> {
        let pace = std::env::var("FAKE_PACE").ok().and_then(|ms| ms.parse().ok()).unwrap_or(0);
        for chunk in chunks {
            script::wait(Duration::from_millis(pace), |left| self.check_interrupt(left))?;
            self.check_interrupt(Duration::ZERO)?;
            self.chunk("agent_message_chunk", chunk);
        }
        if let Some(record) = &mut self.record {
            record.text(&chunks.concat());
        }
        Ok(())
    }

    fn check_interrupt(&mut self, wait: Duration) -> Result<(), Stop> {
        self.receive(wait);
        if self.interrupted { Err(Stop::Interrupted) } else { Ok(()) }
    }

    fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        script::wait(time, |left| self.check_interrupt(left))
    }

    /// Calls the shell. The protocol's update of a call has its output.
    fn command(&mut self, command: &str, ask: bool) -> Result<(), Stop> {
        let id = format!("run_shell_command__{}", uuid());
        let silent = self.manners.silent_about_calls;
        let lenient = self.manners.lenient.contains(&&*self.mode) || self.granted.contains(command);
        let asks = ask && !lenient;
        let mut call =
            json!({"toolCallId": id, "title": command, "kind": "execute", "status": "pending", "content": []});
        if !silent {
            call["rawInput"] = json!({"command": command});
            call["_meta"] = json!({"toolName": "run_shell_command"});
        }
        let update = |kind: &str, fields: &Value| {
            let mut update = fields.clone();
            update["sessionUpdate"] = json!(kind);
            update
        };
        if !silent || !asks {
            self.update(&update("tool_call", &call));
        }
        if asks && !self.permission(&call, command)? {
            let text = "The user has declined to run this tool.";
            if !silent {
                let content = json!([{"type": "content", "content": {"type": "text", "text": text}}]);
                let fields = json!({"toolCallId": id, "status": "failed", "content": content});
                self.update(&update("tool_call_update", &fields));
            }
            if let Some(record) = &mut self.record {
                record.call(&id, command, text, "cancelled");
            }
            return Ok(());
        }
        let output = format!("output of {command}");
        let content = json!([{"type": "content", "content": {"type": "text", "text": output}}]);
        let fields =
            json!({"toolCallId": id, "title": command, "kind": "execute", "status": "completed", "content": content});
        self.update(&update("tool_call_update", &fields));
        if let Some(record) = &mut self.record {
            record.call(&id, command, &output, "success");
        }
        Ok(())
    }

    fn permission(&mut self, call: &Value, command: &str) -> Result<bool, Stop> {
        let options = json!([
            {"optionId": "proceed_always", "name": "Allow for this session", "kind": "allow_always"},
            {"optionId": "proceed_once", "name": "Allow", "kind": "allow_once"},
            {"optionId": "cancel", "name": "Reject", "kind": "reject_once"}]);
        let params = json!({"toolCall": call, "options": options});
        let answer = self.request("session/request_permission", params);
        crate::log::write(&json!({"permission": answer}));
        match answer["outcome"]["optionId"].as_str() {
            Some("proceed_once") => Ok(true),
            Some("proceed_always") => {
                self.granted.insert(command.to_owned());
                Ok(true)
            }
            Some(_) => Ok(false),
            None if self.interrupted => Err(Stop::Interrupted),
            None => Ok(false),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}
