//! Codex's own patch language (`*** Begin Patch` …) as changes of files.
//!
//! Reads leniently: a patch that was cut or never valid gives the changes up to there.

use serde_json::Value;

use crate::domain::transcript::{Action, Change, FileChange};

/// The changes that a patch, or a shell line with a patch in it, makes.
pub fn action(text: &str) -> Action {
    let text = text.split_once("*** Begin Patch").map_or(text, |(_, patch)| patch);
    let mut changes: Vec<FileChange> = Vec::new();
    for line in text.lines() {
        if line.starts_with("*** End Patch") {
            break;
        }
        if let Some(change) = opened(line) {
            changes.push(change);
        } else if let Some(last) = changes.last_mut() {
            extend(last, line);
        }
    }
    Action::Edit(changes)
}

fn opened(line: &str) -> Option<FileChange> {
    let rest = line.strip_prefix("*** ")?;
    let (word, path) = rest.split_once(" File: ")?;
    let change = match word {
        "Add" => Change::Write(String::new()),
        "Update" => Change::Patch(String::new()),
        "Delete" => Change::Delete,
        _ => return None,
    };
    Some(FileChange { path: path.trim().to_owned(), change })
}

fn extend(change: &mut FileChange, line: &str) {
    if let Some(target) = line.strip_prefix("*** Move to: ") {
        change.path = format!("{} → {}", change.path, target.trim());
        return;
    }
    match &mut change.change {
        Change::Write(content) => {
            if let Some(added) = line.strip_prefix('+') {
                content.push_str(added);
                content.push('\n');
            }
        }
        Change::Patch(diff) if !line.starts_with("***") => {
            // An empty line of context is written without its leading blank by some models.
            diff.push_str(if line.is_empty() { " " } else { line });
            diff.push('\n');
        }
        Change::Patch(_) | Change::Delete | Change::Replace(_) => {}
    }
}

/// The changes of a `FileChange` item or a `patch_apply_end` event: `{path: {"type": "add"|"delete"|"update", …}}`.
pub fn from_changes(changes: &Value) -> Vec<FileChange> {
    let one = |(path, change): (&String, &Value)| {
        // Older versions name the kind by the field around it: `{"add": {"content": …}}`.
        let (kind, fields) = match change.get("type").and_then(Value::as_str) {
            Some(kind) => (kind, change),
            None => change.as_object()?.iter().next().map(|(kind, fields)| (kind.as_str(), fields))?,
        };
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (path, change) = match kind {
            "add" => (path.clone(), Change::Write(text("content"))),
            "delete" => (path.clone(), Change::Delete),
            _ => match fields.get("move_path").and_then(Value::as_str) {
                Some(target) => (format!("{path} → {target}"), Change::Patch(text("unified_diff"))),
                None => (path.clone(), Change::Patch(text("unified_diff"))),
            },
        };
        Some(FileChange { path, change })
    };
    changes.as_object().into_iter().flatten().filter_map(one).collect()
}
