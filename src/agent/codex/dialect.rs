//! Which lines of a rollout make entries, and what a summary takes from each.
//!
//! Codex tells most things twice: as items of the model's conversation (`response_item`) and as events for its own
//! screen (`event_msg`, in two generations). One file is read from one source only, see [`Source`]. Tool calls are
//! always taken from the model's conversation, because a refused call has no event; events only add to them.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::decode;
use super::find::{self, field, until_quote};
use super::line::{Item, Kind, Line};
use crate::agent::jsonl::{Dialect, Link, Malformed, Mark, ResultMark, Skim, Text};
use crate::domain::{Body, EntryKind, Event, Key, Time, Tokens};

/// Where what was said is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The model's conversation: nothing else is there.
    #[default]
    Responses,
    /// Events `user_message`, `agent_message`, `agent_reasoning`: 0.32 and later.
    Events,
    /// Events `item_completed`: rollouts whose `history_mode` is `paginated`.
    Items,
}

/// The lines of one rollout.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// The thread, part of the identity of entries that have none of their own.
    pub thread: String,
    /// Where what was said is taken from.
    pub source: Source,
    /// Lines of this ordinal and later ones are not wanted: they came after a fork was made.
    pub until: Option<u64>,
}

impl Dialect for Rollout {
    fn skim<'a>(&self, bytes: &'a [u8], offset: u64) -> Result<Skim<'a>, Malformed> {
        let line = Line::parse(bytes).ok_or(Malformed)?;
        let mut skim = Skim::default();
        if self.until.is_some_and(|until| Line::ordinal(bytes).is_some_and(|ordinal| ordinal >= until)) {
            return Ok(skim);
        }
        match line.kind {
            Kind::TurnContext => skim.model = field(line.payload, &find::MODEL).map(Text),
            Kind::TokenCount => totals(&mut skim, line.payload, &find::TOTAL_USAGE),
            Kind::UsageRecord => totals(&mut skim, line.payload, &find::THREAD_USAGE),
            Kind::CallOutput | Kind::CallEnd => result(&mut skim, &line),
            Kind::Item(Item::Tool) if !stands_alone(&line) => result(&mut skim, &line),
            _ => self.entry(&mut skim, &line, offset),
        }
        // What only sets something up is no activity.
        if skim.link == Link::Linear {
            skim.time = Time::parse(line.time);
        }
        Ok(skim)
    }

    fn decode(&self, bytes: &[u8], marks: &[Mark], sink: &mut dyn FnMut(Event)) {
        let (Some(line), Some(mark)) = (Line::parse(bytes), marks.first()) else { return };
        let time = Time::parse(line.time);
        for body in decode::bodies(&line) {
            sink(Event { key: mark.key, time, body });
        }
    }

    fn decode_results(&self, bytes: &[u8], sink: &mut dyn FnMut(Event)) {
        let Some(line) = Line::parse(bytes) else { return };
        let time = Time::parse(line.time);
        for body in decode::bodies(&line) {
            if matches!(body, Body::ToolUpdate { .. }) {
                sink(Event { key: Key::new("", 0), time, body });
            }
        }
    }
}

impl Rollout {
    /// A line that makes an entry, or none.
    fn entry<'a>(&self, skim: &mut Skim<'a>, line: &Line<'a>, offset: u64) {
        let Some(kind) = self.kind(line) else { return };
        let tool = if matches!(line.kind, Kind::Call | Kind::Item(Item::Tool)) {
            line.call_id().map_or(0, |id| Text(id).hash())
        } else {
            0
        };
        let error = matches!(line.kind, Kind::Error | Kind::Complete);
        skim.link = Link::Linear;
        skim.marks.push(Mark { key: self.key(line, offset), kind, block: 0, tool, error });
        if kind == EntryKind::Prompt {
            skim.turns = 1;
            skim.prompt = line.text().map(without_context);
        }
    }

    /// What kind of entry a line makes, if its source is the one that counts.
    fn kind(&self, line: &Line<'_>) -> Option<EntryKind> {
        let from = |source, kind| (self.source == source).then_some(kind);
        match line.kind {
            Kind::UserMessage => from(Source::Events, EntryKind::Prompt),
            Kind::AgentMessage => from(Source::Events, EntryKind::Text).filter(|_| line.says_something()),
            Kind::AgentReasoning => from(Source::Events, EntryKind::Thinking).filter(|_| line.says_something()),
            Kind::Item(Item::User) => from(Source::Items, EntryKind::Prompt),
            Kind::Item(Item::Agent) => from(Source::Items, EntryKind::Text).filter(|_| line.says_something()),
            Kind::Item(Item::Reasoning) => from(Source::Items, EntryKind::Thinking).filter(|_| line.says_something()),
            Kind::Reasoning => from(Source::Responses, EntryKind::Thinking).filter(|_| line.says_something()),
            Kind::Message => message(line).filter(|_| self.source == Source::Responses),
            // What the model's host did itself is told again by an item.
            Kind::Call if self.source == Source::Items && is_hosted(line) => None,
            Kind::Call if field(line.payload, &find::NAME) == Some(b"update_plan") => Some(EntryKind::Plan),
            Kind::Call | Kind::Item(Item::Tool) => Some(EntryKind::Tool),
            Kind::Item(Item::Plan) => Some(EntryKind::Text).filter(|_| line.says_something()),
            Kind::Item(Item::Unknown) => Some(EntryKind::Other),
            Kind::Compacted | Kind::Aborted | Kind::Error | Kind::RolledBack => Some(EntryKind::Notice),
            Kind::Complete => memmem::find(line.payload, b"\"error\":{\"message\"").map(|_| EntryKind::Notice),
            Kind::Meta
            | Kind::TurnContext
            | Kind::UsageRecord
            | Kind::TokenCount
            | Kind::Started
            | Kind::CallOutput
            | Kind::CallEnd
            | Kind::Item(Item::Aside)
            | Kind::Aside => None,
        }
    }

    /// What was streamed keeps the identity that it had there: an item's own id, a call's in its turn, a turn's for how
    /// it ended. Everything else is known by its place.
    fn key(&self, line: &Line<'_>, offset: u64) -> Key {
        // Files beyond 4 GiB would only have to be told apart from their own first lines.
        #[expect(clippy::cast_possible_truncation, reason = "the place only tells lines of one file apart")]
        let place = || Key::new(&self.thread, offset as u32);
        let streamed = match line.kind {
            Kind::Call | Kind::Item(Item::Tool) => {
                text_of(line.call_id()).and_then(|call| call_key(self.turn(line)?, call))
            }
            Kind::Item(_) => {
                let ours = text_of(line.item_field(&find::CLIENT_ID)).filter(|id| id.starts_with(OUR_PROMPTS));
                ours.or_else(|| text_of(line.call_id())).map(|id| Key::new(id, 0))
            }
            Kind::Aborted | Kind::Complete => self.turn(line).map(turn_key),
            _ => None,
        };
        streamed.unwrap_or_else(place)
    }

    /// The turn that a line belongs to, where the file is of a generation that streamed.
    fn turn<'a>(&self, line: &Line<'a>) -> Option<&'a str> {
        (self.source == Source::Items).then(|| text_of(field(line.payload, &find::TURN_ID)))?
    }
}

/// What the ids begin with that salon gives to its prompts; Codex stores them with the prompt.
pub const OUR_PROMPTS: &str = "salon-";

/// The key of a tool call. Models that number their calls anew (`call_0`) have none: they would be taken for each other.
pub fn call_key(turn: &str, call: &str) -> Option<Key> {
    let unique = call.len() >= 16 && !call.contains(':');
    unique.then(|| Key::new(&format!("{turn}/{call}"), 0))
}

/// The key of what is said of a turn's end.
pub fn turn_key(turn: &str) -> Key {
    Key::new(turn, 0)
}

fn text_of(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok().filter(|text| !text.is_empty())
}

/// A line that tells what came of a call.
fn result<'a>(skim: &mut Skim<'a>, line: &Line<'a>) {
    if let Some(id) = line.call_id() {
        skim.link = Link::Linear;
        skim.results.push(ResultMark { tool: Text(id).hash(), error: line.tells_failure() });
    }
}

/// Whether a tool's item has no call in the model's conversation that it belongs to.
fn stands_alone(line: &Line<'_>) -> bool {
    matches!(line.item_field(&find::TYPE), Some(b"WebSearch" | b"ImageGeneration"))
        || line.item_field(&find::SOURCE) == Some(b"user_shell")
}

fn is_hosted(line: &Line<'_>) -> bool {
    [&b"{\"type\":\"web_search_call\""[..], b"{\"type\":\"image_generation_call\""]
        .iter()
        .any(|start| line.payload.starts_with(start))
}

/// A message of the model's conversation, unless Codex put it there itself.
fn message(line: &Line<'_>) -> Option<EntryKind> {
    match field(line.payload, &find::ROLE)? {
        b"user" if !line.text().is_some_and(is_injected) => Some(EntryKind::Prompt),
        b"assistant" if line.says_something() => Some(EntryKind::Text),
        _ => None,
    }
}

/// Whether Codex itself wrote a message in the user's name.
pub fn is_injected(text: Text<'_>) -> bool {
    const STARTS: [&[u8]; 12] = [
        b"<environment_context>",
        b"# AGENTS.md instructions",
        b"<user_instructions>",
        b"<permissions instructions>",
        b"<skills_instructions>",
        b"<skill>",
        b"<turn_aborted>",
        b"<subagent_notification>",
        b"<user_shell_command>",
        b"<collaboration_mode>",
        b"<INSTRUCTIONS>",
        b"<recommended_plugins>",
    ];
    STARTS.iter().any(|start| text.0.starts_with(start))
}

/// Editors put what is open in them before the prompt itself.
fn without_context(text: Text<'_>) -> Text<'_> {
    const REQUEST: &[u8] = b"## My request for Codex:\\n";
    if !text.0.starts_with(b"# Context from my IDE setup:") && !text.0.starts_with(b"\\n# Context from my IDE") {
        return text;
    }
    memmem::find(text.0, REQUEST).map_or(text, |at| Text(&text.0[at + REQUEST.len()..]))
}

/// Usage of the whole thread so far.
fn totals(skim: &mut Skim<'_>, payload: &[u8], name: &find::Name) {
    let Some(mut rest) = find::behind(payload, name) else { return };
    let (mut all, mut output, mut cache_read, mut cache_write) = (0, 0, 0, 0);
    // A flat object of numbers: names and values in turn.
    while let Some((name, behind)) = rest.strip_prefix(b"\"").and_then(|rest| until_quote(rest, 100)) {
        let Some(value) = behind.strip_prefix(b":") else { break };
        let count = match name {
            b"input_tokens" => &mut all,
            b"output_tokens" => &mut output,
            b"cached_input_tokens" => &mut cache_read,
            b"cache_write_input_tokens" => &mut cache_write,
            _ => &mut 0,
        };
        *count = find::leading_number(value).unwrap_or(0);
        let Some(end) = value.iter().position(|byte| matches!(byte, b',' | b'}')) else { break };
        rest = value[end..].strip_prefix(b",").unwrap_or_default();
    }
    let input = all.saturating_sub(cache_read).saturating_sub(cache_write);
    skim.rare().totals = Some(Tokens { input, output, cache_read, cache_write });
}
