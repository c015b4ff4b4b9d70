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
    needed: Needed,
}

/// Needed part of a value.
#[derive(Clone, Copy)]
enum Needed {
    /// All of it.
    Whole,
    /// These fields.
    Only(&'static [Field]),
    /// All fields but these.
    Except(&'static [&'static str]),
}

const fn whole(name: &'static str) -> Field {
    Field { name, needed: Needed::Whole }
}

const fn only(name: &'static str, fields: &'static [Field]) -> Field {
    Field { name, needed: Needed::Only(fields) }
}

const fn except(name: &'static str, fields: &'static [&'static str]) -> Field {
    Field { name, needed: Needed::Except(fields) }
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
    except("toolUseResult", &outputs::REPEATED),
    only("mcpMeta", &[whole("structuredContent")]),
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
    let needed = Needed::Only(fields);
    let read = needed.deserialize(&mut serde_json::Deserializer::from_slice(line));
    read.ok().or_else(|| json::parse(line))
}

impl Needed {
    /// Returns the needed part of a field; `None`: nothing.
    fn of(self, name: &str) -> Option<Self> {
        match self {
            Self::Whole => Some(Self::Whole),
            Self::Only(fields) => fields.iter().find(|field| field.name == name).map(|field| field.needed),
            Self::Except(fields) => (!fields.contains(&name)).then_some(Self::Whole),
        }
    }
}

/// Deserialises the needed fields of an object, or a text; any other value becomes null.
impl<'de> DeserializeSeed<'de> for Needed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Needed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, needed)) = from.next_key_seed(NeededName(self))? {
            let value = match needed {
                None => {
                    from.next_value::<IgnoredAny>()?;
                    continue;
                }
                Some(Self::Whole) => from.next_value()?,
                Some(needed) => from.next_value_seed(needed)?,
            };
            fields.insert(name, value);
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

/// Deserialises a key, and finds the needed part of its value.
struct NeededName(Needed);

impl<'de> DeserializeSeed<'de> for NeededName {
    type Value = (String, Option<Needed>);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for NeededName {
    type Value = (String, Option<Needed>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let needed = self.0.of(key);
        Ok((if needed.is_some() { key.to_owned() } else { String::new() }, needed))
    }
}
