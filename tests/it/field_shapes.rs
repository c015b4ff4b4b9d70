//! A field of another shape than usual loses no text: a text in a list or an object, a list as a map, an object in a list,
//! a number as a text, at every place of a record of all six agents.

mod change;
mod homes;

use std::collections::HashSet;

use crate::fidelity::shown::ShownHome;
use homes::{Form, Session};

/// Share of the changes that one run tries; `SALON_FIELD_SHAPES=1` tries all.
const STRIDE: usize = 60;

/// Sessions per home: each search takes longer in a larger one.
const PER_HOME: usize = 200;

#[track_caller]
fn assert_nothing_is_lost(template: &str, form: Form) {
    let stride = std::env::var("SALON_FIELD_SHAPES").ok().and_then(|stride| stride.parse().ok()).unwrap_or(STRIDE);
    let changes = homes::changes(template, form, stride);
    let mut report = Vec::new();
    for part in changes.chunks(PER_HOME) {
        let written = homes::write(template, form, part);
        let shown = ShownHome::read(&written.home, &written.home.environment());
        let words = shown.words(homes::WORD);
        for session in &written.sessions {
            let lost = lost(&shown, &words, session);
            if !lost.is_empty() {
                report.push(format!("{}: {}", session.change, lost.join(", ")));
            }
        }
    }
    let all = changes.len();
    assert!(report.is_empty(), "{template} {form:?}: {} of {all}:\n{}", report.len(), report.join("\n"));
}

/// Texts of a session that are not shown, or not found.
fn lost(shown: &ShownHome, words: &HashSet<&str>, session: &Session) -> Vec<String> {
    let is_shown = |word: &str| words.contains(word);
    let missing = session.words.iter().filter(|(_, word)| !is_shown(word));
    let mut lost: Vec<String> = missing.map(|(name, _)| format!("{name} is not shown")).collect();
    let changed = session.words.iter().filter(|(name, word)| session.changed.contains(name) && is_shown(word));
    for (name, word) in changed.take(2) {
        if let Err(why) = shown.search(word) {
            lost.push(format!("{name} is not {why}"));
        }
    }
    lost
}

#[test]
fn a29_fields_of_claude_may_have_any_shape() {
    assert_nothing_is_lost("claude", Form::Claude);
}

#[test]
fn a29_fields_of_codex_may_have_any_shape() {
    ["codex-events", "codex-responses", "codex-items"]
        .iter()
        .for_each(|template| assert_nothing_is_lost(template, Form::Codex));
}

#[test]
fn a29_fields_of_gemini_may_have_any_shape() {
    assert_nothing_is_lost("gemini", Form::GeminiLog);
    assert_nothing_is_lost("gemini", Form::GeminiDocument);
}

#[test]
fn a29_fields_of_qwen_may_have_any_shape() {
    assert_nothing_is_lost("qwen", Form::Qwen);
}

#[test]
fn a29_fields_of_goose_may_have_any_shape() {
    assert_nothing_is_lost("goose", Form::GooseRows);
    assert_nothing_is_lost("goose", Form::GooseLines);
}

#[test]
fn a29_fields_of_opencode_may_have_any_shape() {
    assert_nothing_is_lost("opencode", Form::OpenCodeRows);
    assert_nothing_is_lost("opencode", Form::OpenCodeFiles);
}
