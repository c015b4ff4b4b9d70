//! Texts of content: of tool results in all their shapes, and of what is no text by a label.

use std::fmt::Write as _;

use serde_json::Value;

use crate::agent::unknown_record;
use crate::stdx::text::one_line;

/// Fields whose texts are for programs only: encrypted, signed or encoded data.
const OPAQUE_FIELDS: [&str; 6] =
    ["data", "signature", "encrypted_content", "encrypted_index", "encrypted_stdout", "page_age"];

/// Converts a content to text: a string, or its blocks joined by newlines.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<String> = blocks.iter().map(block_text).filter(|text| !text.is_empty()).collect();
            texts.join("\n")
        }
        Value::Null => String::new(),
        Value::Object(_) => block_text(content),
        other => other.to_string(),
    }
}

fn block_text(block: &Value) -> String {
    let field = |name: &str| block[name].as_str().unwrap_or_default();
    match field("type") {
        "text" | "advisor_result" if block["text"].is_string() => field("text").to_owned(),
        "text" | "advisor_result" => texts(&block["text"]),
        "resource" => texts(&block["resource"]["text"]),
        "image" | "document" => document(block),
        "search_result" => format!("{}\n{}", link(field("title"), field("source")), text(&block["content"])),
        "resource_link" => link(field("name"), field("uri")),
        "tool_reference" => format!("[tool {}]", field("tool_name")),
        "web_search_result" => link(field("title"), field("url")),
        "web_fetch_result" => {
            let title = block["content"]["title"].as_str().unwrap_or_default();
            format!("{}\n{}", link(title, field("url")), text(&block["content"]))
        }
        kind if kind.ends_with("execution_result") => {
            let mut text = format!("{}{}", field("stdout"), field("stderr"));
            if let Some(code) = block["return_code"].as_i64().filter(|code| *code != 0) {
                text.insert_str(0, &format!("Exit code {code}\n"));
            }
            text
        }
        kind if kind.ends_with("_error") => format!("Error: {}", first(&[field("error_message"), field("error_code")])),
        _ => block.as_str().map_or_else(|| texts(block), str::to_owned),
    }
}

fn first<'a>(texts: &[&'a str]) -> &'a str {
    texts.iter().copied().find(|text| !text.is_empty()).unwrap_or_default()
}

fn link(title: &str, url: &str) -> String {
    if title.is_empty() { url.to_owned() } else { format!("[{title}]({url})") }
}

/// Text of a document that is one, else its label.
fn document(block: &Value) -> String {
    let source = &block["source"];
    let label = placeholder(block);
    match (source["type"].as_str(), source["data"].as_str()) {
        (Some("text"), Some(text)) => format!("{label}\n{text}"),
        _ if source["content"].is_null() => label,
        _ => format!("{label}\n{}", text(&source["content"])),
    }
}

/// Joins all texts in a value, except opaque data.
pub(super) fn texts(value: &Value) -> String {
    let mut found = Vec::new();
    collect(value, &mut found);
    found.join("\n")
}

/// Describes a value of unknown kind: the kind, and its texts, the longest one first.
pub(super) fn unknown(value: &Value) -> String {
    let kind = value["type"].as_str().unwrap_or("record");
    let subtype = value["subtype"].as_str().map(|subtype| format!(" {subtype}")).unwrap_or_default();
    let texts = unknown_record::all(value);
    format!("[{kind}{subtype}] {texts}").trim_end().to_owned()
}

/// Text of a notice of the program: its content, then its other texts, such as an answer that was retracted.
pub(super) fn notice(record: &Value) -> String {
    let mut parts = vec![text(&record["content"])];
    let fields = record.as_object().into_iter().flatten();
    let others =
        fields.filter(|(name, _)| !ENVELOPE.contains(&name.as_str()) && !NOTICE_FIELDS.contains(&name.as_str()));
    for (_, value) in others {
        let mut found = Vec::new();
        collect(value, &mut found);
        // Words are names and states, except for places.
        for text in found.into_iter().filter(|text| text.contains(char::is_whitespace) || text.contains('/')) {
            if !parts.iter().any(|part| part.contains(text)) {
                parts.push(text.to_owned());
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() { unknown(record) } else { parts.join("\n\n") }
}

/// Fields of a notice that are shown as what they are, or not at all.
const NOTICE_FIELDS: [&str; 7] = ["type", "subtype", "content", "level", "message", "hookInfos", "attachment"];

/// Fields of a record that identify or place it, and are no text of anybody.
const ENVELOPE: [&str; 14] = [
    "uuid",
    "parentUuid",
    "logicalParentUuid",
    "sessionId",
    "session_id",
    "timestamp",
    "cwd",
    "version",
    "gitBranch",
    "userType",
    "entrypoint",
    "slug",
    "requestId",
    "promptId",
];

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if !text.is_empty() => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            let wanted = |name: &&String| !OPAQUE_FIELDS.contains(&name.as_str()) && !ENVELOPE.contains(&name.as_str());
            for (_, value) in fields.iter().filter(|(name, _)| wanted(name)) {
                collect(value, found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// True for a result that reports an error in its content: an error code, or an exit code other than 0.
pub(super) fn is_error(content: &Value) -> bool {
    content["type"].as_str().is_some_and(|kind| kind.ends_with("_error"))
        || content["return_code"].as_i64().is_some_and(|code| code != 0)
}

/// Label of an image or a document: its kind and size, without its bytes.
pub(super) fn placeholder(block: &Value) -> String {
    let kind = block["type"].as_str().unwrap_or("attachment");
    let source = &block["source"];
    let mut label = format!("[{kind}");
    let details = [&block["title"], &source["media_type"], &source["url"], &block["file_id"], &source["file_id"]];
    for detail in details.into_iter().filter_map(Value::as_str) {
        let _ = write!(label, " {detail}");
    }
    if let Some(data) = source["data"].as_str() {
        // Four letters of base64 are three bytes.
        let _ = write!(label, ", {} kB", (data.len() / 4 * 3).div_ceil(1000));
    }
    label.push(']');
    label
}

/// Appends the sources that an answer cites, each once: title, link, and the cited text.
pub(super) fn with_citations(text: &str, citations: &Value) -> String {
    let field = |citation: &Value, names: &[&str]| -> String {
        let found = names.iter().find_map(|name| citation[*name].as_str());
        one_line(found.unwrap_or_default())
    };
    let mut sources: Vec<String> = Vec::new();
    for citation in citations.as_array().into_iter().flatten() {
        let title = field(citation, &["title", "document_title", "source"]);
        let (url, quote) = (field(citation, &["url"]), field(citation, &["cited_text"]));
        let name = match (title.is_empty(), url.is_empty()) {
            (false, false) => format!("[{title}]({url})"),
            (true, false) => format!("<{url}>"),
            (_, true) => title,
        };
        let parts: Vec<String> = [name, quote].into_iter().filter(|part| !part.is_empty()).collect();
        let source = format!("- {}", parts.join(": "));
        if !parts.is_empty() && !sources.contains(&source) {
            sources.push(source);
        }
    }
    if sources.is_empty() { text.to_owned() } else { format!("{text}\n\n{}", sources.join("\n")) }
}
