//! Rewind: the files go back to before a turn, and what was thrown away comes back byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::domain::changes::{ComparedStates, FileDiff, Restoration};
use salon::domain::run::RunId;
use salon::domain::{Agent, SessionKey, Time};
use salon::git::Repository;
use salon::git::own_repository::OwnRepository;
use salon::runtime::{changes, rewind};
use salon::store::turn_snapshots::{self, TurnSnapshot};
use salon::store::{Store, registry};
use serde_json::Value;

use super::{Transcript, own, salon};
use crate::cli::{code, json as output_json};
use crate::git::repo::{self, Repo};
use crate::support::Home;

/// Records that salon ran the only turn of a session, whose files before it are the current ones.
pub(super) fn record_turn(home: &Home, repo: &Repo, session: &Transcript) {
    let data = home.path().join(".local/share/salon");
    fs::create_dir_all(&data).expect("created");
    let began = Time::parse("2026-11-21T10:00:00Z").expect("a time");
    let store = Store::open(&data.join("state.db"), began).expect("open").store;
    let opened = repo.open();
    let own = OwnRepository::open(&repo.program(), &data.join("git"), &opened.common_dir).expect("opened");
    let before = own.snapshot(&opened).expect("a snapshot");
    own.set_ref(&format!("refs/salon/turns/{before}"), &before).expect("kept");
    let run = RunId("run-1".into());
    let record = registry::RunRecord {
        id: run.clone(),
        agent: Agent::Claude,
        session: Some(SessionKey::new(Agent::Claude, session.id.as_str())),
        cwd: session.cwd.clone(),
        model: None,
        effort: None,
        created: began,
        last_activity: began,
    };
    let (repository, root) = (opened.common_dir.clone(), opened.root.clone());
    let place = (repository.clone(), root.clone());
    let snapshot = TurnSnapshot { run: run.clone(), began, repository, root, before: before.clone(), after: None };
    store.with(|db| registry::record(db, &record)).expect("recorded");
    store.with(|db| turn_snapshots::begin(db, &snapshot)).expect("recorded");
    store.with(|db| turn_snapshots::end(db, (&run, began), (&place.0, &place.1), &before)).expect("recorded");
}

/// Files of a work tree with their contents, without git's own.
pub(super) fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = super::everything(root);
    all.retain(|path, _| !path.starts_with(root.join(".git")));
    all.into_iter().map(|(path, (content, _))| (path, content)).collect()
}

fn outcomes(report: &Value) -> Vec<(&str, &str)> {
    let files = report["files"].as_array().expect("files").iter();
    files.map(|file| (file["path"].as_str().expect("path"), file["outcome"].as_str().expect("outcome"))).collect()
}

#[test]
fn files_go_back_to_before_a_turn_and_forward_again() {
    let (home, repo) = (Home::empty(), Repo::new());
    let session = Transcript::new("aaaa", repo.path()).prompt("p");
    session.write_to(&home);
    repo.write(".gitignore", "*.log\n").write("gone/soon", "kept\n").write("uncommitted", "kept too\n");
    record_turn(&home, &repo, &session);
    let before = files(repo.path());
    repo.write("readme", "changed\n").write("new/deep/file", "x\n").write("ignored.log", "stays\n");
    fs::remove_dir_all(repo.path().join("gone")).expect("removed");
    let after = files(repo.path());
    let (index, head) = (fs::read(repo.path().join(".git/index")).expect("an index"), repo.git(&["rev-parse", "HEAD"]));
    let planned = output_json(&salon(&home, &["rewind", &session.id, "1", "--dry-run", "--json"]));
    let expected = [("gone/soon", "would_restore"), ("new/deep/file", "would_delete"), ("readme", "would_restore")];
    assert_eq!((outcomes(&planned), &planned["undo"]), (expected.to_vec(), &Value::Null));
    assert_eq!(files(repo.path()), after, "a dry run changes nothing");
    let rewound = output_json(&salon(&home, &["rewind", &session.id, "1", "--json"]));
    let mut with_ignored = before.clone();
    with_ignored.insert(repo.path().join("ignored.log"), b"stays\n".to_vec());
    assert_eq!(files(repo.path()), with_ignored);
    assert!(!repo.path().join("new").exists(), "no empty directory is left");
    let undo = rewound["undo"].as_str().expect("a snapshot");
    assert_eq!(code(&salon(&home, &["rewind", &session.id, "--to", undo])), 0);
    assert_eq!(files(repo.path()), after);
    assert_eq!(fs::read(repo.path().join(".git/index")).expect("an index"), index, "the user's index is untouched");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn a_file_that_a_command_changed_is_known_from_salons_snapshots() {
    let (home, repo) = (Home::empty(), Repo::new());
    let session = Transcript::new("aaaa", repo.path()).prompt("Run the formatter").prompt("And now?");
    session.write_to(&home);
    repo.write("readme", "formatted\n");
    record_turn(&home, &repo, &session);
    let id = session.id.as_str();
    repo.write("readme", "changed since\n");
    let shown = |args: &[&str]| salon(&home, &[&["file", id, "readme"], args].concat());
    let first = shown(&["--at", "1"]);
    assert_eq!(String::from_utf8_lossy(&first.stdout), "formatted\n", "{first:?}");
    let json = output_json(&shown(&["--at", "1", "--json"]));
    assert_eq!((&json["entries"], &json["text"]), (&serde_json::json!([]), &"formatted\n".into()));
    let unknown = salon(&home, &["file", id, "elsewhere"]);
    assert!(code(&unknown) == 1 && String::from_utf8_lossy(&unknown.stderr).contains("does not change"), "{unknown:?}");
}

#[test]
fn a_turn_without_a_snapshot_and_a_commit_of_the_user_are_refused() {
    let (home, repo) = (Home::empty(), Repo::new());
    let session = Transcript::new("aaaa", repo.path()).prompt("p");
    session.write_to(&home);
    let error = |args: &[&str]| {
        let refused = salon(&home, &[&["rewind", session.id.as_str(), "--json"], args].concat());
        assert_eq!(code(&refused), 1);
        output_json(&refused)["error"]["message"].as_str().expect("a message").to_owned()
    };
    assert!(error(&["1"]).starts_with("there is no snapshot of turn 1"), "{}", error(&["1"]));
    assert_eq!(error(&["2"]), "there is no turn 2; the session has 1");
    let head = repo.git(&["rev-parse", "HEAD"]);
    assert_eq!(error(&["--to", &head]), format!("salon kept no snapshot {head}"));
    assert_eq!(code(&salon(&home, &["rewind", &session.id])), 2, "a turn or a snapshot is required");
}

#[test]
fn a_directory_that_became_a_link_is_not_followed() {
    let repo = Repo::new();
    repo.write("folder/file", "inside\n").commit("a folder");
    let (own, opened) = (own(&repo), repo.open());
    let before = own.snapshot(&opened).expect("a snapshot");
    let outside = repo.outside().join("outside");
    repo::write(&outside.join("file"), "not yours\n");
    fs::remove_dir_all(repo.path().join("folder")).expect("removed");
    std::os::unix::fs::symlink(&outside, repo.path().join("folder")).expect("a link");
    let current = own.snapshot(&opened).expect("a snapshot");
    let changed = own.restorations(&current, &before).expect("a list");
    own.restore(&opened.root, &before, &changed).expect("checked").expect("restored");
    assert_eq!(fs::read_to_string(repo.path().join("folder/file")).expect("restored"), "inside\n");
    assert_eq!(fs::read_to_string(outside.join("file")).expect("kept"), "not yours\n");
}

/// A state of the files: names that may be directories of others, with contents.
fn tree() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let content = proptest::collection::vec(any::<u8>(), 0..40);
    proptest::collection::btree_map("[a-b]{1,2}(/[a-b\\n é]{1,2}){0,2}", content, 0..6)
}

/// Makes the files of a work tree those of a state, and returns what is there then.
fn apply(repository: &Repository, tree: &BTreeMap<String, Vec<u8>>) -> BTreeMap<PathBuf, Vec<u8>> {
    for path in files(&repository.root).into_keys() {
        fs::remove_file(path).expect("removed");
    }
    for entry in fs::read_dir(&repository.root).expect("a folder").flatten() {
        if entry.file_name() != ".git" && entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).expect("removed");
        }
    }
    for (name, content) in tree {
        let path = repository.root.join(name);
        if fs::create_dir_all(path.parent().expect("a parent")).is_ok() && !path.is_dir() {
            fs::write(&path, content).expect("written");
        }
    }
    files(&repository.root)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_state_comes_back_byte_for_byte_in_any_order(trees in proptest::collection::vec(tree(), 1..4), order in proptest::collection::vec(0usize..4, 1..5)) {
        let repo = Repo::empty();
        let (own, opened) = (own(&repo), repo.open());
        let mut known = Vec::new();
        for tree in &trees {
            let state = apply(&opened, tree);
            known.push((own.snapshot(&opened).expect("a snapshot"), state));
        }
        for at in order {
            let (target, state) = &known[at % known.len()];
            let current = own.snapshot(&opened).expect("a snapshot");
            let changed = own.restorations(&current, target).expect("a list");
            own.restore(&opened.root, target, &changed).expect("checked").expect("restored");
            prop_assert_eq!(&files(&opened.root), state);
        }
    }
}

/// Changes of the work tree since the last commit.
fn since_head(repo: &Repo) -> Vec<FileDiff> {
    let (own, opened) = (own(repo), repo.open());
    let snapshot = own.snapshot(&opened).expect("a snapshot");
    own.diff(&opened.commit("HEAD").expect("a commit"), &snapshot).expect("a diff")
}

fn restore(repo: &Repo, restoration: &Restoration) -> Result<String, String> {
    let (program, folder) = (repo.program(), repo.outside().join("own"));
    rewind::restore((&program, &folder), repo.path(), restoration, Time::from_millis(0))
}

/// Discarding of a hunk of the changes since the current commit.
fn hunk_since_head(repo: &Repo, file: &FileDiff, hunk: usize) -> Restoration {
    let states = ComparedStates { base: repo.git(&["rev-parse", "HEAD"]), until: None };
    Restoration::Hunk(file.clone(), file.hunks[hunk].clone(), states)
}

#[test]
fn a_hunk_is_discarded_alone_and_one_that_changed_meanwhile_is_refused() {
    let repo = Repo::new();
    let name = "with \"quotes\" and\ttab";
    let lines: String = (1..=40).map(|n| format!("line {n}\n")).collect();
    repo.write(name, lines.trim_end()).commit("lines");
    let changed = lines.replace("line 5\n", "five\n").replace("line 40\n", "forty");
    repo.write(name, changed.trim_end());
    let mode = || fs::metadata(repo.path().join(name)).expect("a file").permissions().mode() & 0o777;
    fs::set_permissions(repo.path().join(name), fs::Permissions::from_mode(0o600)).expect("changed");
    repo.git(&["add", name]);
    let index = fs::read(repo.path().join(".git/index")).expect("an index");
    let file = since_head(&repo).remove(0);
    assert_eq!(file.hunks.len(), 2);
    let before = files(repo.path());
    let undo = restore(&repo, &hunk_since_head(&repo, &file, 1)).expect("discarded");
    let text = fs::read_to_string(repo.path().join(name)).expect("readable");
    assert!(text.contains("five\n") && text.ends_with("line 40"), "{text}");
    assert_eq!(mode(), 0o600);
    let error = restore(&repo, &hunk_since_head(&repo, &file, 1)).expect_err("gone");
    assert!(error.ends_with("does not have this change any more, or has changed there since"), "{error}");
    assert_eq!(fs::read_to_string(repo.path().join(name)).expect("readable"), text);
    restore(&repo, &Restoration::Snapshot(undo)).expect("undone");
    assert_eq!(files(repo.path()), before);
    assert_eq!(fs::read(repo.path().join(".git/index")).expect("an index"), index, "the user's index is untouched");
}

#[test]
fn new_changed_and_deleted_files_are_discarded_and_brought_back() {
    let repo = Repo::new();
    repo.write("gone", "x\n").commit("more").write("readme", "changed\n").write("new/file", "n\n");
    fs::remove_file(repo.path().join("gone")).expect("removed");
    let (before, head) = (files(repo.path()), repo.git(&["rev-parse", "HEAD"]));
    let mut undo = Vec::new();
    for file in since_head(&repo) {
        undo.push(restore(&repo, &Restoration::File(file, head.clone())).expect("discarded"));
    }
    assert_eq!(since_head(&repo), []);
    for snapshot in undo.into_iter().rev() {
        restore(&repo, &Restoration::Snapshot(snapshot)).expect("undone");
    }
    assert_eq!(files(repo.path()), before);
}

/// Rewinds the files of a session to before its only turn.
fn rewind_first(home: &Home, session: &Transcript) -> Value {
    output_json(&salon(home, &["rewind", &session.id, "1", "--json"]))
}

#[test]
fn files_whose_content_is_in_no_snapshot_are_left_as_they_are() {
    let (home, repo) = (Home::empty(), Repo::new());
    let session = Transcript::new("aaaa", repo.path()).prompt("p");
    session.write_to(&home);
    repo.write("config", "old\n").write("place", "a file\n").commit("files").write(".env", "KEY=old\n");
    record_turn(&home, &repo, &session);
    // Ignored now, edited where git does not look, and a directory with an ignored file where a file was.
    repo.write(".gitignore", ".env\n").write(".env", "KEY=new\n").write("readme", "changed\n");
    repo.write("config", "new\n").commit("newer").write("config", "mine\n");
    repo.git(&["update-index", "--assume-unchanged", "config"]);
    fs::remove_file(repo.path().join("place")).expect("removed");
    repo.write("place/note", "n\n").write("place/.env", "KEY=other\n");
    let before = files(repo.path());
    let rewound = rewind_first(&home, &session);
    let left: Vec<_> = rewound["left"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(left, [".env", "config", "place"]);
    let at = |name: &str| fs::read_to_string(repo.path().join(name)).expect("readable");
    assert_eq!(at("readme"), "one\ntwo\nthree\n", "other files are restored");
    assert_eq!([at(".env"), at("config"), at("place/.env")], ["KEY=new\n", "mine\n", "KEY=other\n"]);
    let undo = rewound["undo"].as_str().expect("a snapshot");
    assert_eq!(code(&salon(&home, &["rewind", &session.id, "--to", undo])), 0);
    assert_eq!(files(repo.path()), before);
}

#[test]
fn undo_changes_only_the_files_that_were_changed() {
    let repo = Repo::new();
    repo.write("other", "o\n").commit("other").write("readme", "changed\n");
    let (file, head) = (since_head(&repo).remove(0), repo.git(&["rev-parse", "HEAD"]));
    let undo = restore(&repo, &Restoration::File(file, head)).expect("discarded");
    repo.write("other", "edited later\n").write("new", "later too\n");
    restore(&repo, &Restoration::Snapshot(undo)).expect("undone");
    let at = |name: &str| fs::read_to_string(repo.path().join(name)).expect("readable");
    assert_eq!([at("readme"), at("other"), at("new")], ["changed\n", "edited later\n", "later too\n"]);
}

#[test]
fn the_snapshot_of_a_turn_that_never_ended_is_found_and_no_other_turns() {
    let (home, repo) = (Home::empty(), Repo::new());
    let session = Transcript::new("aaaa", repo.path()).prompt("p").prompt("q");
    session.write_to(&home);
    record_turn(&home, &repo, &session);
    let store = home.path().join(".local/share/salon/state.db");
    let store = Store::open(&store, Time::from_millis(0)).expect("open").store;
    let key = SessionKey::new(Agent::Claude, session.id.as_str());
    let first = Time::parse("2026-11-21T10:00:00Z").expect("a time");
    let second = Time::from_millis(first.millis() + 40_000);
    let prompts = [Some(first), Some(second)];
    let found = |turn| changes::snapshot_of(&store, &key, &prompts, turn).map(|snapshot| snapshot.began);
    assert_eq!((found(1), found(2)), (Some(first), None), "the second turn has none of its own");
    let run = RunId("run-1".into());
    let snapshot = store.with(|db| turn_snapshots::of_run(db, &run)).expect("read").remove(0);
    let place = (snapshot.repository.clone(), snapshot.root.clone());
    let crashed = TurnSnapshot { began: second, before: "b".repeat(40), after: None, ..snapshot };
    store.with(|db| turn_snapshots::begin(db, &crashed)).expect("recorded");
    assert_eq!((found(1), found(2)), (Some(first), Some(second)));
    // The end of the first turn comes late.
    store.with(|db| turn_snapshots::end(db, (&run, first), (&place.0, &place.1), "late")).expect("recorded");
    let ends = store.with(|db| turn_snapshots::of_run(db, &run)).expect("read");
    assert_eq!(ends.iter().map(|end| end.after.as_deref()).collect::<Vec<_>>(), [Some("late"), None]);
}

#[test]
fn a_hunk_of_a_file_that_no_snapshot_has_is_not_discarded() {
    let repo = Repo::new();
    repo.write("readme", "one\nTWO\nthree\n");
    let file = since_head(&repo).remove(0);
    let discard = || restore(&repo, &hunk_since_head(&repo, &file, 0));
    let mut long = "one\nTWO\nthree\n".to_owned();
    long.push_str(&"x".repeat(101 << 20));
    repo.write("readme", &long);
    assert_eq!(discard().expect_err("too large"), format!("readme is left as it is: {}", rewind::NOT_KEPT));
    assert_eq!(fs::read(repo.path().join("readme")).expect("a file").len(), long.len());
    repo.write("readme", "one\nTWO\nthree\n");
    discard().expect("discarded");
    assert_eq!(fs::read_to_string(repo.path().join("readme")).expect("a file"), "one\ntwo\nthree\n");
}

#[test]
fn a_hunk_that_is_no_text_is_not_discarded() {
    let repo = Repo::new();
    fs::write(repo.path().join("readme"), b"caf\xe9\n").expect("written");
    repo.commit("latin");
    let lines: String = (1..=20).map(|n| format!("line {n}\n")).collect();
    repo.write("readme", &format!("cafe\n{lines}"));
    let file = since_head(&repo).remove(0);
    let error = restore(&repo, &hunk_since_head(&repo, &file, 0)).expect_err("no text");
    assert_eq!(error, "readme is not UTF-8 text; discard the whole file instead");
    assert!(fs::read_to_string(repo.path().join("readme")).expect("unchanged").starts_with("cafe\n"));
}

/// Takes a snapshot, changes the files, and brings them back. Returns their bytes before and after.
pub(super) fn back_after(repo: &Repo, change: impl FnOnce()) -> [BTreeMap<PathBuf, Vec<u8>>; 2] {
    let (own, opened) = (own(repo), repo.open());
    let held = files(repo.path());
    let before = own.snapshot(&opened).expect("a snapshot");
    change();
    let changed = files(repo.path());
    let current = own.snapshot(&opened).expect("a snapshot");
    let list = own.check(&opened.root, own.restorations(&current, &before).expect("a list")).expect("checked");
    assert_eq!(list.left, Vec::<PathBuf>::new());
    let names: Vec<&Path> = list.safe.iter().map(|file| file.path.as_path()).collect();
    let undo = own.keep_undo("refs/salon/undo/1", &current, &names).expect("kept");
    own.restore(&opened.root, &before, &list.safe).expect("checked").expect("restored");
    let restored = files(repo.path());
    // The change is taken back in turn.
    let current = own.snapshot(&opened).expect("a snapshot");
    let mut back = own.restorations(&current, &undo).expect("a list");
    own.retain_named(&undo, &mut back).expect("read");
    let back = own.check(&opened.root, back).expect("checked").safe;
    own.restore(&opened.root, &undo, &back).expect("checked").expect("restored");
    assert_eq!(files(repo.path()), changed);
    [held, restored]
}

#[test]
fn files_that_git_converts_come_back_byte_for_byte() {
    let attributes = "* text=auto\n*.id ident\n*.crlf text eol=crlf\n*.u16 text working-tree-encoding=UTF-16LE-BOM\n";
    let utf16 =
        |text: &str| [&b"\xff\xfe"[..], &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
    for config in [None, Some("input"), Some("true")] {
        let repo = Repo::new();
        if let Some(value) = config {
            repo.git(&["config", "core.autocrlf", value]);
        } else {
            repo.write(".gitattributes", attributes);
        }
        repo.write("a.txt", "one\r\ntwo\r\n").write("mixed.txt", "one\r\ntwo\n").write("lf.txt", "one\ntwo\n");
        repo.write("e.id", "$Id$\n").write("f.crlf", "one\r\n").commit("files");
        fs::remove_file(repo.path().join("e.id")).expect("removed");
        repo.git(&["checkout", "--quiet", "--", "e.id"]);
        repo.write("new.txt", "new\r\nfile\r\n");
        fs::write(repo.path().join("g.u16"), utf16("one\n")).expect("written");
        let [held, restored] = back_after(&repo, || {
            repo.write("a.txt", "one\r\n2\r\n").write("mixed.txt", "1\n").write("lf.txt", "1\r\n");
            repo.write("e.id", "$Id: mine$\nx\n").write("f.crlf", "two\r\n").write("new.txt", "old\r\n");
            fs::write(repo.path().join("g.u16"), utf16("two\n")).expect("written");
        });
        assert_eq!(restored, held, "{config:?}");
        // Only the ends of the lines change.
        let [held, restored] = back_after(&repo, || {
            repo.write("a.txt", "one\ntwo\n").write("lf.txt", "one\r\ntwo\r\n").write("new.txt", "new\nfile\n");
        });
        assert_eq!(restored, held, "{config:?}");
    }
}

#[test]
fn a_file_of_a_filter_that_only_the_repository_configures_comes_back() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.secret filter=crypt\n");
    repo.git(&["config", "filter.crypt.clean", "tr a-z A-Z"]);
    repo.git(&["config", "filter.crypt.smudge", "tr A-Z a-z | sed 's/^/plain: /'"]);
    repo.write("a.secret", "text\n").commit("encrypted");
    fs::remove_file(repo.path().join("a.secret")).expect("removed");
    repo.git(&["checkout", "--quiet", "--", "a.secret"]);
    assert_eq!(fs::read_to_string(repo.path().join("a.secret")).expect("a file"), "plain: text\n");
    let [held, restored] = back_after(&repo, || {
        repo.write("a.secret", "changed\n");
    });
    assert_eq!(restored, held);
}

#[test]
fn a_private_file_stays_private_and_a_lost_object_changes_nothing() {
    let repo = Repo::new();
    repo.write("secret", "old\n");
    let (own, opened) = (own(&repo), repo.open());
    let before = own.snapshot(&opened).expect("a snapshot");
    repo.write("secret", "new\n").write("added", "a\n");
    let path = repo.path().join("secret");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("private");
    let current = own.snapshot(&opened).expect("a snapshot");
    let checked = || own.check(&opened.root, own.restorations(&current, &before).expect("a list")).expect("checked");
    let changed = checked().safe;
    own.restore(&opened.root, &before, &changed).expect("checked").expect("restored");
    assert_eq!(fs::read_to_string(&path).expect("readable"), "old\n");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    repo.write("secret", "new\n").write("added", "a\n");
    let changed = checked().safe;
    repo.write("copy", "old\n");
    let blob = repo.git(&["hash-object", "copy"]);
    fs::remove_file(repo.path().join("copy")).expect("removed");
    fs::remove_file(own.path.join("objects").join(&blob[..2]).join(&blob[2..])).expect("removed");
    let held = files(repo.path());
    own.restore(&opened.root, &before, &changed).expect_err("an object is missing");
    assert_eq!(files(repo.path()), held);
}

#[test]
fn a_split_index_is_no_obstacle() {
    let repo = Repo::new();
    repo.write("a", "a\n").commit("a").git(&["update-index", "--split-index"]);
    repo.write("b", "b\n").git(&["add", "b"]);
    let names: Vec<_> = since_head(&repo).into_iter().map(|file| file.path).collect();
    assert_eq!(names, ["b"]);
}
