//! Masking of the texts of transcript entries.
//!
//! Approvals are no entries and have no function here: what is allowed must be what is shown.

use std::borrow::Cow;

use serde_json::Value;

use super::{SecretCounts, find, mask_in_place};
use crate::domain::tool::{ChangeKind, FileChange, ToolAction};
use crate::domain::transcript::Entry;

/// Returns an entry with masked secrets. Borrows it if there are none.
pub fn masked<'e>(entry: &'e Entry, counts: &mut SecretCounts) -> Cow<'e, Entry> {
    if !contains_secret(entry) {
        return Cow::Borrowed(entry);
    }
    let mut entry = entry.clone();
    mask_in_place(&mut entry.text, counts);
    entry.plan.iter_mut().for_each(|item| mask_in_place(&mut item.text, counts));
    if let Some(tool) = &mut entry.tool {
        mask_in_place(&mut tool.output, counts);
        action_texts_mut(&mut tool.action).into_iter().for_each(|text| mask_in_place(text, counts));
        mask_value(&mut tool.input, counts);
    }
    Cow::Owned(entry)
}

fn contains_secret(entry: &Entry) -> bool {
    let is_secret = |text: &str| !find(text).is_empty();
    is_secret(&entry.text)
        || entry.plan.iter().any(|item| is_secret(&item.text))
        || entry.tool.as_ref().is_some_and(|tool| {
            is_secret(&tool.output)
                || action_texts(&tool.action).into_iter().any(is_secret)
                || any_string(&tool.input, &is_secret)
        })
}

fn action_texts(action: &ToolAction) -> Vec<&str> {
    match action {
        ToolAction::Command { command: text, .. }
        | ToolAction::Read { path: text }
        | ToolAction::Web { query: text }
        | ToolAction::PlanText(text)
        | ToolAction::Other(text) => vec![text],
        ToolAction::Search { pattern, path } => path.iter().chain([pattern]).map(String::as_str).collect(),
        ToolAction::Task { description, prompt } => vec![description, prompt],
        ToolAction::Question { question, answer } => answer.iter().chain([question]).map(String::as_str).collect(),
        ToolAction::Plan(items) => items.iter().map(|item| item.text.as_str()).collect(),
        ToolAction::Edit(changes) => changes.iter().flat_map(change_texts).collect(),
    }
}

fn action_texts_mut(action: &mut ToolAction) -> Vec<&mut String> {
    match action {
        ToolAction::Command { command: text, .. }
        | ToolAction::Read { path: text }
        | ToolAction::Web { query: text }
        | ToolAction::PlanText(text)
        | ToolAction::Other(text) => vec![text],
        ToolAction::Search { pattern, path } => path.iter_mut().chain([pattern]).collect(),
        ToolAction::Task { description, prompt } => vec![description, prompt],
        ToolAction::Question { question, answer } => answer.iter_mut().chain([question]).collect(),
        ToolAction::Plan(items) => items.iter_mut().map(|item| &mut item.text).collect(),
        ToolAction::Edit(changes) => changes.iter_mut().flat_map(change_texts_mut).collect(),
    }
}

fn change_texts(change: &FileChange) -> Vec<&str> {
    match &change.kind {
        ChangeKind::Write(text) | ChangeKind::Patch(text) => vec![text],
        ChangeKind::Replace(pairs) => pairs.iter().flat_map(|(old, new)| [old.as_str(), new.as_str()]).collect(),
        ChangeKind::Delete => Vec::new(),
    }
}

fn change_texts_mut(change: &mut FileChange) -> Vec<&mut String> {
    match &mut change.kind {
        ChangeKind::Write(text) | ChangeKind::Patch(text) => vec![text],
        ChangeKind::Replace(pairs) => pairs.iter_mut().flat_map(|(old, new)| [old, new]).collect(),
        ChangeKind::Delete => Vec::new(),
    }
}

fn any_string(value: &Value, is_wanted: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_wanted(text),
        Value::Array(items) => items.iter().any(|item| any_string(item, is_wanted)),
        Value::Object(fields) => fields.values().any(|field| any_string(field, is_wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn mask_value(value: &mut Value, counts: &mut SecretCounts) {
    match value {
        Value::String(text) => mask_in_place(text, counts),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_value(item, counts)),
        Value::Object(fields) => fields.values_mut().for_each(|field| mask_value(field, counts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
