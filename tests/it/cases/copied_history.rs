//! Codex's forks and sub-agents that begin with a copy of another rollout: their own usage, and their own entries.

use std::fs;

use serde_json::json;

use super::Case;

const CASE: &str = "38-codex-fork-copy-tokens";
const PARENT: &str = "019f11bd-aced-7c30-8cec-70c8a8eeeb6e";
const FORK: &str = "019f6952-3ca6-73ae-8158-96a5578f4092";
const SUBAGENT: &str = "019f0ffa-93a1-7483-8e1a-b18fd735fe2a";

impl Case {
    /// Input and output tokens of a session.
    fn usage(&self, id: &str) -> (u64, u64) {
        let tokens = &self.session(id)["tokens"];
        (tokens["input"].as_u64().expect("input"), tokens["output"].as_u64().expect("output"))
    }

    /// Replaces a rollout's lines by others.
    fn rewrite(&self, id: &str, change: impl Fn(Vec<String>) -> Vec<String>) {
        let path = self.session(id)["path"].as_str().expect("a path").to_owned();
        let lines = fs::read_to_string(&path).expect("a rollout").lines().map(str::to_owned).collect();
        fs::write(&path, change(lines).join("\n") + "\n").expect("written");
    }
}

fn event(kind: &str, text: &str) -> String {
    json!({"timestamp": "2026-09-10T14:00:00.000Z", "type": "event_msg", "payload": {"type": kind, "message": text}})
        .to_string()
}

#[test]
fn copied_usage_counts_once_and_a_sub_agent_shows_only_its_own() {
    let case = Case::of(CASE);
    assert_eq!(case.usage(PARENT), (120_000, 1_200), "its own, and its sub-agent's");
    assert_eq!(case.usage(FORK), (50_000, 500));
    assert_eq!(case.usage(SUBAGENT), (20_000, 200));
    assert_eq!(case.lines(SUBAGENT), ["prompt: subagent task", "text: subagent answer"]);
    assert_eq!(case.session(SUBAGENT)["title"], "subagent task");
    assert_eq!(case.session(SUBAGENT)["turns"], 1);
    // A fork is a conversation with its history.
    let fork = ["prompt: parent prompt", "text: parent answer", "prompt: child prompt", "text: child answer"];
    assert_eq!(case.lines(FORK), fork);
    for _ in 0..2 {
        let hits = case.json(&["search", "parent answer"])["hits"].clone();
        let ids: Vec<&str> =
            hits.as_array().expect("hits").iter().filter_map(|hit| hit["session"]["id"].as_str()).collect();
        assert!(ids.contains(&PARENT) && ids.contains(&FORK) && !ids.contains(&SUBAGENT), "{ids:?}");
        case.assert_shown_and_found("subagent answer");
    }
}

#[test]
fn a_parent_that_went_on_does_not_move_the_end_of_the_copy() {
    let case = Case::of(CASE);
    case.rewrite(PARENT, |mut lines| {
        lines.extend([event("user_message", "child prompt"), event("agent_message", "another answer")]);
        lines
    });
    // The fork asked what the parent asked later, and got another answer.
    assert_eq!(case.usage(FORK), (50_000, 500));
    assert_eq!(case.lines(FORK).len(), 4);
    assert_eq!(case.lines(SUBAGENT), ["prompt: subagent task", "text: subagent answer"]);
}

#[test]
fn a_copy_that_leaves_records_out_is_still_a_copy() {
    let case = Case::of(CASE);
    case.rewrite(PARENT, |mut lines| {
        lines.insert(5, event("agent_reasoning", "not for the sub-agent"));
        lines.push(event("user_message", "please delegate"));
        lines
    });
    case.rewrite(SUBAGENT, |mut lines| {
        // Without the usage of the parent, its own count begins at 0.
        lines.retain(|line| !line.contains("101000"));
        lines.insert(8, event("user_message", "please delegate"));
        let own = lines.iter_mut().find(|line| line.contains("\"total_tokens\":121200")).expect("a count");
        *own = own.replace("120000", "20000").replace("1200", "200");
        lines
    });
    assert_eq!(case.lines(SUBAGENT), ["prompt: subagent task", "text: subagent answer"]);
    assert_eq!(case.usage(SUBAGENT), (20_000, 200));
}

#[test]
fn a_copy_of_a_compressed_or_archived_rollout_is_found() {
    let case = Case::of(CASE);
    let path = std::path::PathBuf::from(case.session(PARENT)["path"].as_str().expect("a path"));
    let archive = case.path().join(".codex/archived_sessions");
    fs::create_dir_all(&archive).expect("created");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned() + ".zst";
    let bytes = fs::read(&path).expect("a rollout");
    fs::write(archive.join(name), zstd::encode_all(&bytes[..], 3).expect("compressed")).expect("written");
    fs::remove_file(&path).expect("removed");
    assert_eq!((case.usage(PARENT), case.usage(FORK)), ((120_000, 1_200), (50_000, 500)));
    assert_eq!(case.lines(SUBAGENT).len(), 2);
}

#[test]
fn a_fork_of_a_fork_counts_its_own_usage() {
    let case = Case::of(CASE);
    let third = "019f6952-3ca6-73ae-8158-000000000003";
    let path = case.session(FORK)["path"].as_str().expect("a path").to_owned();
    let text = fs::read_to_string(&path).expect("a rollout");
    let head =
        text.lines().next().expect("a head").replace(PARENT, "ORIGIN").replace(FORK, third).replace("ORIGIN", FORK);
    let count = text.lines().rev().find(|line| line.contains("token_count")).expect("a count");
    let count = count.replace("150000", "157000").replace("\"output_tokens\":1500", "\"output_tokens\":1570");
    let own = [event("user_message", "third prompt"), event("agent_message", "third answer"), count];
    let lines = [head, text.trim_end().to_owned(), own.join("\n")].join("\n") + "\n";
    fs::write(path.replace(FORK, third), lines).expect("written");
    assert_eq!(case.usage(third), (7_000, 70));
    assert_eq!(case.lines(third).len(), 6);
}

#[test]
fn a_fork_whose_origin_is_gone_shows_all_that_it_has() {
    let case = Case::of(CASE);
    fs::remove_file(case.session(PARENT)["path"].as_str().expect("a path")).expect("removed");
    assert_eq!(case.lines(FORK).len(), 4);
    assert_eq!(case.lines(SUBAGENT).len(), 4);
}
