//! Some fields of a line as a value: most of it is about others, and making values of them would take most of the time.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Fields of a record by which its entries are understood.
const RECORD: &[&str] = &[
    "type",
    "role",
    MESSAGE,
    "content",
    "timestamp",
    "subtype",
    "attachment",
    "isCompactSummary",
    "compactMetadata",
    "error",
    "retryAttempt",
    "maxRetries",
];

/// The one of them that is looked into.
const MESSAGE: &str = "message";

/// Fields of that.
const OF_MESSAGE: &[&str] = &["role", "content"];

/// The fields of a record by which its entries are understood; `None` where it is no JSON. Bytes that are no UTF-8
/// become U+FFFD.
pub fn read(line: &[u8]) -> Option<Value> {
    let read = Fields(RECORD).deserialize(&mut serde_json::Deserializer::from_slice(line));
    read.ok().or_else(|| {
        let text = String::from_utf8_lossy(line);
        Fields(RECORD).deserialize(&mut serde_json::Deserializer::from_str(&text)).ok()
    })
}

/// An object with these fields only; whatever is none is null.
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
        while let Some(name) = from.next_key_seed(Name(self.0))? {
            let value = match name {
                None => {
                    from.next_value::<IgnoredAny>()?;
                    continue;
                }
                Some(MESSAGE) => from.next_value_seed(Fields(OF_MESSAGE))?,
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

/// Which of some names a key is.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|name| *name == key))
    }
}
