//! Texts of message contents.

use serde_json::{Map, Value};

use crate::agent::{tool_input, unknown_record};

/// Text of a content: a string, a part, or a list of them.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts.iter().map(content_text).filter(|text| !text.is_empty()).collect();
            texts.join("\n")
        }
        Value::Object(fields) if tool_input::has_numeric_names(fields) => {
            let texts = tool_input::items(content).into_iter().map(content_text).filter(|text| !text.is_empty());
            texts.collect::<Vec<_>>().join("\n")
        }
        Value::Object(part) => {
            let field = |name: &str, inner: &str| part.get(name)?.get(inner)?.as_str();
            let printed = field("codeExecutionResult", "output");
            let text = part.get("text").and_then(Value::as_str).or(printed);
            // A text that is empty may be beside what this version does not know.
            match text.filter(|text| !text.is_empty() || part.len() == 1) {
                Some(text) => text.to_owned(),
                None if is_call(part) => String::new(),
                None => label(part).unwrap_or_else(|| unknown_record::all(content)),
            }
        }
        _ => String::new(),
    }
}

/// Label of an attachment: its type, its name and its place. `None` for any other part.
pub(crate) fn label(part: &Map<String, Value>) -> Option<String> {
    let data = ["inlineData", "fileData"].iter().filter_map(|name| part.get(*name));
    let facts = data.flat_map(|data| ["mimeType", "displayName", "fileUri"].map(|name| data[name].as_str()));
    let facts: Vec<&str> = facts.flatten().collect();
    (!facts.is_empty()).then(|| format!("[{}]", facts.join(" ")))
}

/// True for a part that is a call or the result of one, which make entries of their own.
fn is_call(part: &Map<String, Value>) -> bool {
    ["functionCall", "functionResponse"].iter().any(|name| part.contains_key(*name))
}
