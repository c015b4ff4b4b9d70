//! The model's answer while it comes: pieces of text and of a tool's input, each under the key of its block.

use std::collections::HashMap;

use serde_json::Value;

use super::super::tools;
use crate::agent::protocol::Signal;
use crate::domain::event::{Body, Piece};
use crate::domain::{Event, Key, Time};

/// A tool's input is shown when so many bytes of it came, then each time it doubled.
const FIRST_INPUT: usize = 32;

/// The messages of the open turn.
#[derive(Debug, Default)]
pub struct Blocks {
    /// The message that streams.
    current: String,
    messages: HashMap<String, Message>,
    /// Pieces are not told: nothing could recognise them on disk.
    whole: bool,
}

#[derive(Debug, Default)]
struct Message {
    /// Number of the next block.
    next: u32,
    /// The block that streams.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    index: u32,
    /// Whitespace that came before any text: an entry of nothing but that is none.
    blank: String,
    /// The tool that is called: id, name, what came of its input, and how much of that was shown.
    call: Option<(String, String, String, usize)>,
}

impl Blocks {
    /// From now on only finished blocks are told.
    pub fn only_whole(&mut self) {
        self.whole = true;
    }

    /// Whether blocks are known by their message and number.
    pub fn are_numbered(&self) -> bool {
        !self.whole
    }

    /// A turn ended: what was open is not gone on with.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.current.clear();
    }

    /// A piece of the stream, as the API sends it. `message`: the one that it belongs to, where that is told.
    pub fn streamed(&mut self, event: &Value, message: Option<&str>, time: Option<Time>) -> Option<Signal> {
        if event["type"] == "message_start" {
            event["message"]["id"].as_str().unwrap_or_default().clone_into(&mut self.current);
        }
        let id = message.map_or_else(|| self.current.clone(), str::to_owned);
        if id.is_empty() || self.whole {
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
                // The block began before we listened.
                let open = message.open.get_or_insert_with(|| Open::new(index));
                open.piece(&event["delta"])?
            }
            _ => return None,
        };
        Some(Signal::Event(Event { key: Key::new(&id, index), time, body }))
    }

    /// The number of a block that is told whole: the one that streams, else the next.
    pub fn finished(&mut self, message: &str) -> u32 {
        let message = self.messages.entry(message.to_owned()).or_default();
        let index = message.open.take().map_or(message.next, |open| open.index);
        message.next = message.next.max(index.saturating_add(1));
        index
    }
}

impl Message {
    /// A call is told once something of its input is there: before that it would be a name alone.
    fn begin(&mut self, index: u32, block: &Value) {
        let mut open = Open::new(index);
        let word = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
        if word("type").ends_with("tool_use") {
            open.call = Some((word("id"), word("name"), String::new(), 0));
        }
        self.next = self.next.max(index.saturating_add(1));
        self.open = Some(open);
    }
}

impl Open {
    fn new(index: u32) -> Self {
        Self { index, blank: String::new(), call: None }
    }

    fn piece(&mut self, delta: &Value) -> Option<Body> {
        let text = |name: &str| delta[name].as_str().unwrap_or_default();
        match delta["type"].as_str()? {
            "text_delta" => self.said(text("text")).map(Body::Text),
            "thinking_delta" => self.said(text("thinking")).map(Body::Thinking),
            "input_json_delta" => {
                let (id, name, input, shown) = self.call.as_mut()?;
                input.push_str(text("partial_json"));
                if input.len() < FIRST_INPUT.max(*shown * 2) {
                    return None;
                }
                *shown = input.len();
                Some(call(id, name, so_far(input)?))
            }
            _ => None,
        }
    }

    fn said(&mut self, text: &str) -> Option<Piece> {
        self.blank.push_str(text);
        if self.blank.trim_ascii().is_empty() {
            return None;
        }
        // From the first letter on nothing is blank any more.
        let said = std::mem::take(&mut self.blank);
        Some(Piece::Delta(said))
    }
}

fn call(id: &str, name: &str, input: Value) -> Body {
    let action = tools::action(name, &input);
    Body::ToolCall { id: id.into(), name: name.into(), input, action }
}

/// A JSON object that is not complete yet, as far as it can be told: an open string ends here, and so does all else.
fn so_far(json: &str) -> Option<Value> {
    let (mut closers, mut in_string, mut escaped) = (Vec::new(), false, false);
    // Where the last whole member ended, and what was open there.
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

    use super::so_far;

    #[test]
    fn an_input_is_told_as_far_as_it_came() {
        assert_eq!(so_far(r#"{"command": "ls -"#), Some(json!({"command": "ls -"})));
        assert_eq!(so_far(r#"{"command": "ls", "desc"#), Some(json!({"command": "ls"})));
        assert_eq!(so_far(r#"{"command": "a\"#), Some(json!({"command": "a"})));
        assert_eq!(so_far(r#"{"todos": [{"content": "A"}, {"cont"#), Some(json!({"todos": [{"content": "A"}]})));
        assert_eq!(so_far(r#"{"command""#), None);
        assert_eq!(so_far("{"), None);
        assert_eq!(so_far(""), None);
    }
}
