//! Describes records of kinds that this version does not know: the kind, and the longest text.

use serde_json::Value;

use crate::domain::EventBody;

/// Minimum length of a text without white space that counts as encoded data, in bytes.
const ENCODED_LEN: usize = 200;

/// Headline of a result whose call is lost.
pub(super) const LOST_CALL: &str = "result of a call that is not in the file";

/// Maximum depth of the search, because foreign data may be nested at will.
const MAX_DEPTH: usize = 64;

/// Returns the event of an unknown record: its kind, then its longest text, if it has one.
pub(super) fn event(kind: &str, record: &Value) -> EventBody {
    EventBody::Other(match longest_text(record) {
        Some(text) => format!("{kind}: {text}"),
        None => kind.to_owned(),
    })
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
    const NAMES: [&str; 11] =
        ["type", "subtype", "kind", "id", "uuid", "timestamp", "time", "role", "status", "cwd", "version"];
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
    fn nesting_beyond_the_limit_is_skipped() {
        let deep = (0..200).fold(json!("deep text"), |inner, _| json!([inner]));
        assert_eq!(longest_text(&json!({ "shallow": "text", "deep": deep })), Some("text"));
    }
}
