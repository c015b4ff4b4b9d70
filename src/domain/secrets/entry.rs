//! Masking of the texts of transcript entries.
//!
//! Approvals are no entries and have no function here: what is allowed must be what is shown.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::formats::SETTING;
use super::name::is_secret;
use super::setting::is_secret_field;
use super::{MASK, SecretCounts, find, mask_in_place, pair};
use crate::domain::tool::{ChangeKind, FileChange, HEADLINE_CHARS, ToolAction};
use crate::domain::transcript::Entry;
use crate::stdx::text::one_line;

/// Minimum bytes of the beginning of a secret that is masked at the end of a headline that is cut.
const MIN_BEGINNING: usize = 3;

/// Returns an entry with masked secrets. Borrows it if there are none.
pub fn masked<'e>(entry: &'e Entry, counts: &mut SecretCounts) -> Cow<'e, Entry> {
    let named = named_secrets(entry);
    if named.is_empty() && !contains_secret(entry) {
        return Cow::Borrowed(entry);
    }
    let mut entry = entry.clone();
    mask_end(&mut entry.text, &named);
    mask_named(&mut entry.text, &named, counts);
    mask_in_place(&mut entry.text, counts);
    entry.plan.iter_mut().for_each(|item| mask_in_place(&mut item.text, counts));
    if let Some(tool) = &mut entry.tool {
        // A word may be the value of a setting, and is not a secret in an output.
        let with_digits = named.iter().filter(|secret| secret.bytes().any(|byte| byte.is_ascii_digit()));
        mask_named(&mut tool.output, with_digits, counts);
        mask_in_place(&mut tool.output, counts);
        for text in action_texts_mut(&mut tool.action) {
            mask_named(text, &named, counts);
            mask_in_place(text, counts);
        }
        mask_value(&mut tool.input, None, counts);
    }
    Cow::Owned(entry)
}

/// Returns the texts in the input of a tool whose names say that they are secret, the longest first. The headline of a
/// call repeats them without their quotation marks.
fn named_secrets(entry: &Entry) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(tool) = &entry.tool {
        collect_named(&tool.input, None, &mut found);
    }
    let lines: Vec<_> = found.iter().map(|secret| one_line(secret)).filter(|line| !found.contains(line)).collect();
    found.extend(lines.into_iter().filter(|line| line.len() >= MIN_BEGINNING));
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found
}

fn collect_named(value: &Value, name: Option<&str>, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_named_secret(name, text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_named(item, name, found)),
        Value::Object(fields) => {
            let paired = paired_name(fields);
            for (name, field) in fields {
                collect_named(field, paired.filter(|_| pair::is_value_key(name)).or(Some(name)), found);
            }
        }
        Value::Number(number) if is_named_secret(name, &number.to_string()) => found.push(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the name of a setting that an object describes: `{"name": "DB_PASSWORD", "value": "…"}`.
fn paired_name(fields: &Map<String, Value>) -> Option<&str> {
    let mut names = fields.iter().filter(|(key, _)| pair::is_name_key(key)).filter_map(|(_, name)| name.as_str());
    names.find(|name| is_secret(name)).filter(|_| fields.keys().any(|key| pair::is_value_key(key)))
}

/// Returns true for a text that only its name makes a secret.
fn is_named_secret(name: Option<&str>, text: &str) -> bool {
    name.is_some_and(|name| is_secret_field(name, text)) && find(text).is_empty()
}

/// Replaces secrets wherever they are in a text.
fn mask_named<'s>(text: &mut String, secrets: impl IntoIterator<Item = &'s String>, counts: &mut SecretCounts) {
    for secret in secrets {
        if text.contains(&**secret) {
            counts.count(SETTING, secret);
            *text = replaced(text, secret);
        }
    }
}

/// Replaces a secret by the mask. A number is replaced only where it is no part of a longer one.
fn replaced(text: &str, secret: &str) -> String {
    if !secret.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.replace(secret, MASK);
    }
    let (mut masked, mut from) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices(secret) {
        let (before, after) = (&text[..at], &text[at + secret.len()..]);
        let is_part = before.ends_with(|c: char| c.is_ascii_digit()) || after.starts_with(|c: char| c.is_ascii_digit());
        if !is_part {
            masked.push_str(&text[from..at]);
            masked.push_str(MASK);
            from = at + secret.len();
        }
    }
    masked.push_str(&text[from..]);
    masked
}

/// Replaces the beginning of a secret at the end of a headline that is cut.
fn mask_end(headline: &mut String, secrets: &[String]) {
    if headline.chars().count() < HEADLINE_CHARS {
        return;
    }
    for secret in secrets {
        let ends = |length: &usize| secret.is_char_boundary(*length) && headline.ends_with(&secret[..*length]);
        if let Some(length) = (MIN_BEGINNING..secret.len()).rev().find(ends) {
            headline.truncate(headline.len() - length);
            headline.push_str(MASK);
            return;
        }
    }
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

fn mask_value(value: &mut Value, name: Option<&str>, counts: &mut SecretCounts) {
    match value {
        Value::String(text) if is_named_secret(name, text) => {
            counts.count(SETTING, text);
            MASK.clone_into(text);
        }
        Value::String(text) => mask_in_place(text, counts),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_value(item, name, counts)),
        Value::Object(fields) => {
            let paired = paired_name(fields).map(str::to_owned);
            for (name, field) in fields {
                let name = paired.as_deref().filter(|_| pair::is_value_key(name)).unwrap_or(name);
                mask_value(field, Some(name), counts);
            }
        }
        Value::Number(number) if is_named_secret(name, &number.to_string()) => {
            counts.count(SETTING, &number.to_string());
            *value = Value::String(MASK.to_owned());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
