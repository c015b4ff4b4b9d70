//! Sessions that belong to others: teammates of a lead, sub-agents that repeat their parent, copies without an origin.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};

const PROJECT: &str = ".claude/projects/-home-dev-shop";
const MATE: &str = "22222222-2222-4333-8444-000000000078";

impl Case {
    fn write(&self, path: &str, records: &[Value]) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(&path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).expect("written");
        path
    }
}

fn usage(output: u64) -> Value {
    json!({"input_tokens": 1, "output_tokens": output})
}

fn text(uuid: &str, text: &str, output: u64) -> Value {
    answer(uuid, &json!([{"type": "text", "text": text}]), &usage(output))
}

/// The record with other fields.
pub fn with(mut record: Value, fields: &Value) -> Value {
    record.as_object_mut().expect("a record").extend(fields.as_object().expect("fields").clone());
    record
}

#[test]
fn a_teammate_is_listed_under_the_lead_of_its_team() {
    let lead = json!({"teamName": "shop-team"});
    let case = session_of(&[with(prompt(), &lead), with(text("a", "I lead", 5), &lead)]);
    let mate = json!({"teamName": "shop-team", "agentName": "tester", "sessionId": MATE});
    let task = "<teammate-message teammate_id=\"team-lead\">\nTest the cart takaheneedle\n</teammate-message>";
    let task = json!({"message": {"role": "user", "content": task}});
    case.write(
        &format!("{PROJECT}/{MATE}.jsonl"),
        &[with(with(prompt(), &mate), &task), with(text("b", "tested", 7), &mate)],
    );
    case.write(
        ".claude/teams/shop-team/config.json",
        &[json!({"name": "shop-team", "leadSessionId": ID, "members": []})],
    );
    for _ in 0..2 {
        let session = case.session(MATE);
        assert_eq!((&session["parent"], &session["flags"]), (&json!(ID), &json!(["subagent"])));
        assert_eq!(session["title"], "Test the cart takaheneedle");
        assert_eq!((&case.session(ID)["parent"], &case.session(ID)["flags"]), (&Value::Null, &json!([])));
    }
    // It is a session of its own, which goes on by itself.
    let resume = case.json(&["resume", "--print", MATE]).to_string();
    assert!(resume.contains(&format!("--resume={MATE}")), "{resume}");
    // A team without a configuration, or with a name that is a path, has no lead.
    fs::remove_dir_all(case.path().join(".claude/teams")).expect("removed");
    case.append(&format!("{PROJECT}/{MATE}.jsonl"), &[&with(text("c", "more", 7), &mate).to_string()]);
    assert_eq!(case.session(MATE)["parent"], Value::Null);
}

#[test]
fn a_sub_agent_that_repeats_its_parent_shows_and_counts_only_its_own() {
    let case = session_of(&[prompt(), text("a", "the plan tuineedle", 100)]);
    let side = json!({"isSidechain": true, "agentId": "a1"});
    let repeated = [with(prompt(), &side), with(text("a", "the plan tuineedle", 100), &side)];
    let own = [
        with(
            json!({"type": "user", "uuid": "s1", "parentUuid": "a", "sessionId": ID, "timestamp": "2026-09-10T10:00:05.000Z",
            "message": {"role": "user", "content": "now do the first step kererumeedle"}}),
            &side,
        ),
        with(with(text("s2", "did it", 30), &side), &json!({"parentUuid": "s1"})),
    ];
    let file = format!("{PROJECT}/{ID}/subagents/agent-a1.jsonl");
    case.write(&file, &repeated);
    case.append(
        &file,
        &own.iter().map(Value::to_string).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let shown = ["prompt: now do the first step kererumeedle", "text: did it"];
    assert_eq!(case.lines("agent-a1"), shown);
    let session = case.session("agent-a1");
    assert_eq!(
        (&session["turns"], &session["messages"], &session["title"]),
        (&json!(1), &json!(2), &json!("now do the first step kererumeedle"))
    );
    assert_eq!(session["tokens"]["output"], 30);
    assert_eq!(case.session(ID)["tokens"]["output"], 130, "its own, and its sub-agent's");
    for _ in 0..2 {
        assert_eq!(case.json(&["search", "tuineedle"])["total"], 1);
        case.assert_shown_and_found("kererumeedle");
    }
    case.append(&file, &[&with(with(text("s3", "more", 4), &side), &json!({"parentUuid": "s2"})).to_string()]);
    assert_eq!(case.lines("agent-a1").len(), 3);
    assert_eq!(case.session("agent-a1")["tokens"]["output"], 34);
    // Without the parent's transcript all of it is shown, once.
    fs::remove_file(case.path().join(format!("{PROJECT}/{ID}.jsonl"))).expect("removed");
    case.append(&file, &[&with(with(text("s4", "end", 4), &side), &json!({"parentUuid": "s3"})).to_string()]);
    assert_eq!(case.lines("agent-a1").len(), 6);
}

#[test]
fn a_copy_whose_origin_is_gone_shows_what_it_copied_once() {
    let fork = "33333333-2222-4333-8444-000000000079";
    let copied = |record: Value, uuid: &str| {
        with(record, &json!({"sessionId": fork, "forkedFrom": {"sessionId": ID, "messageUuid": uuid}}))
    };
    let own = json!({"type": "user", "uuid": "f1", "parentUuid": "a", "sessionId": fork, "timestamp": "2026-09-10T11:00:00.000Z",
        "message": {"role": "user", "content": "another way"}});
    let records = [copied(prompt(), "p"), copied(text("a", "the plan pukekoneedle", 100), "a"), own];
    let case = session_of(&[prompt(), text("a", "the plan pukekoneedle", 100)]);
    case.write(&format!("{PROJECT}/{fork}.jsonl"), &records);
    let lines = ["prompt: begin", "text: the plan pukekoneedle", "prompt: another way"];
    assert_eq!(case.lines(fork), lines);
    fs::remove_file(case.path().join(format!("{PROJECT}/{ID}.jsonl"))).expect("removed");
    for _ in 0..2 {
        assert_eq!(case.lines(fork), lines);
        let session = case.session(fork);
        assert_eq!((&session["turns"], &session["forked_from"]), (&json!(2), &json!(ID)));
        assert_eq!(case.json(&["search", "pukekoneedle"])["total"], 1);
        case.assert_shown_and_found("pukekoneedle");
    }
}

#[test]
fn a_sub_agent_with_files_in_two_project_folders_is_one() {
    let side = json!({"isSidechain": true, "agentId": "a7"});
    let first = with(
        json!({"type": "user", "uuid": "t1", "parentUuid": null, "sessionId": ID, "timestamp": "2026-09-10T10:00:05.000Z",
        "message": {"role": "user", "content": "look around wekaneedle"}}),
        &side,
    );
    let second = with(
        with(text("t2", "went on in the worktree mohuaneedle", 9), &side),
        &json!({"parentUuid": "t1", "timestamp": "2026-09-10T10:05:00.000Z"}),
    );
    let case = session_of(&[prompt(), text("a", "delegated", 1)]);
    case.write(&format!("{PROJECT}/{ID}/subagents/agent-a7.jsonl"), &[first]);
    let other = format!(".claude/projects/-home-dev-shop-wt/{ID}/subagents/agent-a7.jsonl");
    case.write(&other, &[second]);
    for _ in 0..2 {
        assert_eq!(
            case.lines("agent-a7"),
            ["prompt: look around wekaneedle", "text: went on in the worktree mohuaneedle"]
        );
        let session = case.session("agent-a7");
        assert_eq!((&session["parent"], &session["messages"]), (&json!(ID), &json!(2)));
        assert_eq!(case.session(ID)["tokens"]["output"], 10);
        ["wekaneedle", "mohuaneedle"].iter().for_each(|word| {
            assert_eq!(case.json(&["search", word])["total"], 1);
            case.assert_shown_and_found(word);
        });
    }
    fs::remove_file(case.path().join(other)).expect("removed");
    assert_eq!(case.lines("agent-a7"), ["prompt: look around wekaneedle"]);
}

#[test]
fn a_session_of_a_desktop_application_or_an_editor_is_marked() {
    for (entrypoint, flags) in
        [("claude-desktop", json!(["app"])), ("claude-vscode", json!(["app"])), ("cli", json!([]))]
    {
        let case = session_of(&[with(prompt(), &json!({"entrypoint": entrypoint}))]);
        assert_eq!(case.session(ID)["flags"], flags, "{entrypoint}");
    }
    let thread = "019f7c77-1285-78a7-9f6c-a4a7c2f996d1";
    for (originator, flags) in
        [("codex_vscode", json!(["app"])), ("Codex Desktop", json!(["app"])), ("codex-tui", json!([]))]
    {
        let case = Case::empty();
        let meta = json!({"timestamp": "2026-09-10T10:00:00.000Z", "type": "session_meta",
            "payload": {"id": thread, "cwd": "/home/dev/shop", "originator": originator, "source": "vscode"}});
        let asked = json!({"timestamp": "2026-09-10T10:00:01.000Z", "type": "event_msg",
            "payload": {"type": "user_message", "message": "begin"}});
        case.write(&format!(".codex/sessions/2026/09/10/rollout-2026-09-10T10-00-00-{thread}.jsonl"), &[meta, asked]);
        assert_eq!(case.session(thread)["flags"], flags, "{originator}");
    }
}
