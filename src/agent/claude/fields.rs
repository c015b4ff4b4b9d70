//! Partial deserialisation of a line: builds values for the needed fields only, because the others take most of the time.
//! A result's record repeats the output, and may contain whole files.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{outputs, preview};
use crate::agent::json;

/// Needed field of an object.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    /// Needed fields of its value; `None`: the whole value.
    fields: Option<&'static [Field]>,
}

const fn whole(name: &'static str) -> Field {
    Field { name, fields: None }
}

const fn only(name: &'static str, fields: &'static [Field]) -> Field {
    Field { name, fields: Some(fields) }
}

/// Fields of a record that decoding its entries needs.
const ENTRIES: &[Field] = &[
    whole("type"),
    whole("role"),
    only("message", MESSAGE),
    whole("content"),
    whole("timestamp"),
    whole("subtype"),
    whole("attachment"),
    whole("isMeta"),
    whole("operation"),
    whole("level"),
    whole("isCompactSummary"),
    whole("compactMetadata"),
    whole("isApiErrorMessage"),
    whole("error"),
    whole("retryAttempt"),
    whole("maxRetries"),
];

const MESSAGE: &[Field] = &[whole("role"), whole("content")];

/// Fields of a record that decoding its results needs.
const RESULTS: &[Field] = &[
    only("message", MESSAGE),
    whole("content"),
    whole("timestamp"),
    whole("toolDenialKind"),
    only("permissionDecision", &[whole("decision"), whole("source")]),
    only("toolUseResult", RESULT),
    only("mcpMeta", &[whole("structuredContent")]),
];

const RESULT: &[Field] = &[
    whole("agentId"),
    whole("durationMs"),
    whole("totalDurationMs"),
    whole("interrupted"),
    whole("isAgent"),
    whole("hasTaskTool"),
    whole("plan"),
    whole("filePath"),
    whole("structuredPatch"),
    whole("bashEditDiff"),
    whole("questions"),
    whole("answers"),
    whole("isError"),
    whole("structuredContent"),
    whole("exitCode"),
    whole("returnCode"),
];

/// Parses the fields of a record that decoding its entries needs; all of them where a strict parser refuses the record,
/// and `None` for no JSON.
pub(super) fn of_entries(line: &[u8]) -> Option<Value> {
    read(line, ENTRIES)
}

/// Parses the fields of a record that decoding its results needs, like [`of_entries`]. A preview of an output needs all.
pub(super) fn of_results(line: &[u8]) -> Option<Value> {
    static PREVIEW: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(preview::MARKER));
    if PREVIEW.find(line).is_some() || outputs::has_longer_result(line) {
        json::parse(line)
    } else {
        read(line, RESULTS)
    }
}

fn read(line: &[u8], fields: &'static [Field]) -> Option<Value> {
    let read = Fields(fields).deserialize(&mut serde_json::Deserializer::from_slice(line));
    read.ok().or_else(|| json::parse(line))
}

/// Deserialises these fields of an object, or a text; any other value becomes null.
#[derive(Clone, Copy)]
struct Fields(&'static [Field]);

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(field) = from.next_key_seed(KnownName(self.0))? {
            let Some(Field { name, fields: needed }) = field else {
                from.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = match needed {
                Some(needed) => from.next_value_seed(Fields(needed))?,
                None => from.next_value()?,
            };
            fields.insert(name.to_owned(), value);
        }
        Ok(Value::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        while from.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }
}

/// Deserialises a key, and finds its field in a list.
struct KnownName(&'static [Field]);

impl<'de> DeserializeSeed<'de> for KnownName {
    type Value = Option<Field>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownName {
    type Value = Option<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|field| field.name == key))
    }
}
