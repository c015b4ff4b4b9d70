//! Records in other forms than their agent writes them: with values of other types, escaped names, or another order of
//! fields. They are converted to the usual form, so that scans and decoders need to know only that.
//!
//! Models, importers and scripts pass lists where texts are usual, texts where objects are usual, lists as objects with
//! numbers as names, and single items without their list. Must not convert the inputs and outputs of tools.

use serde_json::{Map, Value};

use super::json;
use super::tool_input;

/// Number of fields by which an object is recognised where a text is usual too.
const NAMES: usize = 3;

/// Type that a value usually has.
#[derive(Clone, Copy, Debug)]
pub(super) enum FieldType {
    /// Anything, which stays as it is.
    Any,
    /// A text.
    Text,
    /// A word that is no number, and no true or false.
    Name,
    /// A text or a number.
    Id,
    /// True or false.
    Flag,
    /// A list of such items.
    List(&'static FieldType),
    /// A text, or a list of such items.
    TextOrList(&'static FieldType),
    /// A text, a list of such items, or an object that is no block and has no numbers as names.
    ResultContent(&'static FieldType),
    /// A text, or an object with such fields. In a list or a text it is recognised by one of the first three.
    TextOrObject(&'static [(&'static str, FieldType)]),
    /// An object with such fields, among others.
    Object(&'static [(&'static str, FieldType)]),
}

/// A record in the usual form.
#[derive(Clone, Debug)]
pub struct UsualForm {
    /// Its JSON.
    pub bytes: Vec<u8>,
    /// True if values had other types than usual; else only the notation is another one.
    pub is_repaired: bool,
}

impl UsualForm {
    /// Converts a record, if it is in another form.
    pub(super) fn of(bytes: &[u8], fields: &'static [(&'static str, FieldType)]) -> Option<Self> {
        let (value, is_repaired) = record(bytes, fields)?;
        let is_other = is_repaired || has_escaped_names(bytes);
        is_other.then(|| Self { bytes: value.to_string().into_bytes(), is_repaired })
    }
}

/// Reads a record that may be a text with a record, or alone in a list or under a number.
pub(super) fn record(bytes: &[u8], fields: &'static [(&'static str, FieldType)]) -> Option<(Value, bool)> {
    let mut cursor = json::JsonCursor::new(bytes);
    // Several records are split first.
    cursor.skip().ok()?;
    let mut value = json::parse(bytes).filter(|_| cursor.at_end())?;
    let has_changed = conform(&mut value, FieldType::Object(fields));
    value.is_object().then_some((value, has_changed))
}

/// True for a record whose first name is escaped, so that all of them may be.
pub(super) fn has_escaped_names(record: &[u8]) -> bool {
    let inner = record.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| inner.starts_with(b"\"\\u00"))
}

/// Converts a value to its usual type. Returns false if it has that already.
pub(super) fn conform(value: &mut Value, kind: FieldType) -> bool {
    match kind {
        FieldType::Any => false,
        FieldType::Text => match value {
            Value::String(_) | Value::Null => false,
            other => replace(other, |other| Value::String(text(&other))),
        },
        FieldType::Name if matches!(value, Value::Number(_) | Value::Bool(_)) => replace(value, |_| Value::Null),
        FieldType::Name => conform(value, FieldType::Text),
        FieldType::Id => !value.is_number() && conform(value, FieldType::Text),
        FieldType::Flag => match value {
            Value::Bool(_) | Value::Null => false,
            other => replace(other, |other| Value::Bool(is_truth(&other))),
        },
        FieldType::List(item) => {
            let has_changed = make_list(value);
            each_item(value, *item) | has_changed
        }
        FieldType::TextOrList(_) if value.is_string() => false,
        FieldType::TextOrList(item) => conform(value, FieldType::List(item)),
        FieldType::ResultContent(item) => {
            let is_list = value
                .as_object()
                .is_some_and(|fields| tool_input::has_numeric_names(fields) || fields.contains_key("items"));
            (value.is_array() || is_list) && conform(value, FieldType::List(item))
        }
        FieldType::TextOrObject(fields) | FieldType::Object(fields) => {
            let names = if matches!(kind, FieldType::Object(_)) { fields } else { &fields[..fields.len().min(NAMES)] };
            let has_changed = unwrap(value, names);
            let Some(object) = value.as_object_mut() else { return has_changed };
            let kind_of = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
            let changed =
                object.iter_mut().filter_map(|(name, field)| kind_of(name).filter(|kind| conform(field, *kind)));
            changed.count() > 0 || has_changed
        }
    }
}

fn each_item(list: &mut Value, kind: FieldType) -> bool {
    let items = list.as_array_mut().into_iter().flatten();
    items.filter_map(|item| conform(item, kind).then_some(())).count() > 0
}

fn replace(value: &mut Value, by: impl FnOnce(Value) -> Value) -> bool {
    *value = by(value.take());
    true
}

/// Makes a list of a value: of an object with numbers as names, an object around a list, a single item, or JSON in a text.
/// Lists in the list are joined, and what is null is left out.
fn make_list(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) if items.iter().any(|item| item.is_array() || item.is_null()) => {
            replace(value, |list| Value::Array(flattened(list)))
        }
        Value::Array(_) => false,
        Value::String(text) => {
            let list = Some(text.as_bytes()).filter(|text| text.starts_with(b"[")).and_then(json::parse);
            replace(value, |text| list.filter(Value::is_array).unwrap_or_else(|| Value::Array(vec![text])))
        }
        other => replace(other, |other| Value::Array(flattened(other))),
    }
}

/// Items of a value, without its levels.
fn flattened(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.into_iter().flat_map(flattened).collect(),
        Value::Null => Vec::new(),
        Value::Object(fields) if tool_input::has_numeric_names(&fields) => {
            let mut numbered: Vec<(u64, Value)> =
                fields.into_iter().map(|(name, item)| (name.parse().unwrap_or(u64::MAX), item)).collect();
            numbered.sort_by_key(|(number, _)| *number);
            numbered.into_iter().flat_map(|(_, item)| flattened(item)).collect()
        }
        Value::Object(mut fields) if fields.len() == 1 && fields.get("items").is_some_and(Value::is_array) => {
            fields.remove("items").map(flattened).unwrap_or_default()
        }
        item => vec![item],
    }
}

/// Replaces a value around an object by the object: a list, an object with a number as its name, or JSON in a text.
fn unwrap(value: &mut Value, fields: &[(&str, FieldType)]) -> bool {
    let known = |object: &Map<String, Value>| fields.iter().any(|(name, _)| object.contains_key(*name));
    let inner = match value {
        Value::Array(_) => only(flattened(value.clone())),
        Value::Object(object) if tool_input::has_numeric_names(object) => only(flattened(value.clone())),
        Value::String(text) if text.trim_start().starts_with('{') => json::parse(text.as_bytes()),
        _ => None,
    };
    match inner {
        Some(inner) if inner.as_object().is_some_and(known) => replace(value, |_| inner),
        _ => false,
    }
}

/// The only item.
fn only(items: Vec<Value>) -> Option<Value> {
    let mut items = items.into_iter();
    items.next().filter(|_| items.next().is_none())
}

/// Text of a value: of a list by words or by lines of blocks, of an object around a text without its other fields.
pub(super) fn text(value: &Value) -> String {
    const AROUND: [&str; 5] = ["text", "value", "content", "0", "parts"];
    match value {
        Value::Array(items) => {
            let separator = if items.iter().all(Value::is_string) { " " } else { "\n" };
            items.iter().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(separator)
        }
        Value::Object(fields) => {
            let around = AROUND.iter().find_map(|name| fields.get(*name));
            around.map_or_else(|| tool_input::flat(value), text)
        }
        other => tool_input::flat(other),
    }
}

fn is_truth(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => matches!(&*text.to_ascii_lowercase(), "true" | "1" | "yes"),
        Value::Array(items) => items.first().is_some_and(is_truth),
        Value::Object(fields) => fields.values().next().is_some_and(is_truth),
        Value::Null => false,
    }
}

/// Prints a record with some fields first, which scans expect there.
pub(super) fn print(value: &Value, first: &[&str]) -> String {
    match value {
        Value::Object(fields) => {
            let rank = |name: &str| first.iter().position(|other| *other == name).unwrap_or(first.len());
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| rank(name));
            let print =
                |(name, field): (&String, &Value)| format!("{}:{}", Value::from(name.as_str()), print(field, first));
            format!("{{{}}}", fields.into_iter().map(print).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| print(item, first)).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BLOCK: FieldType = FieldType::Object(&[("type", FieldType::Text), ("text", FieldType::Text)]);
    const RECORD: FieldType = FieldType::Object(&[
        ("role", FieldType::Text),
        ("content", FieldType::TextOrList(&BLOCK)),
        ("done", FieldType::Flag),
    ]);

    fn usual(mut value: Value) -> (Value, bool) {
        let has_changed = conform(&mut value, RECORD);
        (value, has_changed)
    }

    #[test]
    fn usual_records_stay_as_they_are() {
        for record in [
            json!({"role": "user", "content": "text", "done": true}),
            json!({"role": "user", "content": [{"type": "text", "text": "a"}], "other": {"0": 1}}),
            json!({"content": null}),
        ] {
            assert_eq!(usual(record.clone()), (record, false));
        }
    }

    #[test]
    fn values_of_other_types_are_converted() {
        let block = json!({"type": "text", "text": "a"});
        let expected = json!({"role": "user", "content": [block]});
        for content in [
            json!({"0": block}),
            json!([[block]]),
            json!({"items": [block]}),
            block.clone(),
            json!([null, block]),
            json!([{"type": "text", "text": ["a"]}]),
            json!([{"type": ["text"], "text": {"value": "a"}}]),
            json!([[{"0": {"type": "text", "text": {"type": "text", "text": "a"}}}]]),
        ] {
            let record = json!({"role": "user", "content": content});
            assert_eq!(usual(record.clone()), (expected.clone(), true), "{record}");
            assert_eq!(usual(json!([record])), (expected.clone(), true));
            assert_eq!(usual(Value::String(record.to_string())), (expected.clone(), true));
        }
        assert_eq!(usual(json!({"role": "a", "done": "true"})).0["done"], true);
    }

    #[test]
    fn fields_are_printed_in_the_wanted_order() {
        let record = json!({"a": [{"b": 1, "type": "x"}], "type": "y"});
        assert_eq!(print(&record, &["type"]), r#"{"type":"y","a":[{"type":"x","b":1}]}"#);
    }
}
