//! Headlines from a tool's input, whatever its shape: models pass lists, numbers and objects where texts are usual.

use serde_json::Value;

use crate::domain::transcript::ToolAction;

/// Flattens a value to one line of text: a string, the items of a list, the values of an object.
pub(super) fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => joined(items.iter()),
        // A block of a message.
        Value::Object(fields) if is_text_block(value) => flat(&fields["text"]),
        Value::Object(fields) => joined(fields.values()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn is_text_block(value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default();
    (kind == "text" || kind == "input_text" || kind == "output_text") && value["text"].is_string()
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(flat).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Items of a list; also of one in another list, or that is an object with numbers as names, or a single object.
pub(super) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) if list.iter().any(Value::is_array) => {
            list.iter().flat_map(|inner| if inner.is_array() { items(inner) } else { vec![inner] }).collect()
        }
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) if has_numeric_names(fields) => {
            let mut numbered: Vec<(u64, &Value)> =
                fields.iter().map(|(name, item)| (name.parse().unwrap_or(u64::MAX), item)).collect();
            numbered.sort_by_key(|(number, _)| *number);
            numbered.into_iter().map(|(_, item)| item).collect()
        }
        Value::Object(_) => vec![value],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// True for an object whose names are numbers, which is a list in another form.
pub(super) fn has_numeric_names(fields: &serde_json::Map<String, Value>) -> bool {
    !fields.is_empty() && fields.keys().all(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty())
}

/// Flattens the first of the named fields that contains anything.
pub(super) fn field(input: &Value, names: &[&str]) -> String {
    names.iter().map(|name| flat(&input[*name])).find(|text| !text.is_empty()).unwrap_or_default()
}

/// Flattens a field; `None` if it contains nothing.
pub(super) fn optional(input: &Value, name: &str) -> Option<String> {
    Some(flat(&input[name])).filter(|text| !text.is_empty())
}

/// Formats an input as one line: its text, or its names and values.
pub(super) fn one_line(input: &Value) -> String {
    let Some(fields) = input.as_object() else { return flat(input) };
    let texts: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", readable(value))).collect();
    texts.join(", ")
}

/// Flattens a value; a text that is JSON by its values.
fn readable(value: &Value) -> String {
    let json = value.as_str().filter(|text| text.starts_with("{\"") || text.starts_with("[{\""));
    let parsed = json.and_then(|json| super::json::parse(json.as_bytes()));
    flat(parsed.as_ref().unwrap_or(value))
}

/// Formats data as text: the names and values of an object, or the items of a list, one per line.
pub(super) fn lines(data: &Value) -> String {
    match data {
        Value::Object(fields) => {
            let lines = fields.iter().map(|(name, value)| format!("{name}: {}", flat(value)));
            lines.collect::<Vec<_>>().join("\n")
        }
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join("\n"),
        other => flat(other),
    }
}

/// Appends what a structured result has beyond the text of the same result.
pub(super) fn with_structured(text: String, structured: &Value) -> String {
    if text.is_empty() {
        return lines(structured);
    }
    if says_all(&text, structured) { text } else { format!("{text}\n{}", lines(structured)) }
}

/// True if a text contains all texts of a value.
pub(super) fn says_all(text: &str, value: &Value) -> bool {
    match value {
        Value::String(part) => {
            let part = part.trim();
            // The text may be the value as JSON.
            text.contains(part) || serde_json::to_string(part).is_ok_and(|json| text.contains(json.trim_matches('"')))
        }
        Value::Array(items) => items.iter().all(|item| says_all(text, item)),
        Value::Object(fields) => fields.values().all(|field| says_all(text, field)),
        Value::Number(number) => text.contains(&number.to_string()),
        Value::Null | Value::Bool(_) => true,
    }
}

/// True if an input contains the lines that a diff adds, or removes if it adds none, so that the diff shows nothing else.
pub(super) fn shows_diff(input: &Value, diff: &str) -> bool {
    let texts = flat(input);
    let lines = |sign: char, of_head: &'static str| {
        diff.lines()
            .filter(move |line| line.starts_with(sign) && !line.starts_with(of_head))
            .map(|line| line[1..].trim())
    };
    let mut added = lines('+', "+++").peekable();
    if added.peek().is_some() {
        return added.all(|line| texts.contains(line));
    }
    lines('-', "---").all(|line| texts.contains(line))
}

/// Returns the action, or the input in one line if the action has no headline because the input has another shape.
pub(super) fn with_headline(action: ToolAction, input: &Value) -> ToolAction {
    let is_empty = match &action {
        ToolAction::Plan(items) => items.is_empty(),
        ToolAction::PlanText(text) => text.trim().is_empty(),
        other => other.headline().is_empty(),
    };
    if is_empty && !flat(input).is_empty() { ToolAction::Other(one_line(input)) } else { action }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_an_input_has_a_headline() {
        assert_eq!(flat(&json!(["ls", {"dir": "src"}, 3, null])), "ls src 3");
        assert_eq!(field(&json!({"command": ["ls", "-a"]}), &["cmd", "command"]), "ls -a");
        let command = |command: &str| ToolAction::Command { command: command.into(), exit_code: None };
        assert_eq!(lines(&json!({"files": ["a", "b"], "n": 2})), "files: a b\nn: 2");
        assert_eq!(with_headline(command("ls"), &json!({})).headline(), "ls");
        assert_eq!(with_headline(command(""), &json!("ls -a")).headline(), "ls -a");
        assert_eq!(with_headline(command(""), &json!({"argv": ["ls"], "n": 1})).headline(), "argv: ls, n: 1");
    }
}
