//! Parses Codex's patch language (`*** Begin Patch` …) into file changes.
//!
//! The parser is lenient: a truncated or invalid patch yields the changes up to the error.

use serde_json::Value;

use crate::domain::transcript::{ChangeKind, FileChange, ToolAction};

/// Action of a patch, or of a shell line that contains a patch.
pub(super) fn action(text: &str) -> ToolAction {
    let text = text.split_once("*** Begin Patch").map_or(text, |(_, patch)| patch);
    let mut changes: Vec<FileChange> = Vec::new();
    for line in text.lines() {
        if line.starts_with("*** End Patch") {
            break;
        }
        if let Some(change) = parse_file_header(line) {
            changes.push(change);
        } else if let Some(last) = changes.last_mut() {
            append_line(last, line);
        }
    }
    ToolAction::Edit(changes)
}

fn parse_file_header(line: &str) -> Option<FileChange> {
    let rest = line.strip_prefix("*** ")?;
    let (keyword, path) = rest.split_once(" File: ")?;
    let change = match keyword {
        "Add" => ChangeKind::Write(String::new()),
        "Update" => ChangeKind::Patch(String::new()),
        "Delete" => ChangeKind::Delete,
        _ => return None,
    };
    Some(FileChange { path: path.trim().to_owned(), kind: change })
}

fn append_line(change: &mut FileChange, line: &str) {
    if let Some(target) = line.strip_prefix("*** Move to: ") {
        change.path = format!("{} → {}", change.path, target.trim());
        return;
    }
    match &mut change.kind {
        ChangeKind::Write(content) => {
            if let Some(added) = line.strip_prefix('+') {
                content.push_str(added);
                content.push('\n');
            }
        }
        ChangeKind::Patch(diff) if !line.starts_with("***") => {
            // Some models write an empty line of context without its leading blank.
            diff.push_str(if line.is_empty() { " " } else { line });
            diff.push('\n');
        }
        ChangeKind::Patch(_) | ChangeKind::Delete | ChangeKind::Replace(_) => {}
    }
}

/// Parses the changes of a `FileChange` item or a `patch_apply_end` event: `{path: {"type": "add"|"delete"|"update",
/// …}}`.
pub(super) fn from_changes(changes: &Value) -> Vec<FileChange> {
    let file_change = |(path, change): (&String, &Value)| {
        // Older versions wrap the fields in the kind's name: `{"add": {"content": …}}`.
        let (kind, fields) = match change.get("type").and_then(Value::as_str) {
            Some(kind) => (kind, change),
            None => change.as_object()?.iter().next().map(|(kind, fields)| (kind.as_str(), fields))?,
        };
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (path, change) = match kind {
            "add" => (path.clone(), ChangeKind::Write(text("content"))),
            "delete" => (path.clone(), ChangeKind::Delete),
            _ => match fields.get("move_path").and_then(Value::as_str) {
                Some(target) => (format!("{path} → {target}"), ChangeKind::Patch(text("unified_diff"))),
                None => (path.clone(), ChangeKind::Patch(text("unified_diff"))),
            },
        };
        Some(FileChange { path, kind: change })
    };
    changes.as_object().into_iter().flatten().filter_map(file_change).collect()
}
