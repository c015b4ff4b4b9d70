//! Texts of message contents.

use serde_json::Value;

/// Text of a content: a string, a part, or a list of them.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts.iter().map(content_text).filter(|text| !text.is_empty()).collect();
            texts.join("\n")
        }
        Value::Object(part) => {
            let mime = |name: &str| part.get(name)?.get("mimeType")?.as_str();
            match (part.get("text").and_then(Value::as_str), mime("inlineData").or(mime("fileData"))) {
                (Some(text), _) => text.to_owned(),
                (None, Some(mime)) => format!("[{mime}]"),
                (None, None) => String::new(),
            }
        }
        _ => String::new(),
    }
}
