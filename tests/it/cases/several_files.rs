//! One session in several files: of Codex in two rollouts, of Qwen Code in the folders of two projects.

use std::fs;

use serde_json::{Value, json};

use super::Case;

const CODEX: &str = "019f0000-0000-7000-8000-000000000041";
const QWEN: &str = "cccc1111-0000-4000-8000-000000000041";

fn put(case: &Case, path: &str, records: &[Value]) {
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(path, text).expect("written");
}

fn line(second: u32, kind: &str, payload: &Value) -> Value {
    json!({"timestamp": format!("2026-02-02T03:04:{second:02}.000Z"), "type": kind, "payload": payload})
}

fn meta(second: u32, more: &Value) -> Value {
    let mut payload = json!({"id": CODEX, "timestamp": "2026-02-02T03:04:00.000Z", "cwd": "/home/dev/p"});
    payload.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    line(second, "session_meta", &payload)
}

fn event(second: u32, kind: &str, text: &str) -> Value {
    line(second, "event_msg", &json!({"type": kind, "message": text}))
}

fn rollout(folder: &str, time: &str) -> String {
    format!(".codex/{folder}/rollout-2026-02-{time}-{CODEX}.jsonl")
}

#[test]
fn a_thread_in_two_rollouts_is_one_session() {
    let case = Case::empty();
    let first =
        [meta(0, &json!({})), event(1, "user_message", "begin"), event(2, "agent_message", "an answer kakaneedle")];
    let second = [
        meta(20, &json!({"cwd": "/home/dev/q"})),
        // A resume repeats the history with times of its own.
        event(21, "user_message", "begin"),
        event(21, "agent_message", "an answer kakaneedle"),
        event(22, "user_message", "go on tuineedle"),
    ];
    put(&case, &rollout("archived_sessions", "02T03-04-00"), &first);
    put(&case, &rollout("sessions/2026/02/03", "03T03-04-00"), &second);
    let session = case.only_session();
    assert_eq!((&session["messages"], &session["turns"]), (&json!(3), &json!(2)));
    assert_eq!((&session["cwd"], &session["title"]), (&json!("/home/dev/q"), &json!("begin")));
    assert_eq!(case.lines(CODEX), ["prompt: begin", "text: an answer kakaneedle", "prompt: go on tuineedle"]);
    ["kakaneedle", "tuineedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    // The first one goes on after the second one.
    case.append(
        &rollout("archived_sessions", "02T03-04-00"),
        &[&event(30, "user_message", "later mohoneedle").to_string()],
    );
    case.append(&rollout("sessions/2026/02/03", "03T03-04-00"), &[&event(25, "agent_message", "between").to_string()]);
    let shown = [
        "prompt: begin",
        "text: an answer kakaneedle",
        "prompt: go on tuineedle",
        "text: between",
        "prompt: later mohoneedle",
    ];
    assert_eq!(case.lines(CODEX), shown);
    assert_eq!(case.only_session()["messages"], 5);
    case.assert_shown_and_found("mohoneedle");
}

#[test]
fn a_copy_of_a_rollout_in_the_archive_is_shown_once() {
    let case = Case::empty();
    let records = [meta(0, &json!({})), event(1, "user_message", "begin"), event(1, "user_message", "begin")];
    put(&case, &rollout("archived_sessions", "02T03-04-00"), &records);
    put(&case, &rollout("sessions/2026/02/02", "02T03-04-00"), &records);
    assert_eq!(case.lines(CODEX), ["prompt: begin", "prompt: begin"]);
    let session = case.only_session();
    assert_eq!((&session["messages"], &session["flags"]), (&json!(2), &json!([])));
}

/// A message as early versions of Codex record it.
fn said(second: u32, role: &str, text: &str) -> Value {
    line(
        second,
        "response_item",
        &json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}),
    )
}

/// A message as newer versions record it.
fn item(second: u32, kind: &str, text: &str) -> Value {
    let item = json!({"type": kind, "id": format!("i{second}"), "content": [{"type": "text", "text": text}]});
    line(second, "event_msg", &json!({"type": "item_completed", "turn_id": "t", "item": item}))
}

#[test]
fn rollouts_of_one_thread_may_be_of_different_versions() {
    let case = Case::empty();
    let first = [
        meta(0, &json!({})),
        said(1, "user", "an old prompt"),
        event(1, "user_message", "an old prompt"),
        said(2, "assistant", "an old answer"),
        event(2, "agent_message", "an old answer"),
    ];
    let second = [
        meta(20, &json!({"history_mode": "paginated"})),
        said(21, "user", "a new prompt"),
        item(21, "UserMessage", "a new prompt"),
        said(22, "assistant", "a new answer huianeedle"),
        item(22, "AgentMessage", "a new answer huianeedle"),
    ];
    put(&case, &rollout("sessions/2026/02/02", "02T03-04-00"), &first);
    put(&case, &rollout("sessions/2026/02/03", "03T03-04-00"), &second);
    let shown =
        ["prompt: an old prompt", "text: an old answer", "prompt: a new prompt", "text: a new answer huianeedle"];
    assert_eq!(case.lines(CODEX), shown);
    assert_eq!(case.only_session()["messages"], 4);
    case.assert_shown_and_found("huianeedle");
}

#[test]
fn a_session_of_qwen_in_two_projects_is_one_session() {
    let record = |second: u32, parent: u32, directory: &str, text: &str| {
        json!({"uuid": format!("q{second}"), "parentUuid": (parent > 0).then(|| format!("q{parent}")), "sessionId": QWEN,
            "timestamp": format!("2026-09-10T10:00:{second:02}.000Z"), "type": "user", "cwd": directory,
            "message": {"parts": [{"text": text}]}})
    };
    let case = Case::empty();
    let file = |project: &str| format!(".qwen/projects/{project}/chats/{QWEN}.jsonl");
    let (one, other) = ("/home/dev/shop", "/home/dev/shop-2");
    put(&case, &file("-home-dev-shop"), &[record(1, 0, one, "one"), record(2, 1, one, "two")]);
    put(&case, &file("-home-dev-shop-2"), &[record(2, 1, one, "two"), record(3, 2, other, "three kakaneedle")]);
    assert_eq!(case.lines(QWEN), ["prompt: one", "prompt: two", "prompt: three kakaneedle"]);
    let session = case.only_session();
    assert_eq!((&session["messages"], &session["cwd"]), (&json!(3), &json!(other)));
    case.assert_shown_and_found("kakaneedle");
    case.append(&file("-home-dev-shop"), &[&record(4, 3, one, "four tuineedle").to_string()]);
    assert_eq!(case.lines(QWEN).last().map(String::as_str), Some("prompt: four tuineedle"));
    assert_eq!((&case.only_session()["messages"], &case.only_session()["cwd"]), (&json!(4), &json!(one)));
    case.assert_shown_and_found("tuineedle");
}

/// A report of the usage so far, and of the last reply.
fn usage(second: u32, total: u32, reply: u32) -> Value {
    let tokens =
        |input: u32| json!({"input_tokens": input, "cached_input_tokens": 0, "output_tokens": 1, "total_tokens": 1});
    let mut info = json!({"total_token_usage": tokens(total), "last_token_usage": tokens(reply)});
    // Each reply is of one token.
    info["total_token_usage"]["output_tokens"] = json!(if total == reply { 1 } else { 2 });
    line(second, "event_msg", &json!({"type": "token_count", "info": info}))
}

#[test]
fn the_usage_of_a_rollout_that_counts_from_0_again_is_added() {
    // Smaller, as much, and more than the first rollout counted.
    for again in [40, 150, 900] {
        let case = Case::empty();
        let first = [meta(0, &json!({})), event(1, "user_message", "begin"), usage(2, 100, 100), usage(3, 150, 50)];
        let second = [
            meta(20, &json!({})),
            event(21, "user_message", "go on"),
            usage(22, again, again),
            usage(23, again + 7, 7),
        ];
        put(&case, &rollout("sessions/2026/02/02", "02T03-04-00"), &first);
        put(&case, &rollout("sessions/2026/02/03", "03T03-04-00"), &second);
        assert_eq!(case.only_session()["tokens"]["input"], 150 + again + 7);
        let of_entries: u64 = case.entries(CODEX).iter().filter_map(|entry| entry["tokens"]["input"].as_u64()).sum();
        assert_eq!(of_entries, u64::from(150 + again + 7));
        // The first one goes on.
        case.append(&rollout("sessions/2026/02/02", "02T03-04-00"), &[&usage(30, 160, 10).to_string()]);
        assert_eq!(case.only_session()["tokens"]["input"], 160 + again + 7);
    }
}

#[test]
fn the_usage_of_a_rollout_that_goes_on_with_a_count_is_counted_once() {
    let case = Case::empty();
    let first = [meta(0, &json!({})), event(1, "user_message", "begin"), usage(2, 100, 100)];
    let second = [
        meta(20, &json!({})),
        event(21, "user_message", "begin"),
        usage(21, 100, 100),
        event(22, "user_message", "go on"),
        usage(23, 130, 30),
    ];
    put(&case, &rollout("sessions/2026/02/02", "02T03-04-00"), &first);
    put(&case, &rollout("sessions/2026/02/03", "03T03-04-00"), &second);
    assert_eq!(case.only_session()["tokens"]["input"], 130);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_a_session_that_cannot_be_read_is_an_issue_and_the_others_are_shown() {
    // A file whose beginning cannot be read, whoever reads it.
    let unreadable = |case: &Case, path: &str| {
        let path = case.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        std::os::unix::fs::symlink("/proc/self/mem", path).expect("linked");
    };
    let case = Case::empty();
    put(
        &case,
        &rollout("sessions/2026/02/02", "02T03-04-00"),
        &[meta(0, &json!({})), event(1, "user_message", "begin")],
    );
    unreadable(&case, &rollout("sessions/2026/02/01", "01T03-04-00"));
    let record = json!({"uuid": "q1", "parentUuid": null, "sessionId": QWEN, "timestamp": "2026-09-10T10:00:01.000Z",
        "type": "user", "cwd": "/home/dev/shop", "message": {"parts": [{"text": "one"}]}});
    put(&case, &format!(".qwen/projects/-home-dev-shop/chats/{QWEN}.jsonl"), &[record]);
    unreadable(&case, &format!(".qwen/projects/-home-dev-other/chats/{QWEN}.jsonl"));
    for (id, text) in [(CODEX, "prompt: begin"), (QWEN, "prompt: one")] {
        assert_eq!(case.lines(id), [text]);
        assert!(case.session(id)["flags"].to_string().contains("unreadable"));
    }
    let issues = case.json(&["doctor"])["issues"].to_string();
    for part in ["01T03-04-00", "-home-dev-other"] {
        assert!(issues.contains(part) && issues.contains("a part of the session cannot be read"), "{issues}");
    }
}

#[test]
fn a_rollout_that_an_earlier_version_began_is_whole() {
    let old = [said(1, "user", "an old prompt"), said(2, "assistant", "an old answer kakaneedle")];
    let events = [
        said(3, "user", "a prompt"),
        event(3, "user_message", "a prompt"),
        event(4, "agent_message", "an answer keaneedle"),
        said(4, "assistant", "an answer keaneedle"),
    ];
    let items = [item(5, "UserMessage", "a new prompt"), item(6, "AgentMessage", "a new answer wekaneedle")];
    for (records, count) in [([&old[..], &events[..]].concat(), 4), ([&events[1..3], &items[..]].concat(), 4)] {
        let case = Case::empty();
        put(&case, &rollout("sessions/2026/02/02", "02T03-04-00"), &[&[meta(0, &json!({}))], &records[..]].concat());
        assert_eq!(case.only_session()["messages"], count, "{:#?}", case.lines(CODEX));
        let words: Vec<String> = records.iter().flat_map(|record| words(&record.to_string())).collect();
        words.iter().for_each(|word| case.assert_shown_and_found(word));
    }
    // The first event of a usual rollout may be lost.
    let case = Case::empty();
    let usual = [meta(0, &json!({})), events[0].clone(), events[3].clone(), events[2].clone()];
    put(&case, &rollout("sessions/2026/02/02", "02T03-04-00"), &usual);
    assert_eq!(case.lines(CODEX), ["text: an answer keaneedle"]);
}

/// Words with `needle` in a text.
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_ascii_alphabetic())
        .filter(|word| word.ends_with("needle"))
        .map(str::to_owned)
        .collect()
}
