//! Decodes `session/update`: texts, tool calls, plans, settings and usage.

use std::sync::Arc;

use agent_client_protocol_schema::v1::{
    ContentBlock, ContentChunk, PlanEntry, PlanEntryStatus, SessionNotification, SessionUpdate, ToolCallUpdate,
};
use serde_json::Value;

use super::codec::{AcpCodec, event, report_usage};
use super::turn::StreamKind;
use crate::agent::protocol::{CodecStep, Conversation, ProtocolSignal, RunSetting};
use crate::domain::transcript::{PlanItem, PlanStatus};
use crate::domain::{Delta, EntryKey, EventBody, Time};

impl AcpCodec {
    pub(super) fn updated(&mut self, params: &Value, now: Time, step: &mut CodecStep) {
        let kind = params["update"]["sessionUpdate"].as_str().unwrap_or_default();
        let Ok(notification) = serde_json::from_value::<SessionNotification>(params.clone()) else {
            if !self.state.is_replaying_known() {
                self.unknown(kind, &params["update"].to_string(), now, step);
            }
            return;
        };
        // Sub-agents have sessions of their own. Before the session is open its id is not known.
        if self.session.as_ref().is_some_and(|own| **own != *notification.session_id.0) {
            return;
        }
        let before = step.signals.len();
        self.applied(notification.update, kind, params, now, step);
        if self.state.is_replaying() {
            step.signals[before..].iter_mut().for_each(replayed);
        }
    }

    fn applied(&mut self, update: SessionUpdate, kind: &str, params: &Value, now: Time, step: &mut CodecStep) {
        match update {
            SessionUpdate::AvailableCommandsUpdate(update) => {
                let commands = update.available_commands.into_iter();
                self.commands = commands.map(|command| (command.name, command.description)).collect();
                self.commands_listed(now, step);
            }
            SessionUpdate::CurrentModeUpdate(update) => {
                self.settings.apply(&RunSetting::Mode(update.current_mode_id.to_string()));
                step.signals.push(self.settings.signal());
            }
            SessionUpdate::ConfigOptionUpdate(_) => {
                self.settings.read_options(&params["update"]["configOptions"]);
                step.signals.push(self.settings.signal());
            }
            SessionUpdate::UsageUpdate(update) => {
                let cost_usd = update.cost.filter(|cost| cost.currency == "USD").map(|cost| cost.amount);
                let context = (update.size > 0).then_some((update.used, update.size));
                step.signals.push(ProtocolSignal::Usage { tokens: None, cost_usd, context });
            }
            SessionUpdate::SessionInfoUpdate(_) => {
                let title = params["update"]["title"].as_str().filter(|title| !title.trim().is_empty());
                step.signals.extend(title.map(|title| ProtocolSignal::Title(title.to_owned())));
            }
            SessionUpdate::UserMessageChunk(chunk) if self.state.is_replaying() && self.state.keeps_replay => {
                self.prompt_replayed(chunk, now, step);
            }
            // The prompt of an open turn is known.
            SessionUpdate::UserMessageChunk(_) => {}
            update if !self.state.is_replaying_known() => self.conversation_updated(update, kind, params, now, step),
            _ => {}
        }
    }

    /// Adds a piece of a prompt in a replayed conversation, whose times are unknown.
    fn prompt_replayed(&mut self, chunk: ContentChunk, now: Time, step: &mut CodecStep) {
        let text = text_of(chunk.content);
        let session = self.opening.as_ref().map(|opening| &opening.conversation);
        let Some(Conversation::Resume(session)) = session else { return };
        let (key, text) = self.keys.replayed(session, &text);
        event(key, now, EventBody::Prompt(text), step);
    }

    fn conversation_updated(
        &mut self,
        update: SessionUpdate,
        kind: &str,
        params: &Value,
        now: Time,
        step: &mut CodecStep,
    ) {
        match update {
            SessionUpdate::AgentMessageChunk(chunk) => self.streamed(StreamKind::Text, chunk, now, step),
            SessionUpdate::AgentThoughtChunk(chunk) => self.streamed(StreamKind::Thinking, chunk, now, step),
            SessionUpdate::ToolCall(call) => {
                self.turn_active(step);
                let bodies = self.calls.begin(call, &self.agent);
                self.tool_events(bodies, now, step);
            }
            SessionUpdate::ToolCallUpdate(update) => {
                self.turn_active(step);
                self.tool_updated(update, now, step);
            }
            SessionUpdate::Plan(plan) => {
                self.turn_active(step);
                self.keys.end_stream();
                let items = plan.entries.into_iter().map(plan_item).collect();
                event(self.keys.plan(), now, EventBody::Plan(items), step);
            }
            _ => self.unknown(kind, &params["update"].to_string(), now, step),
        }
    }

    /// Applies an update of a call, or what a permission request says of it.
    pub(super) fn tool_updated(&mut self, update: ToolCallUpdate, now: Time, step: &mut CodecStep) {
        let bodies = self.calls.update(update, &self.agent);
        self.tool_events(bodies, now, step);
    }

    /// Emits events of calls. The id of a call is the key of its entry.
    pub(super) fn tool_events(&mut self, bodies: Vec<EventBody>, now: Time, step: &mut CodecStep) {
        for body in bodies {
            if let EventBody::ToolCall { id, .. } | EventBody::ToolUpdate { id, .. } = &body {
                let key = EntryKey::new(id, 0);
                self.keys.end_stream();
                event(key, now, body, step);
            }
        }
    }

    fn streamed(&mut self, kind: StreamKind, chunk: ContentChunk, now: Time, step: &mut CodecStep) {
        if let Some(meta) = chunk.meta {
            let tokens = self.usage.add_reply(&Value::Object(meta));
            report_usage(tokens, step);
        }
        let text = text_of(chunk.content);
        let is_noise = self.agent.noise.is_some_and(|noise| text.starts_with(noise));
        if text.is_empty() || is_noise {
            return;
        }
        self.turn_active(step);
        let begins_error = self.agent.error_text.is_some_and(|words| text.starts_with(words));
        if let Some(turn) = self.turn.as_mut().filter(|turn| begins_error || !turn.error.is_empty()) {
            // Reported as the outcome of the turn.
            turn.error.push_str(&text);
            return;
        }
        let message: Option<Arc<str>> = chunk.message_id.map(|id| id.0);
        let is_next_thought = self.agent.whole_thoughts && kind == StreamKind::Thinking && self.keys.is_streaming(kind);
        let key = self.keys.stream(kind, message);
        let delta = Delta::Append(if is_next_thought { format!("\n\n{text}") } else { text });
        let body = match kind {
            StreamKind::Text => EventBody::Text(delta),
            StreamKind::Thinking => EventBody::Thinking(delta),
        };
        event(key, now, body, step);
    }
}

/// Marks an event as one of the history.
fn replayed(signal: &mut ProtocolSignal) {
    if let ProtocolSignal::Event(event) = signal {
        *signal = ProtocolSignal::Replayed(event.clone());
    }
}

fn text_of(content: ContentBlock) -> String {
    match content {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => format!("[image ({})]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[audio ({})]", audio.mime_type),
        ContentBlock::ResourceLink(link) => format!("[{}]({})", link.name, link.uri),
        _ => "[resource]".to_owned(),
    }
}

fn plan_item(entry: PlanEntry) -> PlanItem {
    let status = match entry.status {
        PlanEntryStatus::InProgress => PlanStatus::Active,
        PlanEntryStatus::Completed => PlanStatus::Done,
        _ => PlanStatus::Pending,
    };
    PlanItem { text: entry.content, status }
}
