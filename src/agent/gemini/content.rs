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
            let mime = field("inlineData", "mimeType").or(field("fileData", "mimeType"));
            let printed = field("codeExecutionResult", "output");
            match (part.get("text").and_then(Value::as_str).or(printed), mime, field("fileData", "fileUri")) {
                (Some(text), _, _) => text.to_owned(),
                (None, Some(mime), Some(uri)) => format!("[{mime} {uri}]"),
                (None, Some(label), None) | (None, None, Some(label)) => format!("[{label}]"),
                (None, None, None) if is_call(part) => String::new(),
                (None, None, None) => unknown_record::longest_text(content).unwrap_or_default().to_owned(),
            }
        }
        _ => String::new(),
    }
}

/// True for a part that is a call or the result of one, which make entries of their own.
fn is_call(part: &Map<String, Value>) -> bool {
    ["functionCall", "functionResponse"].iter().any(|name| part.contains_key(*name))
}
