//! Events of pi: replies, tool calls, retries and the end of a turn.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::codec::{PiCodec, PiTurn, event};
use super::tools;
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::event::NoticeLevel;
use crate::domain::run::Activity;
use crate::domain::{Delta, EntryKey, EventBody, Time, Tokens, ToolStatus};

impl PiCodec {
    pub(super) fn event(&mut self, record: &Value, now: Time, step: &mut CodecStep) {
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        match text("type") {
            "agent_start" => self.started(now, step),
            "message_start" if record["message"]["role"] == "assistant" => {
                self.replies += 1;
                self.streamed.clear();
            }
            "message_update" => self.streamed(&record["assistantMessageEvent"], now, step),
            "message_end" if record["message"]["role"] == "assistant" => self.replied(&record["message"], now, step),
            "message_end" if record["message"]["role"] == "user" => {
                self.user_message(&message_text(&record["message"]["content"]), now, step);
            }
            "tool_execution_start" => {
                let Some(id) = record["toolCallId"].as_str().map(Arc::<str>::from) else { return };
                self.calls.push(id.clone());
                let body = tools::call(id.clone(), text("toolName"), &record["args"]);
                event(EntryKey::new(&id, 0), now, body, step);
                event(EntryKey::new(&id, 0), now, tools::progress(id, Some(ToolStatus::Running), None), step);
            }
            "tool_execution_update" => {
                let Some(id) = record["toolCallId"].as_str().map(Arc::<str>::from) else { return };
                let output = tools::output(&record["partialResult"]).filter(|output| !output.is_empty());
                if output.is_some() {
                    event(EntryKey::new(&id, 0), now, tools::progress(id, None, output), step);
                }
            }
            "tool_execution_end" => {
                let Some(id) = record["toolCallId"].as_str().map(Arc::<str>::from) else { return };
                self.calls.retain(|open| *open != id);
                event(EntryKey::new(&id, 0), now, tools::ended(id, record), step);
            }
            "agent_settled" => self.end_turn(record["aborted"] == true, now, step),
            "auto_retry_start" => {
                let delay = Duration::from_millis(record["delayMs"].as_u64().unwrap_or(0));
                let at = Time::from_millis(now.millis() + i64::try_from(delay.as_millis()).unwrap_or(0));
                let attempt = record["attempt"].as_u64().and_then(|attempt| attempt.try_into().ok()).unwrap_or(1);
                let reason = text("errorMessage").to_owned();
                step.signals.push(ProtocolSignal::Activity(Activity::Retrying { attempt, at: Some(at), reason }));
            }
            "auto_retry_end" => step.signals.push(ProtocolSignal::Activity(Activity::Answering)),
            "compaction_start" => step.signals.push(ProtocolSignal::Activity(Activity::Compacting)),
            "compaction_end" => {
                self.notice(NoticeLevel::Boundary, "The conversation was compacted.".to_owned(), now, step);
                step.signals.push(ProtocolSignal::Activity(Activity::Answering));
            }
            "session_info_changed" => step.signals.push(ProtocolSignal::Title(text("name").to_owned())),
            "thinking_level_changed" if record["level"].is_string() => self.effort_changed(text("level"), step),
            "extension_ui_request" if record["method"] == "notify" => {
                let level = if record["notifyType"] == "error" { NoticeLevel::Warning } else { NoticeLevel::Info };
                self.notice(level, text("message").to_owned(), now, step);
            }
            "extension_ui_request" => self.dialogs.request(record, now, step),
            "extension_error" => {
                let reason = record["error"].as_str().or_else(|| record["message"].as_str()).unwrap_or("unknown");
                self.notice(NoticeLevel::Warning, format!("An extension failed: {reason}"), now, step);
            }
            // The rest repeats what other events say, or has no place in a conversation.
            _ => {}
        }
    }

    /// A turn that no prompt of salon began, such as one of an extension.
    fn started(&mut self, now: Time, step: &mut CodecStep) {
        if self.turn.is_none() {
            self.begin(format!("pi-own-{:x}", now.millis()));
            self.turn = Some(PiTurn::default());
            step.signals.push(ProtocolSignal::TurnStarted);
        }
    }

    fn streamed(&mut self, piece: &Value, now: Time, step: &mut CodecStep) {
        let (Some(at), Some(text)) = (piece["contentIndex"].as_u64(), piece["delta"].as_str()) else { return };
        let body = match piece["type"].as_str() {
            Some("text_delta") => EventBody::Text(Delta::Append(text.to_owned())),
            Some("thinking_delta") => EventBody::Thinking(Delta::Append(text.to_owned())),
            _ => return,
        };
        if text.is_empty() {
            return;
        }
        if !self.streamed.contains(&at) {
            self.streamed.push(at);
        }
        event(self.block_key(at), now, body, step);
    }

    /// Handles the end of a reply: what was not streamed, its usage, and its failure.
    fn replied(&mut self, message: &Value, now: Time, step: &mut CodecStep) {
        for (at, block) in (0..).zip(message["content"].as_array().into_iter().flatten()) {
            let text = |name: &str| block[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            let body = match block["type"].as_str() {
                Some("text") => text("text").map(|text| EventBody::Text(Delta::Append(text))),
                Some("thinking") => text("thinking").map(|text| EventBody::Thinking(Delta::Append(text))),
                _ => None,
            };
            if let Some(body) = body.filter(|_| !self.streamed.contains(&at)) {
                event(self.block_key(at), now, body, step);
            }
        }
        let error = message["errorMessage"].as_str().filter(|_| message["stopReason"] == "error");
        if let Some(turn) = &mut self.turn {
            turn.error = error.map(str::to_owned);
        }
        let usage = &message["usage"];
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        self.tokens += Tokens {
            input: count("input"),
            output: count("output"),
            cache_read: count("cacheRead"),
            cache_write: count("cacheWrite"),
        };
        self.cost_usd += usage["cost"]["total"].as_f64().unwrap_or(0.0);
        if self.tokens.total() > 0 {
            let (tokens, cost_usd) = (Some(self.tokens), Some(self.cost_usd).filter(|cost| *cost > 0.0));
            step.signals.push(ProtocolSignal::Usage { tokens, cost_usd, context: None });
        }
    }

    /// Key of a block of the open reply.
    fn block_key(&self, at: u64) -> EntryKey {
        EntryKey::new(&format!("{}-{}", self.turn_key, self.replies), u32::try_from(at).unwrap_or(u32::MAX))
    }
}

/// Text of a message: a string, or the texts of its blocks.
fn message_text(content: &Value) -> String {
    let blocks = content.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
    content.as_str().into_iter().chain(blocks).collect()
}
