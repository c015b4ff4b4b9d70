//! Any single damage of a record loses at most that record, and is reported when something is lost: all kinds of damage,
//! on every record of small sessions of all six agents.

mod damage;
mod stores;

use std::collections::BTreeSet;

use salon::domain::Agent;

use damage::Damage;
use stores::{Contents, Store, Subject};

/// Maximum failures in the report of one subject.
const MAX_SHOWN: usize = 12;

#[track_caller]
fn assert_contained(subjects: &[Subject]) {
    let failures: Vec<String> = subjects.iter().flat_map(failures).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Damages each record of a subject in every way, and describes what was lost beyond it or in silence.
fn failures(subject: &Subject) -> Vec<String> {
    let records = subject.records();
    // Written once, because a document is formatted anew.
    subject.write(&records);
    let whole = subject.read();
    assert!(whole.entries.len() > 1, "{}: {whole:?}", subject.name);
    let mut failures = Vec::new();
    for (number, record) in records.iter().enumerate() {
        for damage in Damage::all(record, number, &subject.store) {
            let mut changed = records.clone();
            let Some(own) = damage.apply(&mut changed, number) else { continue };
            subject.write(&changed);
            let read = subject.read();
            if let Some(failure) = failure(&whole, &read, &own, &damage) {
                failures.push(format!("{} record {number} {damage:?}: {failure}", subject.name));
            }
        }
    }
    subject.write(&records);
    assert!(subject.read().entries.keys().eq(whole.entries.keys()), "{}", subject.name);
    let more = failures.len().saturating_sub(MAX_SHOWN);
    failures.truncate(MAX_SHOWN);
    failures.extend((more > 0).then(|| format!("{}: {more} more", subject.name)));
    failures
}

/// Compares what is read after a damage; `own` are the records that it may affect.
fn failure(whole: &Contents, read: &Contents, own: &[Vec<u8>], damage: &Damage) -> Option<String> {
    // A record may contain several messages, and an entry may come from several records.
    let contains = |outer: &[u8], inner: &[u8]| memchr::memmem::find(outer, inner).is_some();
    let is_own = |raw: &[u8]| own.iter().any(|record| contains(raw, record) || contains(record, raw));
    let lost: BTreeSet<&String> = whole.entries.keys().filter(|entry| !read.entries.contains_key(*entry)).collect();
    let beyond = lost.iter().find(|entry| !is_own(&whole.entries[**entry].raw));
    if let Some(entry) = beyond {
        return Some(format!("an entry of another record is lost or changed: {entry}"));
    }
    // A copy of a record may add to the output of its entry.
    let is_extended = |entry: &String| read.entries.keys().any(|read| read.starts_with(entry.as_str()));
    if damage.is_lossless() && !lost.iter().all(|entry| is_extended(entry)) {
        return Some(format!("an entry is lost: {lost:?}"));
    }
    let is_shown = |text: &str| read.entries.values().any(|entry| entry.text.contains(text));
    let gone: Vec<_> = lost.into_iter().filter(|entry| !is_shown(&whole.entries[*entry].text)).collect();
    let has_fewer = read.entries.len() < whole.entries.len() && !gone.is_empty();
    (has_fewer && read.issues == whole.issues).then(|| format!("lost in silence: {gone:?}"))
}

#[test]
fn a29_damage_to_a_record_of_claude_loses_at_most_that_record() {
    let queue = ".claude/projects/-home-dev-shop/7abcf00c-7976-4a2b-5127-e39de2a8c075.jsonl";
    let notices = ".claude/projects/-home-dev-shop/8c874d22-2be6-b0f7-fdc8-ef9151325e7e.jsonl";
    assert_contained(&[
        Subject::new(Agent::Claude, "cases/02-claude-queue-remove", Store::lines(queue)),
        Subject::new(Agent::Claude, "cases/16-claude-system-notices", Store::lines(notices)),
    ]);
}

#[test]
fn a29_damage_to_a_record_of_codex_loses_at_most_that_record() {
    let day = ".codex/sessions/2026/09/10";
    let messages = format!("{day}/rollout-2026-09-10T10-00-00-019fef9e-4a67-7570-87be-074ba4426616.jsonl");
    let results = format!("{day}/rollout-2026-09-10T10-00-00-019f5919-a5d2-7496-8315-bc72b5a157c2.jsonl");
    assert_contained(&[
        Subject::new(Agent::Codex, "cases/21-codex-agent-messages", Store::lines(&messages)),
        Subject::new(Agent::Codex, "cases/29-codex-mcp-results", Store::lines(&results)),
    ]);
}

#[test]
fn a29_damage_to_a_record_of_qwen_loses_at_most_that_record() {
    let own = ".qwen/projects/-home-dev-shop-api/chats/cb049802-1f4c-4d76-82d8-7393500c0d2f.jsonl";
    let fragments = ".qwen/projects/-home-dev-shop/chats/eeee1111-0000-4000-8000-000000000005.jsonl";
    assert_contained(&[
        Subject::new(Agent::Qwen, "qwen/0.24.4", Store::lines(own)),
        Subject::new(Agent::Qwen, "cases/50-glued-records", Store::lines(fragments)),
    ]);
}

#[test]
fn a29_damage_to_a_record_of_gemini_loses_at_most_that_record() {
    let log = ".gemini/tmp/shop-api/chats/session-2026-11-21T10-00-19e24f82.jsonl";
    let document = stores::find("gemini/0.24.5", "session-2026-11-21T10-12-a0c413c7.json");
    assert_contained(&[
        Subject::new(Agent::Gemini, "gemini/0.61.0", Store::lines(log)),
        Subject::new(Agent::Gemini, "gemini/0.24.5", Store::items(&document)),
    ]);
}

#[test]
fn a29_damage_to_a_record_of_goose_loses_at_most_that_record() {
    let database = ".local/share/goose/sessions/sessions.db";
    let rows = Store::rows(database, "messages", "content_json", "session_id = '20261121_1'");
    assert_contained(&[Subject::new(Agent::Goose, "goose/1.34.0", rows)]);
}

#[test]
fn a29_damage_to_a_record_of_opencode_loses_at_most_that_record() {
    let database = ".local/share/opencode/opencode.db";
    let session = "session_id = 'ses_1aaaaaaaaaaaaaaaaaaaaaaaaa'";
    let parts = Store::rows(database, "part", "data", session);
    let messages = Store::rows(database, "message", "data", session);
    let newer = Store::rows(database, "session_message", "data", "session_id = 'ses_0bbbbbbbbbbbbbbbbbbbbbbbbb'");
    assert_contained(&[
        Subject::new(Agent::OpenCode, "cases/34-opencode-parts", parts),
        Subject::new(Agent::OpenCode, "cases/34-opencode-parts", messages),
        Subject::new(Agent::OpenCode, "cases/51-opencode-2.0.14-records", newer),
    ]);
}
