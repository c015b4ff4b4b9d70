//! Texts of what the program showed for a call, beyond the arguments and the response.

use serde_json::Value;

use crate::agent::tool_input;

/// Fields that usually repeat the arguments, or the response.
const REPEATING: [&str; 6] = ["fileName", "filePath", "originalContent", "newContent", "todos", "diffStat"];

/// Text of what the program showed: a text, the lines of a terminal, or the texts of its fields. Fields that repeat the
/// arguments or the response are left out.
pub(super) fn text(shown: &Value, args: &Value, response: &str) -> String {
    match shown {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            Display { args, known: format!("{}\n{response}", tool_input::flat(args)) }.text(shown)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

struct Display<'a> {
    args: &'a Value,
    /// Texts of the arguments and of the response.
    known: String,
}

impl Display<'_> {
    fn text(&self, shown: &Value) -> String {
        match shown {
            Value::String(text) => text.clone(),
            Value::Array(lines) => lines.iter().map(|line| self.line(line)).collect::<Vec<_>>().join("\n"),
            Value::Object(fields) => {
                let has_diff = fields.get("fileDiff").and_then(Value::as_str).is_some_and(|diff| !diff.is_empty());
                let others = fields.iter().filter(|(name, value)| !self.repeats(name, value, has_diff));
                let texts = others.map(|(_, value)| self.text(value)).filter(|text| !text.trim().is_empty());
                texts.collect::<Vec<_>>().join("\n")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
        }
    }

    /// True for a field with nothing that is not shown elsewhere: the contents of a file are those of its diff.
    fn repeats(&self, name: &str, value: &Value, has_diff: bool) -> bool {
        match (name, value) {
            // The kind of the display, which is no text.
            ("type", Value::String(kind)) => !kind.contains(char::is_whitespace),
            ("fileDiff", Value::String(diff)) => tool_input::shows_diff(self.args, diff),
            ("originalContent" | "newContent", _) if has_diff => true,
            ("fileDiff", _) => tool_input::says_all(&self.known, value),
            _ => REPEATING.contains(&name) && tool_input::says_all(&self.known, value),
        }
    }

    /// A line of a terminal's output, which is a list of styled texts; any other item by its texts.
    fn line(&self, line: &Value) -> String {
        match line {
            Value::Array(texts) => {
                let text = |text: &Value| text["text"].as_str().map_or_else(|| self.text(text), str::to_owned);
                texts.iter().map(text).collect()
            }
            other => self.text(other),
        }
    }
}
