//! Partial deserialisation of a line: builds values for the needed fields only, because the others take most of the time.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::agent::json;

/// Fields of a record that decoding its entries needs.
const RECORD: &[&str] = &[
    "type",
    "role",
    MESSAGE,
    "content",
    "timestamp",
    "subtype",
    "attachment",
    "isMeta",
    "level",
    "isCompactSummary",
    "compactMetadata",
    "isApiErrorMessage",
    "error",
    "retryAttempt",
    "maxRetries",
];

/// The field whose own fields are selected too.
const MESSAGE: &str = "message";

/// Fields of [`MESSAGE`] that decoding needs.
const MESSAGE_FIELDS: &[&str] = &["role", "content"];

/// Parses the fields of a record that decoding its entries needs; all
/// of them where a strict parser refuses the record, and `None` for no JSON.
pub(super) fn read(line: &[u8]) -> Option<Value> {
    let read = Fields(RECORD).deserialize(&mut serde_json::Deserializer::from_slice(line));
    read.ok().or_else(|| json::parse(line))
}

/// Deserialises an object with these fields only; any other value becomes null.
#[derive(Clone, Copy)]
struct Fields(&'static [&'static str]);

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
        while let Some(name) = from.next_key_seed(KnownName(self.0))? {
            let value = match name {
                None => {
                    from.next_value::<IgnoredAny>()?;
                    continue;
                }
                Some(MESSAGE) => from.next_value_seed(Fields(MESSAGE_FIELDS))?,
                Some(_) => from.next_value()?,
            };
            fields.insert(name.unwrap_or_default().to_owned(), value);
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

    fn visit_str<E: Error>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Deserialises a key, and matches it with a list of names.
struct KnownName(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for KnownName {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownName {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|name| *name == key))
    }
}
