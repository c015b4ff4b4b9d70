//! Changes of sessions: what a transcript says, what the files say, and who made which change.

mod git_menu;
mod hunks;
mod kept;
mod model;
mod raw_files;
mod revert;
mod review;
mod rewind;
mod rewind_plan;
mod screen;
mod together;
mod turn_discard;
mod turns;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use salon::domain::changes::{FileDiff, FileDiffStatus, HunkAuthor, SessionEdit, attribute, from_edits, parse_hunks};
use salon::domain::tool::{ChangeKind, FileChange};
use salon::domain::{Agent, SessionKey};
use salon::git::own_repository::OwnRepository;
use serde_json::{Value, json};

use crate::cli::{code, json as output_json};
use crate::git::repo::{self, Repo};
use crate::support::Home;

/// A transcript of Claude Code that grows by prompts and edits.
pub(crate) struct Transcript {
    pub(crate) id: String,
    cwd: String,
    lines: Vec<Value>,
}

impl Transcript {
    pub(crate) fn new(id: &str, cwd: &Path) -> Self {
        Self {
            id: format!("{id}{id}{id}{id}-0000-4000-8000-000000000000"),
            cwd: cwd.to_string_lossy().into(),
            lines: Vec::new(),
        }
    }

    fn record(&mut self, kind: &str, message: &Value) {
        let at = self.lines.len();
        let parent = at.checked_sub(1).map(|at| format!("{}-{at}", self.id));
        self.lines.push(json!({
            "parentUuid": parent, "isSidechain": false, "type": kind, "message": message, "uuid": format!("{}-{at}", self.id),
            "timestamp": format!("2026-11-21T10:00:{at:02}.000Z"), "userType": "external", "cwd": self.cwd,
            "sessionId": self.id, "version": "2.1.329",
        }));
    }

    pub(crate) fn prompt(mut self, text: &str) -> Self {
        self.record("user", &json!({"role": "user", "content": text}));
        self
    }

    fn tool(mut self, name: &str, input: &Value, is_error: bool) -> Self {
        let call = format!("toolu_{}_{}", self.id, self.lines.len());
        let content = json!([{"type": "tool_use", "id": call, "name": name, "input": input}]);
        let usage = json!({"input_tokens": 1, "output_tokens": 1});
        let id = format!("msg_{}_{}", self.id, self.lines.len());
        self.record(
            "assistant",
            &json!({"id": id, "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": content, "usage": usage}),
        );
        let result = json!([{"type": "tool_result", "tool_use_id": call, "content": "ok", "is_error": is_error}]);
        self.record("user", &json!({"role": "user", "content": result}));
        self
    }

    pub(crate) fn edit(self, path: &Path, old: &str, new: &str) -> Self {
        let input = json!({"file_path": path, "old_string": old, "new_string": new});
        self.tool("Edit", &input, false)
    }

    fn write_to(&self, home: &Home) {
        self.write_below(home.path());
    }

    pub(crate) fn write_below(&self, home: &Path) {
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        repo::write(&home.join(format!(".claude/projects/-x/{}.jsonl", self.id)), &text);
    }
}

fn salon(home: &Home, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).env_clear().env("HOME", home.path()).env("PATH", std::env::var("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).output().expect("salon")
}

fn paths(report: &Value) -> Vec<(&str, &str)> {
    let files = report["files"].as_array().expect("files");
    files
        .iter()
        .map(|file| (file["path"].as_str().expect("a path"), file["status"].as_str().expect("a status")))
        .collect()
}

#[test]
fn edits_of_a_transcript_are_shown_by_turn_and_as_a_whole() {
    let (home, repo) = (Home::empty(), Repo::new());
    let at = |name: &str| repo.path().join(name);
    let session = Transcript::new("aaaa", repo.path())
        .prompt("first")
        .tool("Write", &json!({"file_path": at("new"), "content": "a\nb\n"}), false)
        .tool("Write", &json!({"file_path": at("denied"), "content": "x\n"}), true)
        .prompt("second")
        .edit(&at("readme"), "two\n", "TWO\n")
        .edit(Path::new("/elsewhere/x"), "1", "2");
    session.write_to(&home);
    let all = output_json(&salon(&home, &["diff", &session.id, "--json"]));
    assert_eq!(all["source"], "edits");
    assert_eq!(paths(&all), [("new", "added"), ("readme", "modified"), ("/elsewhere/x", "modified")]);
    let second = output_json(&salon(&home, &["diff", &session.id, "--turn", "2", "--json"]));
    assert_eq!(paths(&second), [("readme", "modified"), ("/elsewhere/x", "modified")]);
    let hunk = &second["files"][0]["hunks"][0];
    assert_eq!(hunk["lines"], json!(["-two", "+TWO"]));
    assert_eq!((&hunk["by"][0]["turn"], &hunk["by"][0]["session"]), (&json!(2), &json!(session.id)));
    let entry = hunk["by"][0]["entry"].as_u64().expect("a number");
    let shown = output_json(&salon(&home, &["show", &session.id, "--json"]));
    let entry =
        shown["entries"].as_array().expect("entries").iter().find(|shown| shown["n"] == entry).expect("an entry");
    assert_eq!(entry["tool"]["input"]["new_string"], "TWO\n", "the entry leads back to the edit");
    let text = String::from_utf8(salon(&home, &["diff", &session.id, "--turn", "1"]).stdout).expect("text");
    assert!(
        text.starts_with("new (added, +2 -0)\n@@ -0,0 +1,2 @@  claude:aaaa") && text.contains("\n+a\n+b\n"),
        "{text}"
    );
    assert_eq!(
        output_json(&salon(&home, &["diff", &session.id, "--turn", "9", "--json"]))["error"]["code"],
        "not_found"
    );
}

#[test]
fn e30_each_hunk_names_the_sessions_that_made_it_and_hand_made_ones_are_called_so() {
    let (home, repo) = (Home::empty(), Repo::new());
    let lines: String = (1..=60).map(|n| format!("line {n}\n")).collect();
    repo.write("code", &lines).commit("code");
    let at = repo.path().join("code");
    let first = Transcript::new("aaaa", repo.path()).prompt("p").edit(&at, "line 5\n", "by the first\n");
    let second = Transcript::new("bbbb", repo.path()).prompt("p").prompt("q").edit(&at, "line 30\n", "by the second\n");
    let both = second.edit(&at, "by the first\n", "rewritten by the second\n");
    first.write_to(&home);
    both.write_to(&home);
    let changed = lines
        .replace("line 5\n", "rewritten by the second\n")
        .replace("line 30\n", "by the second\n")
        .replace("line 55\n", "by hand\n");
    repo.write("code", &changed).write("by hand too", "x\n");
    let report = output_json(&salon(&home, &["diff", &first.id, "--since", "HEAD", "--json"]));
    assert_eq!(report["source"], "files");
    assert_eq!(paths(&report), [("by hand too", "added"), ("code", "modified")]);
    let hunks = report["files"][1]["hunks"].as_array().expect("hunks");
    let by = |hunk: &Value| -> Vec<(String, u64)> {
        let authors = hunk["by"].as_array().expect("authors").iter();
        authors
            .map(|author| {
                (author["session"].as_str().expect("id")[..4].to_owned(), author["turn"].as_u64().expect("turn"))
            })
            .collect()
    };
    let of = |id: &str, turn| (id.to_owned(), turn);
    assert_eq!(by(&hunks[0]), [of("aaaa", 1), of("bbbb", 2)], "one removed the line, the other wrote it");
    assert_eq!((by(&hunks[1]), &hunks[1]["unknown"]), (vec![of("bbbb", 2)], &json!(0)));
    assert_eq!((by(&hunks[2]), &hunks[2]["unknown"]), (vec![], &json!(2)));
    let text = String::from_utf8(salon(&home, &["diff", &first.id, "--since", "HEAD"]).stdout).expect("text");
    assert!(text.contains("@@ -52,7 +52,7 @@  by hand or unknown\n"), "{text}");
    // What was committed is not offered again.
    repo.commit("accepted");
    let report = output_json(&salon(&home, &["diff", &first.id, "--since", "HEAD", "--json"]));
    assert_eq!(paths(&report), []);
}

#[test]
fn a_directory_without_a_repository_is_refused_with_the_reason() {
    let (home, repo) = (Home::empty(), Repo::new());
    let session = Transcript::new("aaaa", &repo.outside()).prompt("p");
    session.write_to(&home);
    let refused = salon(&home, &["diff", &session.id, "--since", "HEAD", "--json"]);
    assert_eq!(code(&refused), 1);
    let message = output_json(&refused)["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.ends_with("is not in a git repository"), "{message}");
}

/// Opens salon's own repository for a scratch one.
fn own(repo: &Repo) -> OwnRepository {
    OwnRepository::open(&repo.program(), &repo.outside().join("own"), &repo.open().common_dir).expect("opened")
}

#[test]
fn a_snapshot_has_tracked_and_untracked_files_and_writes_nothing_of_the_users() {
    let repo = Repo::new();
    repo.write(".gitignore", "*.log\n").write("gone", "x\n").write("b/c", "1\n").commit("more");
    repo.write("readme", "changed\n").write("new", "n\n").write("x.log", "ignored\n");
    fs::remove_file(repo.path().join("gone")).expect("removed");
    let strange = repo.path().join(std::ffi::OsStr::from_bytes(b"a\n\xff\t\""));
    fs::write(&strange, "s\n").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("link")).expect("a link");
    repo.git(&["add", "readme"]);
    let before = everything(&repo.path().join(".git"));
    let (own, opened) = (own(&repo), repo.open());
    let commit = own.snapshot(&opened).expect("a snapshot");
    assert!(everything(&repo.path().join(".git")) == before, "the user's repository is untouched");
    let changes = own.diff(&opened.commit("HEAD").expect("a commit"), &commit).expect("a diff");
    let named: Vec<_> = changes.iter().map(|file| (file.path.as_str(), file.status)).collect();
    let (added, modified) = (FileDiffStatus::Added, FileDiffStatus::Modified);
    let expected = [
        ("a\\n\\xff\\t\\\"", added),
        ("gone", FileDiffStatus::Deleted),
        ("link", added),
        ("new", added),
        ("readme", modified),
    ];
    assert_eq!(named, expected);
    assert_eq!(changes[4].hunks[0].lines, ["-one", "-two", "-three", "+changed"]);
    assert_eq!(own.snapshot(&opened).expect("again"), commit, "equal files are one snapshot");
}

#[test]
fn a_snapshot_needs_no_commit_and_leaves_out_repositories_within_and_large_files() {
    let repo = Repo::empty();
    repo.write("a", "1\n");
    let inner = repo.path().join("inner");
    repo.git(&["init", "--quiet", "inner"]);
    repo::write(&inner.join("x"), "");
    let large = fs::File::create(repo.path().join("large")).expect("created");
    // Without content, the file costs nothing.
    large.set_len(4 << 30).expect("a size");
    let own = own(&repo);
    let commit = own.snapshot(&repo.open()).expect("a snapshot");
    let files = own.command("ls-tree").args(["-r", "--name-only", &commit]).run().expect("a list");
    assert_eq!(String::from_utf8_lossy(&files), "a\n");
}

#[test]
fn a_file_that_becomes_a_link_and_a_binary_one_are_one_file_each() {
    let repo = Repo::new();
    repo.write("binary", "\0\u{1}").commit("binary");
    fs::remove_file(repo.path().join("readme")).expect("removed");
    std::os::unix::fs::symlink("binary", repo.path().join("readme")).expect("a link");
    repo.write("binary", "\0\u{2}").write("z", "diff --git a/x b/x\n@@ -1 +1 @@\n");
    let own = own(&repo);
    let commit = own.snapshot(&repo.open()).expect("a snapshot");
    let changes = own.diff(&repo.open().commit("HEAD").expect("a commit"), &commit).expect("a diff");
    let named: Vec<_> = changes.iter().map(|file| (file.path.as_str(), file.is_binary, file.hunks.len())).collect();
    assert_eq!(named, [("binary", true, 0), ("readme", false, 2), ("z", false, 1)]);
    assert_eq!(changes[2].hunks[0].lines, ["+diff --git a/x b/x", "+@@ -1 +1 @@"]);
}

#[test]
fn a_repository_with_sha256_objects_has_snapshots() {
    let repo = Repo::new();
    fs::remove_dir_all(repo.path().join(".git")).expect("removed");
    repo.git(&["init", "--quiet", "--object-format=sha256"]);
    repo.commit("first").write("readme", "changed\n");
    let (own, opened) = (own(&repo), repo.open());
    let commit = own.snapshot(&opened).expect("a snapshot");
    assert_eq!(commit.len(), 64);
    let changes = own.diff(&opened.commit("HEAD").expect("a commit"), &commit).expect("a diff");
    assert_eq!(changes.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["readme"]);
    own.archive(&opened, "refs/salon/archive/x").expect("archived");
}

#[test]
fn the_end_of_an_edits_text_is_not_taken_for_the_end_of_the_file() {
    let author = HunkAuthor { session: SessionKey::new(Agent::Claude, "a"), turn: 1, entry: 2 };
    let kind = ChangeKind::Replace(vec![("let a = 1;".to_owned(), "let a = 2;\nlet b = 3;".to_owned())]);
    let edit = SessionEdit { author, time: None, change: FileChange { path: "/x/main.rs".to_owned(), kind } };
    let changes = from_edits(&[edit]);
    assert_eq!(changes.files[0].hunks[0].lines, ["-let a = 1;", "+let a = 2;", "+let b = 3;"]);
}

#[test]
fn a_bracket_alone_names_no_author() {
    let author = HunkAuthor { session: SessionKey::new(Agent::Claude, "a"), turn: 1, entry: 2 };
    let kind = ChangeKind::Replace(vec![(String::new(), "fn old() {\n}\n".to_owned())]);
    let edit = SessionEdit { author, time: None, change: FileChange { path: "/x/main.rs".to_owned(), kind } };
    let file = |hunk: &str| {
        let hunks = parse_hunks(hunk.lines());
        let (path, status) = ("main.rs".to_owned(), FileDiffStatus::Modified);
        let mut file = FileDiff { path, status, is_binary: false, is_large: false, hunks };
        attribute(&mut file, &[&edit]);
        (file.hunks[0].authors.len(), file.hunks[0].unknown)
    };
    assert_eq!(file("@@ -1 +1,2 @@\n+fn by_hand() {\n+}"), (0, 1));
    assert_eq!(file("@@ -1 +1,2 @@\n+fn old() {\n+}"), (1, 0));
    assert_eq!(file("@@ -1 +1 @@\n+}"), (1, 0), "there is nothing else");
}

#[test]
fn hunks_are_parsed_with_and_without_headers() {
    let hunks = parse_hunks("--- a\n+++ b\n@@ -3,2 +4 @@ fn x\n a\n-b\n\\ No newline\n@@ -9 +9 @@\n+c".lines());
    assert_eq!((hunks.len(), hunks[0].old_start, hunks[0].new_start), (2, Some(3), Some(4)));
    assert_eq!(hunks[0].lines, [" a", "-b", "\\ No newline"]);
    assert_eq!(hunks[0].header(), "@@ -3,2 +4,1 @@");
    let bare = parse_hunks("+a\n\n-b".lines());
    assert_eq!((bare.len(), bare[0].lines.join("|")), (1, "+a| |-b".to_owned()));
    assert_eq!(bare[0].header(), "@@");
}

/// All files of a directory, with their contents and times.
fn everything(root: &Path) -> BTreeMap<std::path::PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let time = path.metadata().and_then(|metadata| metadata.modified()).expect("a time");
                all.insert(path.clone(), (fs::read(&path).expect("readable"), time));
            }
        }
    }
    all
}

#[test]
fn edits_and_prompts_are_those_of_the_branch_that_is_read() {
    let home = Home::empty();
    let cwd = Path::new("/home/ann/shop");
    let mut shown = Transcript::new("bbbb", cwd)
        .prompt("first")
        .edit(&cwd.join("one"), "a\n", "b\n")
        .prompt("second")
        .edit(&cwd.join("two"), "a\n", "b\n");
    let rewound = shown.lines.len();
    shown = shown.prompt("another way").edit(&cwd.join("three"), "a\n", "b\n");
    // It continues from before the second prompt.
    shown.lines[rewound]["parentUuid"] = json!(format!("{}-2", shown.id));
    shown.write_to(&home);
    let mut session = crate::screens::stage::session(Agent::Claude, &shown.id, "Fix it", 5);
    session.path = home.path().join(format!(".claude/projects/-x/{}.jsonl", shown.id));
    session.cwd = shown.cwd.as_str().into();
    let edited = |branch| {
        let found = salon::runtime::changes::edits(&session, branch, &home.path().join("state.db")).expect("edits");
        let names = found.edits.iter().filter_map(|edit| Path::new(&edit.change.path).file_name()?.to_str());
        (found.prompts.len(), names.map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(edited(Some(0)), (2, vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(edited(Some(1)), (2, vec!["one".to_owned(), "three".to_owned()]));
    assert_eq!(edited(None), edited(Some(1)), "the newest one");
}
