//! Decoding of answers and tool calls for the text index: without values of whole records, and without the long texts of
//! inputs, which are not indexed.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::block::plain_string;
use super::tools;
use crate::agent::jsonl::{EntryMark, JsonCursor, JsonStr, MalformedJson};
use crate::domain::query::text_kind::MAX_INDEXED_INPUT;
use crate::domain::{Delta, EntryKind, Event, EventBody};

/// Fields of inputs that contain whole texts. No other text of a call is made from them.
const LONG_FIELDS: [&str; 6] = ["content", "new_string", "old_string", "new_source", "prompt", "command"];

/// Decodes some entries of a line into events, if the line is an answer in the usual form. Returns false, without any
/// event, for all other lines.
pub(super) fn entries(line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) -> bool {
    if !marks.iter().all(|mark| matches!(mark.kind, EntryKind::Text | EntryKind::Tool)) {
        return false;
    }
    let Ok(Some(blocks)) = answer_blocks(line) else { return false };
    let bodies: Option<Vec<EventBody>> =
        marks.iter().map(|mark| blocks.get(usize::try_from(mark.block).ok()?)?.body()).collect();
    let Some(bodies) = bodies else { return false };
    for (mark, body) in marks.iter().zip(bodies) {
        sink(Event { key: mark.key, time: None, body });
    }
    true
}

/// Block of an answer, as encoded.
#[derive(Default)]
struct AnswerBlock<'a> {
    kind: &'a [u8],
    text: Option<JsonStr<'a>>,
    id: Option<JsonStr<'a>>,
    name: Option<JsonStr<'a>>,
    input: Option<&'a [u8]>,
    has_citations: bool,
}

/// Reads the blocks of an answer; `None` for another record, or one in another form.
fn answer_blocks(line: &[u8]) -> Result<Option<Vec<AnswerBlock<'_>>>, MalformedJson> {
    let (mut is_answer, mut blocks) = (false, None);
    JsonCursor::new(line).object(|key, value| {
        match key {
            b"type" => is_answer = plain_string(value)? == b"assistant",
            b"message" => value.object(|key, value| {
                if key == b"content" && value.peek()? == b'[' {
                    let mut found = Vec::new();
                    value.array(|item| {
                        let mut block = AnswerBlock::default();
                        item.object(|key, value| block.field(key, value))?;
                        found.push(block);
                        Ok(())
                    })?;
                    blocks = Some(found);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(blocks.filter(|blocks| is_answer && !blocks.is_empty()))
}

impl<'a> AnswerBlock<'a> {
    fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        match key {
            b"type" => self.kind = value.text()?.map_or(&b""[..], |kind| kind.0),
            b"text" => self.text = value.text()?,
            b"id" => self.id = value.text()?,
            b"name" => self.name = value.text()?,
            b"input" if value.peek()? == b'{' => self.input = Some(value.raw()?),
            b"citations" => self.has_citations = value.peek()? != b'n',
            _ => {}
        }
        Ok(())
    }

    /// Body of its event; `None` for a block of another kind or form.
    fn body(&self) -> Option<EventBody> {
        if self.kind == b"text" && !self.has_citations {
            return Some(EventBody::Text(Delta::Replace(self.text?.decode().into_owned())));
        }
        if !self.kind.ends_with(b"tool_use") {
            return None;
        }
        let (id, name) = (self.id?.decode(), self.name?.decode());
        let input = Short.deserialize(&mut serde_json::Deserializer::from_slice(self.input?)).ok()?;
        let action = tools::action(&name, &input);
        Some(EventBody::ToolCall { id: id.as_ref().into(), name: name.as_ref().into(), input, action })
    }
}

/// Deserialises an object, and leaves out the long texts of fields that contain whole texts.
#[derive(Clone, Copy)]
struct Short;

impl<'de> DeserializeSeed<'de> for Short {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Short {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let value = match &*name {
                "edits" => Value::Array(from.next_value::<Edits>()?.0),
                known if LONG_FIELDS.contains(&known) => from.next_value::<ShortText>()?.0,
                _ => from.next_value()?,
            };
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// List of edits, each an object with long texts.
struct Edits(Vec<Value>);

impl<'de> Deserialize<'de> for Edits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Edits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Edits, A::Error> {
                let mut edits = Vec::new();
                while let Some(edit) = from.next_element_seed(Short)? {
                    edits.push(edit);
                }
                Ok(Edits(edits))
            }
        }
        from.deserialize_seq(List)
    }
}

/// Text that is null if it is too long to be indexed. Any other value is an error.
struct ShortText(Value);

impl<'de> Deserialize<'de> for ShortText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ShortText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ShortText, E> {
                let is_short = text.len() <= MAX_INDEXED_INPUT;
                Ok(ShortText(if is_short { Value::String(text.to_owned()) } else { Value::Null }))
            }
        }
        from.deserialize_str(Text)
    }
}
