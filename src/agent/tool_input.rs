//! Headlines from a tool's input, whatever its shape: models pass lists, numbers and objects where texts are usual.

use serde_json::Value;

use crate::domain::transcript::ToolAction;

/// Flattens a value to one line of text: a string, the items of a list, the values of an object.
pub(super) fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => joined(items.iter()),
        Value::Object(fields) => joined(fields.values()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(flat).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
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
    let texts: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", flat(value))).collect();
    texts.join(", ")
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
