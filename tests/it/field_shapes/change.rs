//! Changes of the shape of a value in a record.

use serde_json::{Map, Value, json};

/// A change: the place, its name, and the new value.
pub struct Change {
    pub place: String,
    pub name: &'static str,
    pub value: Value,
}

/// Fields that identify or date a record; fewer shapes of them are tried.
const FACTS: [&str; 24] = [
    "id",
    "uuid",
    "parentUuid",
    "sessionId",
    "sessionID",
    "messageID",
    "timestamp",
    "version",
    "cwd",
    "gitBranch",
    "userType",
    "entrypoint",
    "call_id",
    "callID",
    "callId",
    "tool_use_id",
    "start",
    "end",
    "created",
    "completed",
    "mimeType",
    "data",
    "signature",
    "status",
];

/// All changes of a record: a JSON pointer, the name of the change, and the new value.
pub fn all(record: &Value) -> Vec<Change> {
    let mut places = Vec::new();
    visit(record, String::new(), &mut places);
    let mut changes = Vec::new();
    for place in places {
        let value = record.pointer(&place).expect("a value");
        let field = place.rsplit('/').next().unwrap_or_default();
        for (name, value) in shapes(value) {
            let is_usual = matches!(name, "list" | "text" | "in an object" | "block");
            if !FACTS.contains(&field) || is_usual {
                changes.push(Change { place: place.clone(), name, value });
            }
        }
    }
    changes
}

fn visit(value: &Value, at: String, places: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    inner.into_iter().for_each(|(name, value)| visit(value, format!("{at}/{name}"), places));
    places.push(at);
}

fn shapes(value: &Value) -> Vec<(&'static str, Value)> {
    match value {
        Value::String(text) => vec![
            ("list", json!([text])),
            ("in an object", json!({"text": text})),
            ("block", json!({"type": "text", "text": text})),
            ("blocks", json!([{"type": "text", "text": text}])),
            ("nested list", json!([[text]])),
            ("map", json!({"0": text})),
            ("value", json!({"value": text})),
            ("content", json!({"content": text})),
        ],
        Value::Number(number) => vec![("text", json!(number.to_string())), ("float", json!(number.as_f64()))],
        Value::Bool(truth) => vec![("text", json!(truth.to_string())), ("number", json!(u8::from(*truth)))],
        Value::Array(items) => {
            let numbered: Map<String, Value> =
                items.iter().enumerate().map(|(at, item)| (at.to_string(), item.clone())).collect();
            let with_nulls = [&[Value::Null], &items[..], &[Value::Null]].concat();
            let mut shapes = vec![
                ("map", Value::Object(numbered)),
                ("nested list", json!([items])),
                ("text", Value::String(value.to_string())),
                ("with nulls", Value::Array(with_nulls)),
                ("items", json!({"items": items})),
            ];
            if let [only] = &items[..] {
                shapes.push(("only item", only.clone()));
            }
            shapes
        }
        Value::Object(_) => vec![
            ("list", json!([value])),
            ("nested list", json!([[value]])),
            ("text", Value::String(value.to_string())),
            ("map", json!({"0": value})),
        ],
        Value::Null => vec![("text", json!("")), ("list", json!([])), ("object", json!({}))],
    }
}

/// Prints a value with some fields first, as the agents write them.
pub fn print(value: &Value) -> String {
    const FIRST: [&str; 6] = ["timestamp", "ordinal", "role", "type", "text", "payload"];
    match value {
        Value::Object(fields) => {
            let rank = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| rank(name));
            let fields = fields.iter().map(|(name, field)| format!("{}:{}", json!(name), print(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
