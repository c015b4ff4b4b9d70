//! A turn: executes the script, streams it and stores it like the real program.

use std::time::Duration;

use serde_json::{Value, json};

use super::Agent;
use super::session::{now, uuid};
use crate::script::{self, Step};

/// Reason for a turn's early end.
enum Stop {
    /// Interrupted.
    Interrupted,
    /// Interrupted, or denied with a stop, during a tool call.
    InTool,
    /// API error.
    Failed { status: u16, text: String },
}

/// The answer in progress.
#[derive(Default)]
struct Reply {
    /// Id of the open message.
    message: Option<String>,
    /// Index of its next block.
    index: u64,
    /// Text so far.
    text: String,
    end_twice: bool,
}

impl Agent {
    /// Executes the script of a prompt.
    pub fn turn(&mut self, prompt: &Value) {
        let content = &prompt["message"]["content"];
        let text = content.as_str().map_or_else(|| joined(content), str::to_owned);
        crate::log::write(&json!({"prompt": text}));
        self.turn_open = true;
        self.turns += 1;
        let uuid = &prompt["uuid"];
        self.output.send(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "started"}));
        self.output.send(json!({
            "type": "system", "subtype": "init", "cwd": std::env::current_dir().ok(), "tools": ["Bash", "TodoWrite"],
            "model": self.model, "permissionMode": self.mode, "slash_commands": ["compact", "review"],
            "claude_code_version": super::session::VERSION,
        }));
        self.send_requesting();
        self.output.send(json!({
            "type": "user", "message": prompt["message"], "parent_tool_use_id": null, "uuid": uuid,
            "timestamp": now(), "isReplay": true,
        }));
        let record = json!({"type": "user", "message": prompt["message"], "uuid": uuid, "promptSource": "sdk"});
        // The real program writes a prompt some 100 to 200 ms after it has acknowledged it.
        let delay = std::env::var("FAKE_RECORD_DELAY").ok().and_then(|ms| ms.parse().ok());
        std::thread::sleep(Duration::from_millis(delay.unwrap_or(0)));
        self.session.record(record);
        let mut reply = Reply::default();
        let steps = if text.trim() == "/compact" { vec![Step::Compact] } else { script::parse(&text) };
        let end = steps.into_iter().try_for_each(|step| self.step(step, &mut reply));
        self.close_message(&mut reply, "end_turn");
        self.end(end, &reply, uuid);
        (self.turn_open, self.interrupted) = (false, false);
        self.session.last_prompt(&text);
    }

    fn step(&mut self, step: Step, reply: &mut Reply) -> Result<(), Stop> {
        match step {
            Step::Say(text) => self.text(&split_words(&text), reply)?,
            Step::Think(text) => self.think(&text, reply)?,
            Step::Flood(count) => self.text(&(0..count).map(|at| format!("piece {at} ")).collect::<Vec<_>>(), reply)?,
            Step::Long(bytes) => self.long(bytes, reply),
            Step::Run(command) => self.run_tool(&command, false, reply)?,
            Step::Ask(command) => self.run_tool(&command, true, reply)?,
            Step::Question(question, options) => self.question(&question, &options, reply)?,
            Step::Plan(items) if self.mode == "plan" => self.propose(&items, reply)?,
            Step::Plan(items) => self.todos(&items, reply),
            Step::Wait(time) => self.wait(time)?,
            Step::Hang => self.wait(Duration::from_secs(1_000_000))?,
            Step::Deaf => {
                self.ignores_interrupts = true;
                script::run_common_step(&Step::Deaf);
            }
            Step::Background(text) => {
                self.tasks.push((uuid(), text));
                self.send_tasks();
            }
            Step::Delegate(command) => self.delegate(&command, reply)?,
            Step::Close => self.output.close(),
            Step::Twice => reply.end_twice = true,
            Step::Fail(status, text) => return Err(Stop::Failed { status, text }),
            Step::Retry => self.retry()?,
            Step::Compact => self.compact(),
            // It reads and writes files itself.
            Step::ReadFile(_) | Step::WriteFile(..) | Step::Terminal(_) | Step::TerminalIn(_) | Step::TerminalLeft => {}
            Step::Stray => self.stray(),
            step @ (Step::Crash(_) | Step::Garbage | Step::Grandchild | Step::Stubborn) => {
                script::run_common_step(&step);
            }
        }
        Ok(())
    }

    /// Reports all background tasks.
    pub fn send_tasks(&self) {
        let task =
            |(id, text): &(String, String)| json!({"task_id": id, "task_type": "local_bash", "description": text});
        let tasks: Vec<Value> = self.tasks.iter().map(task).collect();
        self.output.send(json!({"type": "system", "subtype": "background_tasks_changed", "tasks": tasks}));
    }

    fn send_requesting(&self) {
        self.output.send(json!({"type": "system", "subtype": "status", "status": "requesting"}));
    }

    /// Receives messages for at most `wait`. Fails if the turn was interrupted.
    fn check_interrupt(&mut self, wait: Duration) -> Result<(), Stop> {
        self.receive(wait);
        if self.interrupted { Err(Stop::Interrupted) } else { Ok(()) }
    }

    fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        script::wait(time, |left| self.check_interrupt(left))
    }

    /// Id of the open message, and the index of a new block in it.
    fn block(&mut self, reply: &mut Reply) -> (String, u64) {
        let id = reply.message.clone().unwrap_or_else(|| format!("msg_{}", uuid().replace('-', "")));
        if reply.message.is_none() {
            let message = json!({"id": id, "type": "message", "role": "assistant", "model": self.model, "content": [],
                "stop_reason": null, "usage": usage(1)});
            self.output.stream(&id, &json!({"type": "message_start", "message": message}));
            reply.message = Some(id.clone());
            reply.index = 0;
        }
        reply.index += 1;
        (id, reply.index - 1)
    }

    fn close_message(&mut self, reply: &mut Reply, reason: &str) {
        if let Some(id) = reply.message.take() {
            let delta = json!({"stop_reason": reason, "stop_sequence": null});
            self.output.stream(&id, &json!({"type": "message_delta", "delta": delta, "usage": usage(8)}));
            self.output.stream(&id, &json!({"type": "message_stop"}));
        }
    }

    /// Sends and stores a complete block.
    fn finish(&mut self, message: &str, index: u64, block: &Value, aborted: bool) {
        let uuid = uuid();
        let message = json!({"id": message, "type": "message", "role": "assistant", "model": self.model,
            "content": [block], "stop_reason": null, "usage": usage(1)});
        let time = now();
        let mut event = json!({"type": "assistant", "message": message, "parent_tool_use_id": null, "uuid": uuid, "timestamp": time});
        if aborted {
            event["aborted"] = json!(true);
        }
        self.output.send(event);
        self.session.record(json!({"type": "assistant", "message": message, "apiBlockIndex": index, "uuid": uuid,
            "requestId": format!("req_{uuid}"), "timestamp": time}));
    }

    fn text(&mut self, chunks: &[String], reply: &mut Reply) -> Result<(), Stop> {
        let stream = Streamed { kind: "text", delta: "text_delta" };
        let end = self.stream_block(&stream, chunks, reply);
        reply.text = chunks.concat();
        end
    }

    fn think(&mut self, text: &str, reply: &mut Reply) -> Result<(), Stop> {
        self.stream_block(&Streamed { kind: "thinking", delta: "thinking_delta" }, &split_words(text), reply)
    }

    fn stream_block(&mut self, kind: &Streamed, chunks: &[String], reply: &mut Reply) -> Result<(), Stop> {
        let (id, index) = self.block(reply);
        let empty = json!({"type": kind.kind, kind.kind: ""});
        self.output.stream(&id, &json!({"type": "content_block_start", "index": index, "content_block": empty}));
        let mut text_sent = String::new();
        let mut end = Ok(());
        for chunk in chunks {
            end = self.check_interrupt(Duration::ZERO);
            if end.is_err() {
                break;
            }
            let delta = json!({"type": kind.delta, kind.kind: chunk});
            self.output.stream(&id, &json!({"type": "content_block_delta", "index": index, "delta": delta}));
            text_sent.push_str(chunk);
        }
        if kind.kind == "thinking" {
            let delta = json!({"type": "signature_delta", "signature": "c2lnbmVk"});
            self.output.stream(&id, &json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        self.finish(&id, index, &json!({"type": kind.kind, kind.kind: text_sent}), end.is_err());
        self.output.stream(&id, &json!({"type": "content_block_stop", "index": index}));
        end
    }

    /// Sends a text without streaming it.
    fn long(&mut self, bytes: usize, reply: &mut Reply) {
        let (id, index) = self.block(reply);
        self.finish(&id, index, &json!({"type": "text", "text": "long ".repeat(bytes.div_ceil(5))[..bytes]}), false);
    }

    /// Sends a tool call; returns its id.
    fn call(&mut self, name: &str, input: &Value, reply: &mut Reply) -> String {
        let (message, index) = self.block(reply);
        let id = format!("toolu_{}", uuid().replace('-', ""));
        let empty = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        self.output.stream(&message, &json!({"type": "content_block_start", "index": index, "content_block": empty}));
        let whole: Vec<char> = input.to_string().chars().collect();
        for chunk in whole.chunks(24) {
            let delta = json!({"type": "input_json_delta", "partial_json": chunk.iter().collect::<String>()});
            self.output.stream(&message, &json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        self.finish(&message, index, &json!({"type": "tool_use", "id": id, "name": name, "input": input}), false);
        self.output.stream(&message, &json!({"type": "content_block_stop", "index": index}));
        self.close_message(reply, "tool_use");
        id
    }

    /// Sends the result of a tool call, which fails only if it was denied.
    fn result(&mut self, id: &str, output: &str, refused: bool, details: &Value) {
        let uuid = uuid();
        let block = json!({"tool_use_id": id, "type": "tool_result", "content": output, "is_error": refused});
        let message = json!({"role": "user", "content": [block]});
        let decision = if refused { "reject" } else { "accept" };
        let decision = json!({"decision": decision, "source": if refused { "user_reject" } else { "user_temporary" }});
        let time = now();
        self.output.send(json!({"type": "user", "message": message, "parent_tool_use_id": null, "uuid": uuid,
            "timestamp": time, "tool_use_result": details, "tool_result_meta": [{"id": id, "permission_decision": decision}]}));
        self.session.record(json!({"type": "user", "message": message, "uuid": uuid, "timestamp": time,
            "toolUseResult": details, "permissionDecision": decision}));
    }

    fn run_tool(&mut self, command: &str, ask: bool, reply: &mut Reply) -> Result<(), Stop> {
        let input = json!({"command": command, "description": format!("Run: {command}")});
        let id = self.call("Bash", &input, reply);
        let mut input = input;
        if ask && self.mode != "bypassPermissions" {
            let rules = json!([{"toolName": "Bash", "ruleContent": command}]);
            let suggestions = json!([
                {"type": "addRules", "rules": rules, "behavior": "allow", "destination": "localSettings"},
                {"type": "setMode", "mode": "acceptEdits", "destination": "session"},
            ]);
            input = self.request_permission("Bash", &id, &input, &suggestions)?;
        }
        let output = format!("output of {}", input["command"].as_str().unwrap_or_default());
        let details = json!({"stdout": output, "stderr": "", "interrupted": false, "isImage": false});
        if !input.is_null() {
            self.result(&id, &output, false, &details);
        }
        self.send_requesting();
        Ok(())
    }

    /// Requests permission; returns the input to use, or null if it was denied.
    fn request_permission(&mut self, tool: &str, id: &str, input: &Value, suggestions: &Value) -> Result<Value, Stop> {
        let answer = self
            .request(&json!({"subtype": "can_use_tool", "tool_name": tool, "display_name": tool, "input": input,
            "permission_suggestions": suggestions, "tool_use_id": id}));
        let refused = "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a \
            file edit, the new_string was NOT written to the file).";
        let Some(answer) = answer else {
            self.result(id, refused, true, &json!("User rejected tool use"));
            return Err(Stop::InTool);
        };
        if answer["behavior"] == "allow" {
            for granted in answer["updatedPermissions"].as_array().into_iter().flatten() {
                if granted["type"] == "setMode" {
                    self.set_mode(granted["mode"].as_str().unwrap_or("default"));
                }
            }
            return Ok(answer["updatedInput"].clone());
        }
        if answer["interrupt"] == true {
            self.result(id, refused, true, &json!("User rejected tool use"));
            return Err(Stop::InTool);
        }
        let message = answer["message"].as_str().unwrap_or_default().to_owned();
        self.result(id, &message, true, &json!(format!("Error: {message}")));
        Ok(Value::Null)
    }

    /// Starts a sub-agent, whose messages refer to the call.
    fn delegate(&mut self, command: &str, reply: &mut Reply) -> Result<(), Stop> {
        let id = self.call("Task", &json!({"description": "A task", "prompt": "Do it"}), reply);
        let block = json!({"type": "tool_use", "id": "toolu_inner", "name": "Bash", "input": {"command": command}});
        let message = json!({"id": "msg_inner", "role": "assistant", "model": self.model, "content": [block]});
        self.output.send(json!({"type": "assistant", "message": message, "parent_tool_use_id": id,
            "agent_id": "a1b2c3", "uuid": uuid(), "timestamp": now()}));
        self.wait(Duration::from_secs(1_000_000))
    }

    fn question(&mut self, question: &str, options: &[String], reply: &mut Reply) -> Result<(), Stop> {
        let options: Vec<Value> = options.iter().map(|label| json!({"label": label, "description": ""})).collect();
        let item = json!({"question": question, "header": "Choose", "options": options, "multiSelect": false});
        let input = json!({"questions": [item]});
        let id = self.call("AskUserQuestion", &input, reply);
        let input = self.request_permission("AskUserQuestion", &id, &input, &json!([]))?;
        if !input.is_null() {
            let chosen = input["answers"][question].as_str().unwrap_or("nothing").to_owned();
            let output = format!("User has answered your questions: \"{question}\"=\"{chosen}\".");
            self.result(&id, &output, false, &json!({"questions": input["questions"], "answers": input["answers"]}));
            self.send_requesting();
            return self.text(&split_words(&format!("You chose {chosen}.")), reply);
        }
        self.send_requesting();
        Ok(())
    }

    fn todos(&mut self, items: &[String], reply: &mut Reply) {
        let todo = |(at, item): (usize, &String)| {
            let status = if at == 0 { "in_progress" } else { "pending" };
            json!({"content": item, "status": status, "activeForm": item})
        };
        let todos: Vec<Value> = items.iter().enumerate().map(todo).collect();
        let id = self.call("TodoWrite", &json!({"todos": todos}), reply);
        self.result(&id, "Todos have been modified successfully.", false, &json!({"oldTodos": [], "newTodos": todos}));
        self.send_requesting();
    }

    /// Proposes a plan in plan mode, and continues if it is approved.
    fn propose(&mut self, items: &[String], reply: &mut Reply) -> Result<(), Stop> {
        let plan: String = items.iter().enumerate().map(|(at, item)| format!("{}. {item}\n", at + 1)).collect();
        let input = json!({"plan": plan});
        let id = self.call("ExitPlanMode", &input, reply);
        let input = self.request_permission("ExitPlanMode", &id, &input, &json!([]))?;
        if !input.is_null() {
            if self.mode == "plan" {
                self.set_mode("default");
            }
            let details = json!({"plan": plan, "isAgent": false});
            self.result(&id, "User has approved your plan. You can now start coding.", false, &details);
        }
        self.send_requesting();
        Ok(())
    }

    fn retry(&mut self) -> Result<(), Stop> {
        self.output.send(json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10,
            "retry_delay_ms": 50, "error_status": 529, "error": "overloaded"}));
        self.wait(Duration::from_millis(50))
    }

    fn compact(&mut self) {
        let status = |status: Value| json!({"type": "system", "subtype": "status", "status": status});
        self.output.send(status(json!("compacting")));
        self.output.send(status(Value::Null));
        let (boundary, summary) = (uuid(), uuid());
        let logical = self.session.cut();
        self.output.send(json!({"type": "system", "subtype": "compact_boundary", "uuid": boundary,
            "compact_metadata": {"trigger": "manual", "pre_tokens": 18820, "post_tokens": 2704},
            "logical_parent_uuid": logical}));
        self.session.record(json!({"type": "system", "subtype": "compact_boundary", "uuid": boundary,
            "content": "Conversation compacted", "logicalParentUuid": logical,
            "compactMetadata": {"trigger": "manual", "preTokens": 18820, "postTokens": 2704}}));
        let message =
            json!({"role": "user", "content": "This session is being continued from a previous conversation."});
        self.output.send(json!({"type": "user", "message": message, "uuid": summary, "parent_tool_use_id": null,
            "isReplay": false, "isSynthetic": true}));
        self.session.record(json!({"type": "user", "message": message, "uuid": summary, "isCompactSummary": true,
            "isVisibleInTranscriptOnly": true}));
    }

    fn stray(&self) {
        let response = json!({"subtype": "success", "request_id": "never-asked", "response": {"model": "nobody"}});
        self.output.write_line(&json!({"type": "control_response", "response": response}));
        self.output.write_line(&json!({"type": "control_cancel_request", "request_id": "never-asked"}));
    }

    /// Ends the turn.
    fn end(&mut self, end: Result<(), Stop>, reply: &Reply, prompt: &Value) {
        let mut result = json!({
            "type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed",
            "result": reply.text, "api_error_status": null, "num_turns": self.turns, "duration_ms": 10,
            "total_cost_usd": 0.25 * f64::from(u32::try_from(self.turns).unwrap_or(0)), "usage": usage(8),
            "modelUsage": {self.model.as_str(): {"inputTokens": 12 * self.turns, "outputTokens": 8 * self.turns,
                "cacheReadInputTokens": 1000 * self.turns, "cacheCreationInputTokens": 100, "contextWindow": 200_000}},
            "permission_denials": [], "queued_turn_count": self.prompts.len(), "result_index": self.turns - 1,
            "user_message_uuid": prompt, "user_message_uuids": [prompt],
        });
        match end {
            Ok(()) => {}
            Err(stop @ (Stop::Interrupted | Stop::InTool)) => {
                let in_tool = matches!(stop, Stop::InTool);
                let suffix = if in_tool { " for tool use" } else { "" };
                self.synthetic(&format!("[Request interrupted by user{suffix}]"));
                result["subtype"] = json!("error_during_execution");
                result["is_error"] = json!(true);
                result["terminal_reason"] = json!(if in_tool { "aborted_tools" } else { "aborted_streaming" });
                result["errors"] = json!(["[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null"]);
            }
            Err(Stop::Failed { status, text }) => self.failed(status, &text, &mut result),
        }
        self.interrupted = false;
        self.output.send(result.clone());
        if reply.end_twice {
            self.output.send(result);
        }
    }

    fn synthetic(&mut self, text: &str) {
        let uuid = uuid();
        let message = json!({"role": "user", "content": [{"type": "text", "text": text}]});
        let time = now();
        self.output.send(
            json!({"type": "user", "message": message, "parent_tool_use_id": null, "uuid": uuid, "timestamp": time}),
        );
        self.session.record(json!({"type": "user", "message": message, "uuid": uuid, "timestamp": time}));
    }

    fn failed(&mut self, status: u16, text: &str, result: &mut Value) {
        let error = match status {
            401 | 403 => "authentication_failed",
            404 => "model_not_found",
            429 => "rate_limit",
            _ => "server_error",
        };
        if status == 429 {
            let resets = jiff::Timestamp::now().as_second() + 3600;
            self.output.send(json!({"type": "rate_limit_event", "rate_limit_info":
                {"status": "rejected", "resetsAt": resets, "rateLimitType": "five_hour"}}));
        }
        let text = format!("API Error: {status} {text}");
        let uuid = uuid();
        let message = json!({"id": uuid, "model": "<synthetic>", "role": "assistant", "type": "message",
            "stop_reason": "stop_sequence", "content": [{"type": "text", "text": text}], "usage": usage(0)});
        let time = now();
        self.output.send(json!({"type": "assistant", "message": message, "parent_tool_use_id": null, "uuid": uuid,
            "timestamp": time, "error": error, "is_api_error_message": true, "api_error_status": status}));
        self.session.record(json!({"type": "assistant", "message": message, "uuid": uuid, "timestamp": time,
            "isApiErrorMessage": true, "error": error, "apiErrorStatus": status}));
        result["is_error"] = json!(true);
        result["terminal_reason"] = json!("api_error");
        result["api_error_status"] = json!(status);
        result["result"] = json!(text);
    }
}

/// Type of a streamed block.
struct Streamed {
    kind: &'static str,
    delta: &'static str,
}

fn usage(output: u64) -> Value {
    json!({"input_tokens": 12, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": output})
}

/// Splits a text after each space.
fn split_words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

fn joined(content: &Value) -> String {
    let texts = content.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}
