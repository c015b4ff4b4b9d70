//! Describes records of kinds that this version does not know: the kind and the longest text, then the other texts.

use serde_json::Value;

use crate::domain::EventBody;

/// Minimum length of a text without white space that counts as encoded data, in bytes.
const ENCODED_LEN: usize = 200;

/// Headline of a result whose call is lost.
pub(super) const LOST_CALL: &str = "result of a call that is not in the file";

/// Maximum texts of a value, because each is compared with all others.
const MAX_TEXTS: usize = 64;

/// Maximum depth of the search, because foreign data may be nested at will.
const MAX_DEPTH: usize = 64;

/// Returns the event of an unknown record: its kind, then its longest text, if it has one, and the others.
pub(super) fn event(kind: &str, record: &Value) -> EventBody {
    let text = all(record);
    EventBody::Other(if text.is_empty() { kind.to_owned() } else { format!("{kind}: {text}") })
}

/// Joins the texts of a value that are meant to be read, the longest one first.
pub(super) fn all(value: &Value) -> String {
    let longest = longest_text(value);
    let others = texts(value).into_iter().filter(|text| longest.is_none_or(|longest| !longest.contains(text)));
    longest.into_iter().chain(others).collect::<Vec<_>>().join("\n")
}

/// Returns the first [`MAX_TEXTS`] texts of a value that are meant to be read, without those that others of them contain.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    let mut all = Vec::new();
    collect(value, 0, &mut all);
    let is_own = |at: usize| {
        let text = all[at];
        !text.trim().is_empty()
            && !all
                .iter()
                .enumerate()
                .any(|(other, all)| other != at && all.contains(text) && (all.len() > text.len() || other < at))
    };
    (0..all.len()).filter(|&at| is_own(at)).map(|at| all[at]).collect()
}

fn collect<'a>(value: &'a Value, depth: usize, all: &mut Vec<&'a str>) {
    match value {
        _ if depth > MAX_DEPTH || all.len() >= MAX_TEXTS => {}
        Value::String(text) if !is_encoded(text) => all.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, depth + 1, all)),
        Value::Object(fields) => {
            let texts = fields.iter().filter(|(name, _)| !is_envelope(name));
            texts.for_each(|(_, field)| collect(field, depth + 1, all));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the longest text of a value that is meant to be read; encoded data is skipped.
pub(super) fn longest_text(value: &Value) -> Option<&str> {
    let mut longest = None;
    visit(value, 0, &mut longest);
    longest
}

fn visit<'a>(value: &'a Value, depth: usize, longest: &mut Option<&'a str>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::String(text) => {
            if text.len() > longest.map_or(0, str::len) && !is_encoded(text) {
                *longest = Some(text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, depth + 1, longest)),
        Value::Object(fields) => {
            let texts = fields.iter().filter(|(name, _)| !is_envelope(name));
            texts.for_each(|(_, field)| visit(field, depth + 1, longest));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// True for a field that identifies or dates a record, and is no text of it.
fn is_envelope(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "type",
        "subtype",
        "kind",
        "id",
        "uuid",
        "timestamp",
        "time",
        "role",
        "status",
        "cwd",
        "version",
        "gitBranch",
        "userType",
        "entrypoint",
        "slug",
        "provenance",
        "model",
    ];
    NAMES.contains(&name) || ["Id", "_id", "Uuid"].iter().any(|end| name.ends_with(end))
}

/// True for base64 and the like: long, ASCII, without white space.
pub(super) fn is_encoded(text: &str) -> bool {
    text.len() >= ENCODED_LEN && text.bytes().all(|byte| byte.is_ascii_graphic())
        || text.starts_with("data:") && text.len() >= ENCODED_LEN
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_longest_readable_text_is_found_at_any_depth() {
        let encoded = "QUJD".repeat(100);
        let record = json!({ "type": "x", "data": encoded, "parts": [{ "note": "a text to read" }, "short"] });
        assert_eq!(longest_text(&record), Some("a text to read"));
        assert_eq!(longest_text(&json!([1, null, { "a": true }])), None);
    }

    #[test]
    fn the_longest_text_comes_before_the_others() {
        let record = json!({ "type": "x", "title": "one", "body": ["the longest text", "long"], "sessionId": "id" });
        assert_eq!(all(&record), "the longest text\none");
        let without_text = event("x", &json!({ "type": "x", "n": 1 }));
        assert!(matches!(&without_text, EventBody::Other(text) if text == "x"), "{without_text:?}");
    }

    #[test]
    fn nesting_beyond_the_limit_is_skipped() {
        let deep = (0..200).fold(json!("deep text"), |inner, _| json!([inner]));
        assert_eq!(longest_text(&json!({ "shallow": "text", "deep": deep })), Some("text"));
    }
}
