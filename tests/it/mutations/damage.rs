//! Damages of one record.

use serde_json::{Value, json};

use super::stores::Store;

/// A damage of a record.
#[derive(Clone, Debug)]
pub enum Damage {
    /// Without the byte at this place.
    Delete(usize),
    /// With another byte at this place.
    Replace(usize, u8),
    /// Cut at this place.
    Cut(usize),
    /// Once more after itself.
    Duplicate,
    /// In one line with the next record.
    Glue,
    /// After a hole of NUL bytes.
    NulsBefore,
    /// With NUL bytes at this place.
    Nuls(usize),
    /// With a field of another type or without a value: the pointer, and the new value.
    Field(String, Value),
    /// With half a character at the beginning of the first text.
    HalfCharacter,
}

/// Levels of nesting that a strict parser refuses.
const LEVELS: usize = 200;

impl Damage {
    /// Damages to try on the record with this number. The places and the new values rotate from record to record.
    pub fn all(record: &[u8], number: usize, store: &Store) -> Vec<Self> {
        let len = record.len();
        let places = [len / 5, len / 3, len / 2, len * 2 / 3, len.saturating_sub(2), 1];
        let place = |nth: usize| places[(number + nth) % places.len()];
        let bytes = [b'"', b'}', b'\\'];
        let mut all = vec![Self::Delete(place(0)), Self::Delete(place(3)), Self::Cut(place(1)), Self::Cut(len - 1)];
        all.extend([1, 2, 4].map(|nth| Self::Replace(place(nth), bytes[(number + nth) % bytes.len()])));
        all.extend([Self::HalfCharacter, Self::Nuls(len / 2)]);
        if matches!(store, Store::Items(_)) {
            // In a document, a message with a damaged end has no end that could be found.
            all = vec![Self::HalfCharacter];
        }
        if matches!(store, Store::Lines(_)) {
            all.extend([Self::Duplicate, Self::Glue, Self::NulsBefore]);
        }
        let value: Value = serde_json::from_slice(record).unwrap_or_default();
        for (nth, pointer) in pointers(&value).into_iter().enumerate() {
            let field = value.pointer(&pointer).expect("a field");
            let swapped = match field {
                Value::String(text) => json!({ "text": text }),
                Value::Object(_) | Value::Array(_) => Value::String(field.to_string()),
                other => Value::String(other.to_string()),
            };
            let deep = (0..LEVELS).fold(field.clone(), |inner, _| json!([inner]));
            let values = [Value::Null, swapped, deep];
            let turn = number + nth;
            if turn.is_multiple_of(2) {
                all.push(Self::Field(pointer, values[turn / 2 % values.len()].clone()));
            }
        }
        all
    }

    /// True if nothing may be lost.
    pub fn is_lossless(&self) -> bool {
        matches!(self, Self::Duplicate | Self::Glue | Self::NulsBefore)
    }

    /// Applies the damage to one of the records. Returns the records that it may affect; `None` if it does not apply.
    pub fn apply(&self, records: &mut Vec<Vec<u8>>, number: usize) -> Option<Vec<Vec<u8>>> {
        let record = records[number].clone();
        let mut own = vec![record.clone()];
        let changed = match self {
            Self::Delete(at) => [&record[..*at], &record[at + 1..]].concat(),
            Self::Replace(at, byte) => {
                let mut changed = record.clone();
                changed[*at] = *byte;
                changed
            }
            Self::Cut(at) => record[..*at].to_vec(),
            Self::Duplicate => {
                records.insert(number, record.clone());
                record
            }
            Self::Glue => {
                let next = if number + 1 < records.len() { records.remove(number + 1) } else { return None };
                own.push(next.clone());
                [record, next].concat()
            }
            Self::NulsBefore => [&[0; 16], &record[..]].concat(),
            Self::Nuls(at) => [&record[..*at], &[0; 16], &record[*at..]].concat(),
            Self::Field(pointer, new) => {
                let mut value: Value = serde_json::from_slice(&record).ok()?;
                *value.pointer_mut(pointer)? = new.clone();
                value.to_string().into_bytes()
            }
            Self::HalfCharacter => {
                let value: Value = serde_json::from_slice(&record).ok()?;
                let text = longest(&value)?;
                let encoded = serde_json::to_string(text).ok()?;
                let changed =
                    String::from_utf8(record).ok()?.replacen(&encoded, &format!("\"\\ud83d{}", &encoded[1..]), 1);
                changed.into_bytes()
            }
        };
        records[number] = changed;
        Some(own)
    }
}

/// Pointers to the fields of a record, two levels deep.
fn pointers(value: &Value) -> Vec<String> {
    let fields = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.replace('~', "~0").replace('/', "~1")).collect()
    };
    let mut pointers = Vec::new();
    for name in fields(value) {
        let outer = format!("/{name}");
        let inner = value.pointer(&outer).map(fields).unwrap_or_default();
        pointers.push(outer.clone());
        pointers.extend(inner.iter().map(|name| format!("{outer}/{name}")));
    }
    pointers
}

fn longest(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) => items.iter().filter_map(longest).max_by_key(|text| text.len()),
        Value::Object(fields) => fields.values().filter_map(longest).max_by_key(|text| text.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}
