//! The model's streamed answer: deltas of text and of tool inputs, each under the key of its block.

use std::collections::HashMap;

use serde_json::Value;

use super::super::tools;
use crate::agent::protocol::ProtocolSignal;
use crate::domain::event::{Delta, EventBody};
use crate::domain::{EntryKey, Event, Time};

/// Minimum bytes of a tool's input before its first update, because less shows nothing; further updates at each doubling.
const MIN_INPUT: usize = 32;

/// The streamed blocks of the open turn.
#[derive(Debug, Default)]
pub(super) struct BlockStream {
    /// Id of the current message.
    current: String,
    messages: HashMap<String, Message>,
    /// True if deltas are dropped, because their keys would not match those on disk.
    drops_deltas: bool,
}

#[derive(Debug, Default)]
struct Message {
    /// Number of the next block.
    next: u32,
    /// The block that is being streamed.
    open: Option<OpenBlock>,
}

#[derive(Debug)]
struct OpenBlock {
    index: u32,
    /// White space before any text, because an entry of only white space is not shown.
    blank: String,
    /// A tool call: id, name, input so far, and the length of the input at the last update.
    call: Option<(String, String, String, usize)>,
}

impl BlockStream {
    /// Drops all deltas from now on, so that only finished blocks are reported.
    pub(super) fn drop_deltas(&mut self) {
        self.drops_deltas = true;
    }

    /// True if blocks are keyed by message and number.
    pub(super) fn are_numbered(&self) -> bool {
        !self.drops_deltas
    }

    /// Drops the open blocks at the end of a turn.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.current.clear();
    }

    /// Decodes a stream event of the API. `message` is the id of its message, if known.
    pub(super) fn streamed(
        &mut self,
        event: &Value,
        message: Option<&str>,
        time: Option<Time>,
    ) -> Option<ProtocolSignal> {
        if event["type"] == "message_start" {
            event["message"]["id"].as_str().unwrap_or_default().clone_into(&mut self.current);
        }
        let id = message.map_or_else(|| self.current.clone(), str::to_owned);
        if id.is_empty() || self.drops_deltas {
            return None;
        }
        let index = event["index"].as_u64().and_then(|at| u32::try_from(at).ok())?;
        let message = self.messages.entry(id.clone()).or_default();
        let body = match event["type"].as_str()? {
            "content_block_start" => {
                message.begin(index, &event["content_block"]);
                return None;
            }
            "content_block_delta" => {
                // The block began before the stream was attached.
                let open = message.open.get_or_insert_with(|| OpenBlock::new(index));
                open.delta(&event["delta"])?
            }
            _ => return None,
        };
        Some(ProtocolSignal::Event(Event { key: EntryKey::new(&id, index), time, body }))
    }

    /// Returns the number of a finished block: the streamed block's, else the next.
    pub(super) fn finished(&mut self, message: &str) -> u32 {
        let message = self.messages.entry(message.to_owned()).or_default();
        let index = message.open.take().map_or(message.next, |open| open.index);
        message.next = message.next.max(index.saturating_add(1));
        index
    }
}

impl Message {
    /// Opens a block. A call is reported only once part of its input has arrived.
    fn begin(&mut self, index: u32, block: &Value) {
        let mut open = OpenBlock::new(index);
        let field = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
        if field("type").ends_with("tool_use") {
            open.call = Some((field("id"), field("name"), String::new(), 0));
        }
        self.next = self.next.max(index.saturating_add(1));
        self.open = Some(open);
    }
}

impl OpenBlock {
    fn new(index: u32) -> Self {
        Self { index, blank: String::new(), call: None }
    }

    fn delta(&mut self, delta: &Value) -> Option<EventBody> {
        let text = |name: &str| delta[name].as_str().unwrap_or_default();
        match delta["type"].as_str()? {
            "text_delta" => self.text(text("text")).map(EventBody::Text),
            "thinking_delta" => self.text(text("thinking")).map(EventBody::Thinking),
            "input_json_delta" => {
                let (id, name, input, reported) = self.call.as_mut()?;
                input.push_str(text("partial_json"));
                if input.len() < MIN_INPUT.max(*reported * 2) {
                    return None;
                }
                *reported = input.len();
                Some(call(id, name, complete_json(input)?))
            }
            _ => None,
        }
    }

    fn text(&mut self, text: &str) -> Option<Delta> {
        self.blank.push_str(text);
        if self.blank.trim_ascii().is_empty() {
            return None;
        }
        Some(Delta::Append(std::mem::take(&mut self.blank)))
    }
}

fn call(id: &str, name: &str, input: Value) -> EventBody {
    let action = tools::action(name, &input);
    EventBody::ToolCall { id: id.into(), name: name.into(), input, action }
}

/// Parses a truncated JSON object: closes the open string and containers, else drops the last, incomplete member.
fn complete_json(json: &str) -> Option<Value> {
    let (mut closers, mut in_string, mut escaped) = (Vec::new(), false, false);
    // End of the last complete member, and the containers open there.
    let mut whole: Option<(usize, Vec<char>)> = None;
    for (at, letter) in json.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' => closers.push('}'),
            '[' => closers.push(']'),
            '}' | ']' => {
                closers.pop();
            }
            ',' => whole = Some((at, closers.clone())),
            _ => {}
        }
    }
    let close = |text: &str, closers: &[char]| format!("{text}{}", closers.iter().rev().collect::<String>());
    let text = if escaped { &json[..json.len() - 1] } else { json };
    let text = if in_string { format!("{text}\"") } else { text.to_owned() };
    let cut = whole.map(|(at, closers)| close(&json[..at], &closers));
    let some = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
    let object = |text: &str| serde_json::from_str::<Value>(text).ok().filter(some);
    object(&close(&text, &closers)).or_else(|| object(&cut?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::complete_json;

    #[test]
    fn a_truncated_input_is_completed() {
        assert_eq!(complete_json(r#"{"command": "ls -"#), Some(json!({"command": "ls -"})));
        assert_eq!(complete_json(r#"{"command": "ls", "desc"#), Some(json!({"command": "ls"})));
        assert_eq!(complete_json(r#"{"command": "a\"#), Some(json!({"command": "a"})));
        assert_eq!(complete_json(r#"{"todos": [{"content": "A"}, {"cont"#), Some(json!({"todos": [{"content": "A"}]})));
        assert_eq!(complete_json(r#"{"command""#), None);
        assert_eq!(complete_json("{"), None);
        assert_eq!(complete_json(""), None);
    }
}
