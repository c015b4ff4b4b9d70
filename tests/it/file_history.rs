//! Time machine: a file as it was at any entry. What cannot be known is not guessed.

use std::fs;

use proptest::prelude::*;
use salon::domain::file_history::FileHistory;
use salon::domain::transcript::{ChangeKind, Entry, EntryKind, FileChange, Role, Tool, ToolAction, ToolStatus};
use salon::domain::{EntryKey, Time};
use serde_json::{Value, json};
use similar::TextDiff;

use super::cli::{code, json as output_json, run, text};
use super::export;
use crate::support::Home;

fn edit(path: &str, kind: ChangeKind, status: ToolStatus) -> Entry {
    let action = ToolAction::Edit(vec![FileChange { path: path.into(), kind }]);
    let tool = Tool {
        name: "Edit".into(),
        id: "e".into(),
        input: Value::Null,
        action,
        output: String::new(),
        status,
        duration_ms: None,
        subagent: None,
    };
    let entry = Entry::new(EntryKey::new("e", 0), EntryKind::Tool, Role::Assistant, Some(Time::from_secs(1)));
    Entry { tool: Some(Box::new(tool)), ..entry }
}

fn history(changes: &[ChangeKind]) -> FileHistory {
    let mut history = FileHistory::default();
    for (index, kind) in changes.iter().enumerate() {
        history.add(index, &edit("a.rs", kind.clone(), ToolStatus::Done), |path| path == "a.rs");
    }
    history
}

fn replace(old: &str, new: &str) -> ChangeKind {
    ChangeKind::Replace(vec![(old.into(), new.into())])
}

#[test]
fn a_file_is_known_forwards_from_a_write_and_backwards_from_the_disk() {
    let changes = [
        replace("zero", "one"),
        ChangeKind::Write("one\ntwo\n".into()),
        replace("two", "three"),
        ChangeKind::Patch("@@ -1,2 +1,3 @@\n one\n+and a half\n three\n".into()),
        ChangeKind::Delete,
    ];
    let history = history(&changes);
    assert_eq!(history.entries(), [0, 1, 2, 3, 4]);
    let after = |entry| history.content_after(entry, None);
    assert_eq!(after(0), None, "nothing is known before the first whole text");
    assert_eq!(after(1).as_deref(), Some("one\ntwo\n"));
    assert_eq!(after(2).as_deref(), Some("one\nthree\n"));
    assert_eq!(after(3).as_deref(), Some("one\nand a half\nthree\n"));
    assert_eq!(after(4), None, "it was deleted");
    let history = self::history(&[replace("a", "b"), replace("x", "y")]);
    let before = |entry| history.content_after(entry, Some("b and y\n"));
    assert_eq!(before(1).as_deref(), Some("b and y\n"));
    assert_eq!(before(0).as_deref(), Some("b and x\n"));
    assert_eq!(history.content_after(0, Some("changed since\n")), None);
    assert_eq!(history.content_after(0, Some("y and y\n")), None, "it is not clear which one");
}

#[test]
fn refused_edits_and_other_files_do_not_count() {
    let mut history = FileHistory::default();
    let is_wanted = |path: &str| path == "a.rs";
    history.add(0, &edit("a.rs", ChangeKind::Write("kept\n".into()), ToolStatus::Done), is_wanted);
    history.add(1, &edit("a.rs", ChangeKind::Write("denied\n".into()), ToolStatus::Denied), is_wanted);
    history.add(2, &edit("b.rs", ChangeKind::Write("other\n".into()), ToolStatus::Done), is_wanted);
    let reverted = Entry { reverted: true, ..edit("a.rs", ChangeKind::Delete, ToolStatus::Done) };
    history.add(3, &reverted, is_wanted);
    assert_eq!(history.content_after(9, None).as_deref(), Some("kept\n"));
}

#[test]
fn the_command_prints_contents_differences_and_the_changed_files() {
    let home = export::home();
    let id = export::ID;
    let files = output_json(&run(&home, &["file", id, "--json"]));
    assert_eq!(files["files"][0]["path"], "/srv/shop/cart.rs");
    let entry = files["files"][0]["entries"][0].as_u64().expect("an entry");
    assert!(text(&run(&home, &["file", id]).stdout).starts_with("/srv/shop/cart.rs\t"));
    let unknown = run(&home, &["file", id, "cart.rs"]);
    assert!(code(&unknown) == 1 && text(&unknown.stderr).contains("cannot be known"), "{}", text(&unknown.stderr));
    assert_eq!(code(&run(&home, &["file", id, "other.rs"])), 1);
    // The directory of the session has to be one that the test may write to.
    let path = home.path().join(format!(".claude/projects/-srv-shop/{id}.jsonl"));
    let moved = fs::read_to_string(&path).expect("there").replace("/srv/shop", home.path().to_str().expect("UTF-8"));
    fs::write(&path, moved).expect("written");
    fs::write(home.path().join("cart.rs"), "fn a() {\na <= b\nkept\n}\n").expect("written");
    let at = (entry - 1).to_string();
    let before = run(&home, &["file", id, "cart.rs", "--at", &at]);
    assert_eq!(text(&before.stdout), "fn a() {\na < b\nkept\n}\n", "{}", text(&before.stderr));
    let difference = text(&run(&home, &["file", id, "cart.rs", "--since", &at]).stdout);
    assert!(difference.contains("-a < b\n+a <= b\n"), "{difference}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_known_is_right(
        first in "([a-d]{1,3}\n){1,6}",
        steps in proptest::collection::vec((0..3_usize, "([a-d]{1,3}\n){1,6}", 0..6_usize), 1..8)
    ) {
        let mut contents = vec![first.clone()];
        let mut changes = vec![ChangeKind::Write(first)];
        for (how, text, at) in steps {
            let now = contents.last().expect("one").clone();
            let lines: Vec<&str> = now.split_inclusive('\n').collect();
            let (kind, next) = match how {
                0 => (ChangeKind::Write(text.clone()), text),
                1 => {
                    let old = lines[at % lines.len()];
                    let next = now.replace(old, &text);
                    (replace(old, &text), next)
                }
                _ => {
                    let mut changed: Vec<&str> = lines.clone();
                    changed.insert(at % (lines.len() + 1), &text);
                    let next = changed.concat();
                    (ChangeKind::Patch(TextDiff::from_lines(&now, &next).unified_diff().context_radius(2).to_string()), next)
                }
            };
            changes.push(kind);
            contents.push(next);
        }
        let history = history(&changes);
        let present = contents.last().map(String::as_str);
        for (index, content) in contents.iter().enumerate() {
            let known = history.content_after(index, None);
            prop_assert!(known.is_none() || known.as_ref() == Some(content), "{index}: {known:?} {content:?}");
            let last = contents.len() - 1;
            let from_disk = history.content_after(index, present);
            prop_assert!(index != last || from_disk.as_ref() == Some(content));
        }
    }
}

#[test]
fn backups_of_the_agent_fill_what_changes_leave_unknown() {
    let mut history = history(&[replace("a", "b"), replace("b", "c"), replace("c", "d")]);
    let after = |history: &FileHistory, entry, present| history.content_after(entry, present);
    assert_eq!(after(&history, 0, None), None);
    history.add_backup(1, Some("b\n".into()));
    assert_eq!(after(&history, 0, Some("elsewhere")).as_deref(), Some("b\n"), "the content before the next entry");
    assert_eq!(after(&history, 2, Some("elsewhere")).as_deref(), Some("d\n"), "forwards from it");
    assert_eq!(history.content_before(None), None);
    history.add_backup(0, Some("a\n".into()));
    assert_eq!(history.content_before(None).as_deref(), Some("a\n"));
    // A backup after a change takes it back, whatever is on the disk now.
    let mut history = self::history(&[replace("a", "b"), ChangeKind::Delete]);
    history.add_backup(1, Some("b\n".into()));
    assert_eq!(history.content_after(0, None).as_deref(), Some("b\n"));
    let mut created = self::history(&[ChangeKind::Write("new\n".into())]);
    created.add_backup(0, None);
    assert_eq!(created.content_before(None).as_deref(), Some(""), "it did not exist");
}

#[test]
fn what_a_command_changed_is_known_before_and_after_it_only() {
    let mut history = history(&[]);
    history.add_backup(2, Some("before\n".into()));
    history.add_backup(6, Some("after\n".into()));
    let after = |entry| history.content_after(entry, Some("now\n"));
    assert_eq!(after(1).as_deref(), Some("before\n"));
    assert_eq!((after(2), after(4)), (None, None), "some command between them changed it");
    assert_eq!((after(5).as_deref(), after(9).as_deref()), (Some("after\n"), Some("after\n")));
    assert!(!history.is_unknown());
    let mut missing = self::history(&[]);
    missing.add_backup(2, None);
    assert!(missing.is_unknown(), "it was never there");
}

/// A session of Gemini CLI with calls that change a file, and the repository of its checkpoints.
fn with_checkpoints() -> (Home, std::path::PathBuf, String) {
    let home = Home::empty();
    let (project, id) = (home.path().join("shop"), "11111111-2222-4333-8444-555555555555".to_owned());
    let gemini = home.path().join(".gemini");
    let (chats, checkpoints) = (gemini.join("tmp/shop/chats"), gemini.join("tmp/shop/checkpoints"));
    let history = gemini.join("history/shop");
    for folder in [&project, &chats, &checkpoints, &history] {
        fs::create_dir_all(folder).expect("created");
    }
    fs::write(gemini.join("tmp/shop/.project_root"), project.to_string_lossy().as_bytes()).expect("written");
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", home.path());
        command.env("GIT_DIR", history.join(".git")).env("GIT_WORK_TREE", &project).current_dir(&project);
        command.args(["-c", "user.name=Gemini", "-c", "user.email=g@g"]).args(args);
        let output = command.output().expect("git");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    git(&["init", "--quiet"]);
    let file = project.join("cart.rs");
    let prompt = |number: usize, text: &str| {
        json!({"id": format!("p{number}"), "timestamp": format!("2026-11-20T10:0{number}:00.000Z"), "type": "user",
            "content": [{"text": text}]})
    };
    let mut log = vec![
        json!({"sessionId": id, "projectHash": "shop", "startTime": "2026-11-20T10:00:00.000Z",
            "lastUpdated": "2026-11-20T10:00:00.000Z", "kind": "main"}),
        prompt(1, "Mend the cart"),
    ];
    // The same call twice: the checkpoint of the nearest time is that of a call.
    let contents = ["a < b and more\n", "a < b again\n", "a < b at last\n"];
    for (at, content) in contents.iter().enumerate() {
        fs::write(&file, content).expect("written");
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message=Snapshot for replace"]);
        let args = json!({"file_path": file, "old_string": "a < b", "new_string": "a <= b"});
        let time = |second: usize| format!("2026-11-20T10:0{}:{second:02}.000Z", at + 2);
        let checkpoint = json!({"history": [], "clientHistory": [], "toolCall": {"name": "replace", "args": args},
            "commitHash": git(&["rev-parse", "--short", "HEAD"]), "messageId": format!("{id}########{at}")});
        let name = format!("{}-cart.rs-replace.json", time(1).replace(':', "-").replace('.', "_"));
        fs::write(checkpoints.join(name), checkpoint.to_string()).expect("written");
        log.push(json!({"id": format!("g{at}"), "timestamp": time(5), "type": "gemini", "content": "", "toolCalls": [
            {"id": format!("c{at}"), "name": "replace", "args": args, "status": "success", "timestamp": time(5),
             "result": [{"functionResponse": {"id": format!("c{at}"), "name": "replace", "response": {"output": "ok"}}}]}]}));
        log.push(prompt(at + 3, "And again"));
    }
    // One of another session, and damaged ones.
    let foreign = json!({"toolCall": {"name": "replace", "args": {"file_path": file, "old_string": "a < b",
        "new_string": "a <= b"}}, "commitHash": "ffffffff", "messageId": "other########0"});
    fs::write(checkpoints.join("2026-11-20T10-02-05_000Z-cart.rs-replace.json"), foreign.to_string()).expect("written");
    for (name, text) in [("2026-11-20T10-02-06_000Z-cart.rs-replace.json", "{"), ("x-cart.rs-replace.json", "[]")] {
        fs::write(checkpoints.join(name), text).expect("written");
    }
    let text: String = log.iter().map(|line| format!("{line}\n")).collect();
    fs::write(chats.join("session-2026-11-20T10-00-11111111.jsonl"), text).expect("written");
    (home, file, id)
}

#[test]
fn checkpoints_of_gemini_cli_are_contents_before_its_calls() {
    let (home, file, id) = with_checkpoints();
    let run = |home: &Home, args: &[&str]| {
        let mut command = super::cli::salon(home, args);
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).output().expect("salon")
    };
    let listed = output_json(&run(&home, &["file", &id, "--json"]));
    let entries: Vec<_> = listed["files"][0]["entries"].as_array().expect("entries").clone();
    let entries: Vec<usize> =
        entries.iter().map(|entry| usize::try_from(entry.as_u64().expect("a number")).expect("small")).collect();
    assert_eq!(entries.len(), 3, "{listed}");
    // Nothing of it is on the disk any more.
    fs::remove_file(&file).expect("removed");
    let at = |entry: usize| {
        let shown = run(&home, &["file", &id, "cart.rs", "--at", &entry.to_string()]);
        assert_eq!(code(&shown), 0, "{}", text(&shown.stderr));
        text(&shown.stdout)
    };
    assert_eq!(at(entries[0] - 1), "a < b and more\n", "before the first call");
    assert_eq!(at(entries[0]), "a <= b and more\n", "after it");
    assert_eq!(at(entries[1] - 1), "a < b again\n", "changed by hand between the turns");
    assert_eq!(at(entries[2]), "a <= b at last\n");
    let difference =
        run(&home, &["file", &id, "cart.rs", "--at", &entries[2].to_string(), "--since", &entries[0].to_string()]);
    let difference = text(&difference.stdout);
    assert!(difference.contains("-a <= b and more\n+a <= b at last\n"), "{difference}");
    // A repository that is gone is no failure.
    fs::remove_dir_all(home.path().join(".gemini/history")).expect("removed");
    assert_eq!(code(&run(&home, &["file", &id, "cart.rs", "--at", &entries[0].to_string()])), 1);
}

#[test]
fn claude_codes_backups_are_found_by_the_lines_that_name_them() {
    let home = Home::of(&["claude/2.1.329"]);
    let id = "0eb326a8-825c-4422-af12-0fa163f5428a";
    let listed = output_json(&run(&home, &["file", id, "--json"]));
    let files = listed["files"].as_array().expect("files");
    let readme = files.iter().find(|file| file["path"].as_str().is_some_and(|path| path.ends_with("README.md")));
    let entries = readme.expect("README.md")["entries"].as_array().expect("entries").clone();
    let last = entries.last().and_then(Value::as_u64).expect("a number");
    let backup = home.path().join(".claude/file-history").join(id).join("34537ab62f4325f2@v1");
    let kept = fs::read_to_string(backup).expect("the backup");
    let before = text(&run(&home, &["file", id, "README.md", "--at", &(last - 1).to_string()]).stdout);
    assert_eq!(before, kept, "the content before the last change");
    let hidden = home.path().join(".claude/file-history");
    fs::rename(&hidden, home.path().join("elsewhere")).expect("moves");
    let without = run(&home, &["file", id, "README.md", "--at", &(last - 1).to_string()]);
    assert!(code(&without) == 0 || code(&without) == 1, "a missing backup is no failure of its own");
}
