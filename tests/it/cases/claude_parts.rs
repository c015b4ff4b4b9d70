//! Claude Code's sessions in several files: one id in more than one project folder.

use std::fs;
use std::path::PathBuf;

use salon::agent::{RefreshOutcome, SourceSessions, TextLimit, format};
use salon::domain::Agent;
use serde_json::{Value, json};

use super::Case;

const ID: &str = "5b3c1111-2222-4333-8444-555555550037";
const REPO: &str = "-home-dev-shop";
const WORKTREE: &str = "-home-dev-shop--claude-worktrees-feat";

const BOTH: [&str; 4] = [
    "prompt: first half quollneedle",
    "text: answer in the repo",
    "prompt: second half, in the worktree bettongneedle",
    "text: answer in the worktree",
];

fn case() -> Case {
    Case::of("37-claude-same-id-fragments")
}

impl Case {
    fn part(&self, project: &str) -> PathBuf {
        self.path().join(".claude/projects").join(project).join(format!("{ID}.jsonl"))
    }

    fn append_to(&self, project: &str, records: &[Value]) {
        let path = self.part(project);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        let before = fs::read_to_string(&path).unwrap_or_default();
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        fs::write(path, before + &lines).expect("written");
    }

    /// The number of sessions, and the lines of the only one.
    fn only(&self) -> Vec<String> {
        assert_eq!(self.only_session()["id"], ID);
        self.lines(ID)
    }
}

fn prompt(uuid: &str, parent: Option<&str>, time: &str, cwd: &str, text: &str) -> Value {
    json!({"parentUuid": parent, "isSidechain": false, "type": "user", "uuid": uuid, "timestamp": time, "cwd": cwd,
        "sessionId": ID, "version": "2.1.229", "message": {"role": "user", "content": text}})
}

#[test]
fn the_files_of_one_id_are_one_session_in_order() {
    let case = case();
    assert_eq!(case.only(), BOTH);
    let session = case.session(ID);
    assert_eq!((&session["title"], &session["turns"]), (&json!("first half quollneedle"), &json!(2)));
    assert_eq!(session["tokens"], json!({"input": 20, "output": 40, "cache_read": 2000, "cache_write": 200}));
    let sizes = [REPO, WORKTREE].map(|project| fs::metadata(case.part(project)).expect("a part").len());
    assert_eq!(session["bytes"], json!(sizes[0] + sizes[1]));
    for word in ["quollneedle", "bettongneedle", "quollneedle", "bettongneedle"] {
        case.assert_shown_and_found(word);
        assert_eq!(case.json(&["search", word])["total"], 1, "{word}");
    }
    // It goes on where it was last.
    assert_eq!(session["cwd"], "/home/dev/shop/.claude/worktrees/feat");
    let resume = case.json(&["resume", "--print", ID]).to_string();
    assert!(resume.contains("/home/dev/shop/.claude/worktrees/feat"), "{resume}");
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
}

#[test]
fn a_session_that_returns_goes_on_after_the_worktree() {
    let case = case();
    let back = prompt(
        "back",
        Some("57d91730-379e-a4a7-76a2-a479b1729a45"),
        "2026-09-10T11:00:00.000Z",
        "/home/dev/shop",
        "back again",
    );
    case.append_to(REPO, &[back]);
    assert_eq!(case.only(), [&BOTH[..], &["prompt: back again"]].concat());
    assert_eq!(case.session(ID)["cwd"], "/home/dev/shop");
    assert!(case.session(ID)["path"].as_str().expect("a path").ends_with(&format!("{REPO}/{ID}.jsonl")));
}

#[test]
fn a_third_part_and_parts_that_overlap_add_each_record_once() {
    let case = case();
    let first = fs::read_to_string(case.part(REPO)).expect("a part");
    let second = fs::read_to_string(case.part(WORKTREE)).expect("a part");
    // The third part repeats both others.
    let repeated: Vec<Value> =
        first.lines().chain(second.lines()).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    case.append_to("-srv-other", &repeated);
    let own = prompt(
        "own",
        Some("57d91730-379e-a4a7-76a2-a479b1729a45"),
        "2026-09-10T12:00:00.000Z",
        "/srv/other",
        "third numbatneedle",
    );
    case.append_to("-srv-other", &[own]);
    assert_eq!(case.only(), [&BOTH[..], &["prompt: third numbatneedle"]].concat());
    let session = case.session(ID);
    assert_eq!((&session["turns"], &session["cwd"]), (&json!(3), &json!("/srv/other")));
    assert_eq!(session["tokens"]["output"], 40);
    assert_eq!(session["flags"], json!([]));
    case.assert_shown_and_found("numbatneedle");
    case.assert_shown_and_found("quollneedle");
}

#[test]
fn a_sub_agent_in_a_folder_without_a_transcript_is_linked() {
    let case = case();
    let folder = case.path().join(format!(".claude/projects/-srv-gone/{ID}/subagents"));
    fs::create_dir_all(&folder).expect("created");
    fs::write(folder.join("agent-a1.meta.json"), r#"{"description":"look","toolUseId":"toolu_1"}"#).expect("written");
    let task = json!({"parentUuid": null, "isSidechain": true, "agentId": "a1", "type": "user", "uuid": "s1",
        "timestamp": "2026-09-10T10:00:07.000Z", "sessionId": ID, "message": {"role": "user", "content": "look wombatneedle"}});
    fs::write(folder.join("agent-a1.jsonl"), format!("{task}\n")).expect("written");
    let call = json!({"parentUuid": "57d91730-379e-a4a7-76a2-a479b1729a45", "type": "assistant", "uuid": "c1",
        "timestamp": "2026-09-10T10:20:00.000Z", "sessionId": ID, "message": {"id": "m", "role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "Task", "input": {"description": "look", "prompt": "look"}}]}});
    case.append_to(WORKTREE, &[call]);
    let entries = case.entries(ID);
    assert_eq!(entries.last().expect("a call")["tool"]["subagent"], "agent-a1", "{entries:#?}");
    assert_eq!(case.session("agent-a1")["parent"], ID);
    case.assert_shown_and_found("wombatneedle");
}

#[test]
fn a_part_that_goes_leaves_the_others() {
    let case = case();
    case.only();
    fs::remove_file(case.part(WORKTREE)).expect("removed");
    assert_eq!(case.only(), BOTH[..2]);
    assert_eq!(case.session(ID)["cwd"], "/home/dev/shop");
}

#[test]
fn an_open_session_follows_its_parts() {
    let case = case();
    let claude = format(Agent::Claude);
    let root = claude.roots(&case.home.environment()).remove(0);
    let affected = claude.affected(&root, &case.part(REPO));
    assert_eq!(affected.len(), 2, "a change of one part is one of all");
    let source = affected[0].1.clone().expect("a source");
    let discovered = claude.discover(&root).sources;
    assert!(discovered.contains(&source) && discovered.len() == 2);
    let SourceSessions::All(sessions) = claude.summarise(&source, None).sessions else { panic!("all sessions") };
    let mut reader = claude.open(&sessions[0]).expect("opened");
    assert_eq!((reader.len(), reader.refresh()), (4, RefreshOutcome::Same));
    let back = prompt(
        "back",
        Some("57d91730-379e-a4a7-76a2-a479b1729a45"),
        "2026-09-10T11:00:00.000Z",
        "/home/dev/shop",
        "back again",
    );
    case.append_to(REPO, &[back]);
    assert_eq!(reader.refresh(), RefreshOutcome::Grown { from: 4 });
    assert_eq!(reader.read(4..5, TextLimit::NONE)[0].text, "back again");
    fs::remove_file(case.part(WORKTREE)).expect("removed");
    let left = claude.affected(&root, &case.part(WORKTREE));
    assert_eq!(left.iter().filter(|(_, source)| source.is_some()).count(), 1);
    assert_eq!(left.len(), 2);
}

#[test]
fn an_open_session_shows_a_part_that_is_new() {
    let case = case();
    let moved = fs::read(case.part(WORKTREE)).expect("a part");
    fs::remove_file(case.part(WORKTREE)).expect("removed");
    let claude = format(Agent::Claude);
    let root = claude.roots(&case.home.environment()).remove(0);
    let source = claude.discover(&root).sources.remove(0);
    let SourceSessions::All(sessions) = claude.summarise(&source, None).sessions else { panic!("all sessions") };
    let mut reader = claude.open(&sessions[0]).expect("opened");
    assert_eq!((reader.len(), reader.refresh()), (2, RefreshOutcome::Same));
    fs::write(case.part(WORKTREE), moved).expect("written");
    assert_eq!((reader.refresh(), reader.len()), (RefreshOutcome::Reset, 4));
    assert_eq!(reader.refresh(), RefreshOutcome::Same);
    // What is appended to either of them follows.
    let time = "2026-09-10T11:00:00.000Z";
    let last = Some("57d91730-379e-a4a7-76a2-a479b1729a45");
    case.append_to(WORKTREE, &[prompt("new", last, time, "/home/dev/shop", "and on")]);
    assert_eq!((reader.refresh(), reader.len()), (RefreshOutcome::Grown { from: 4 }, 5));
    fs::remove_file(case.part(WORKTREE)).expect("removed");
    assert_eq!((reader.refresh(), reader.len()), (RefreshOutcome::Reset, 2));
    fs::remove_file(case.part(REPO)).expect("removed");
    assert_eq!(reader.refresh(), RefreshOutcome::Gone);
}
