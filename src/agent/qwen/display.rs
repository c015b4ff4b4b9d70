//! Texts of what the program showed for a call, beyond the response to the model: of a list of tasks, the lines of a terminal,
//! a sub-agent's calls, a plan, findings.

use serde_json::Value;

use crate::agent::unknown_record::is_encoded;

/// Fields that identify or format something, or repeat the arguments of the call. `html` is a program.
const SKIPPED: [&str; 9] =
    ["type", "status", "fg", "bg", "html", "toolArguments", "resourceUri", "originalContent", "newContent"];

/// Fields that are shown first, in this order.
const FIRST: [&str; 5] = ["result", "fileDiff", "message", "plan", "fallbackText"];

/// Appends to an output the texts of a display that it does not have.
pub(super) fn append(output: &mut String, shown: &Value) {
    if let Some(fields) = shown.as_object() {
        FIRST.iter().filter_map(|name| fields.get(*name)).for_each(|value| add(output, value));
    }
    add(output, shown);
}

fn add(output: &mut String, shown: &Value) {
    match shown {
        Value::String(text) => add_text(output, text),
        Value::Array(lines) if lines.iter().any(Value::is_array) => {
            let lines: Vec<String> = lines.iter().map(line).collect();
            add_text(output, lines.join("\n").trim_end());
        }
        Value::Array(items) => items.iter().for_each(|item| add(output, item)),
        Value::Object(fields) => {
            let has_diff = fields.get("fileDiff").is_some_and(Value::is_string);
            let read = fields.iter().filter(|(name, _)| !is_skipped(name, has_diff));
            read.for_each(|(_, value)| add(output, value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// True for a field with nothing to read. The contents of a file are those of its diff.
fn is_skipped(name: &str, has_diff: bool) -> bool {
    let is_content = matches!(name, "originalContent" | "newContent");
    let is_skipped = SKIPPED.contains(&name) && (has_diff || !is_content);
    is_skipped || ["Id", "Color"].iter().any(|end| name.ends_with(end)) || name == "id"
}

fn add_text(output: &mut String, text: &str) {
    let text = text.trim_end();
    if text.trim().is_empty() || is_encoded(text) || output.contains(text.trim()) {
        return;
    }
    if !output.is_empty() {
        // Names and states are a list, texts are paragraphs.
        let is_word = |text: &str| !text.contains(char::is_whitespace);
        let follows_word = output.rsplit('\n').next().is_some_and(is_word);
        output.push_str(if is_word(text) && follows_word { "\n" } else { "\n\n" });
    }
    output.push_str(text);
}

/// A line of a terminal, which is a list of styled texts.
fn line(line: &Value) -> String {
    match line {
        Value::Array(texts) => texts.iter().map(|text| text["text"].as_str().unwrap_or_default()).collect(),
        Value::String(text) => text.clone(),
        other => other["text"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Lines of the response to the model that an output does not have, without what names the command and its end.
pub(super) fn unshown_lines(response: &str, output: &str) -> String {
    const FACTS: [&str; 6] =
        ["Command:", "Directory:", "Exit Code:", "Signal:", "Background PIDs:", "Process Group PGID:"];
    const PRINTED: [&str; 4] = ["Output:", "Error:", "Stdout:", "Stderr:"];
    // A preview; the whole text is in a file.
    let is_preview = ["<persisted-output>", "Tool output was too large"].iter().any(|head| response.starts_with(head));
    if is_preview || output.contains(response.trim()) {
        return String::new();
    }
    let mut is_fact = false;
    let unshown = response.lines().filter_map(|line| {
        let printed = PRINTED.iter().find_map(|head| line.strip_prefix(head));
        // A command may have several lines.
        is_fact = FACTS.iter().any(|head| line.starts_with(head)) || (is_fact && printed.is_none());
        let line = printed.unwrap_or(line).trim();
        (!is_fact && !matches!(line, "" | "(empty)" | "(none)") && !output.contains(line)).then_some(line)
    });
    unshown.collect::<Vec<_>>().join("\n")
}
