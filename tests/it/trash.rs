//! Trash: what is removed can be brought back byte for byte, and nothing else is touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::app::{Effect, Msg};
use salon::domain::run::RunId;
use salon::domain::trash_item::{TrashContent, TrashItem};
use salon::domain::trash_result::TrashResult;
use salon::domain::{Agent, Session, SessionKey, Time};
use salon::store::{Store, outbox, registry, trash};
use serde_json::{Value, json};

use super::cli::{code, json as output_json, run};
use super::screens::live::{self, SESSION};
use super::screens::stage::{NOW, Stage, change, session};
use crate::support::Home;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

const CLAUDE: &str = "claude/2.1.329";

/// Returns all files below a directory with their contents, without salon's own.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = all_files(root);
    all.retain(|path, _| !path.to_string_lossy().contains("/salon/"));
    all
}

/// Returns all files below a directory with their contents.
pub fn all_files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(path.clone(), fs::read(&path).expect("readable"));
            }
        }
    }
    all
}

pub fn listed(home: &Home) -> Vec<Value> {
    output_json(&run(home, &["list", "--json", "--hidden"]))["sessions"].as_array().expect("sessions").clone()
}

pub fn ids(home: &Home) -> Vec<String> {
    listed(home).iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect()
}

pub fn is_subagent(session: &Value) -> bool {
    session["flags"].as_array().is_some_and(|flags| flags.contains(&json!("subagent")))
}

#[test]
fn a23_each_session_goes_to_the_trash_with_its_files_and_comes_back_byte_for_byte() {
    let home = Home::of(&[CLAUDE, "codex/0.169.0", "gemini/0.61.0", "opencode/1.18.33"]);
    let (before, all) = (files(home.path()), listed(&home));
    for session in all.iter().filter(|session| !is_subagent(session)) {
        let id = format!("{}:{}", session["agent"].as_str().expect("agent"), session["id"].as_str().expect("id"));
        let trashed = output_json(&run(&home, &["trash", &id, "--json"]));
        let outcome = trashed["sessions"][0]["outcome"].as_str().expect("an outcome").to_owned();
        let moved = session["agent"] != "opencode";
        assert_eq!(outcome, if moved { "trashed" } else { "hidden" }, "{trashed}");
        assert!(!ids(&home).contains(&session["id"].as_str().expect("id").to_owned()), "{id} is listed");
        assert_eq!(files(home.path()) == before, !moved, "{id}");
        assert_eq!(
            output_json(&run(&home, &["trash", "--list", "--json"]))["sessions"].as_array().map(Vec::len),
            Some(1)
        );
        let restored = output_json(&run(&home, &["restore", &id, "--json"]));
        assert_eq!(restored["sessions"][0]["outcome"], "restored");
        assert!(files(home.path()) == before, "{id} differs after it was restored");
    }
    let keys = |all: &[Value]| all.iter().map(|session| session["id"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&listed(&home)), keys(&all));
}

#[test]
fn a23_a_path_as_an_id_a_sub_agent_and_an_open_session_are_refused() {
    let home = Home::of(&[CLAUDE]);
    let before = files(home.path());
    for id in ["../../x", "/etc/passwd", "claude:../../x"] {
        assert_eq!(code(&run(&home, &["trash", id])), 1, "{id}");
        assert_eq!(code(&run(&home, &["restore", id])), 1, "{id}");
    }
    let subagent = listed(&home).into_iter().find(is_subagent).expect("a sub-agent");
    let refused = output_json(&run(&home, &["trash", subagent["id"].as_str().expect("id"), "--json"]));
    assert_eq!(refused["sessions"][0]["outcome"], "refused");
    assert!(files(home.path()) == before);
}

#[test]
fn a_query_selects_many_and_a_dry_run_changes_nothing() {
    let home = Home::of(&[CLAUDE, "codex/0.169.0"]);
    let before = files(home.path());
    let planned = output_json(&run(&home, &["trash", "--query", "agent:codex", "--dry-run", "--json"]));
    let count = planned["sessions"].as_array().expect("sessions").len();
    assert!(count > 1 && planned["sessions"][0]["outcome"] == "would_trash", "{planned}");
    assert!(files(home.path()) == before);
    assert_eq!(code(&run(&home, &["trash", "--query", "agent:codex"])), 0);
    let moved = files(home.path());
    let outcomes = |args: &[&str]| {
        let report = output_json(&run(&home, &[&["restore", "--json", "--query"], args].concat()));
        let rows = report["sessions"].as_array().expect("sessions").iter();
        rows.map(|row| row["outcome"].as_str().expect("an outcome").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&["agent:codex", "--dry-run"]), vec!["would_restore"; count]);
    assert_eq!(outcomes(&["agent:claude"]), Vec::<String>::new());
    assert_eq!(code(&run(&home, &["restore", "--query", "agent:nobody"])), 2);
    assert!(files(home.path()) == moved);
    assert_eq!(outcomes(&["agent:codex"]), vec!["restored"; count]);
    assert!(files(home.path()) == before, "each came back");
    assert_eq!(code(&run(&home, &["trash", "--query", "agent:codex"])), 0);
    assert_eq!(code(&run(&home, &["trash", "--empty"])), 2, "a permanent deletion needs --yes");
    let deleted = output_json(&run(&home, &["trash", "--empty", "--yes", "--json"]));
    assert_eq!(deleted["sessions"].as_array().expect("sessions").len(), count);
    assert!(output_json(&run(&home, &["trash", "--list", "--json"]))["sessions"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn empty_tiny_and_old_sessions_are_selected_by_a_query_that_names_them() {
    let home = Home::of(&[CLAUDE]);
    let folder = home.path().join(".claude/projects/-home-dev-shop-api");
    let (empty, tiny) = ("00000000-0000-4000-8000-00000000000e", "00000000-0000-4000-8000-00000000000f");
    let meta = json!({"type": "custom-title", "customTitle": "nothing", "sessionId": empty});
    fs::write(folder.join(format!("{empty}.jsonl")), format!("{meta}\n")).expect("written");
    let prompt = json!({"parentUuid": null, "isSidechain": false, "type": "user", "uuid": "t1", "cwd": "/home/dev/shop-api",
        "timestamp": "2025-01-01T00:00:00.000Z", "sessionId": tiny, "version": "2.1.329", "entrypoint": "cli",
        "message": {"role": "user", "content": "hi"}});
    fs::write(folder.join(format!("{tiny}.jsonl")), format!("{prompt}\n")).expect("written");
    let selected = |query: &str| {
        let planned = output_json(&run(&home, &["trash", "--query", query, "--dry-run", "--json"]));
        let rows = planned["sessions"].as_array().unwrap_or_else(|| panic!("{planned}")).clone();
        rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert!(selected("is:empty").contains(&empty.to_owned()));
    assert!(!selected("turns:0..1").contains(&empty.to_owned()), "hidden sessions are chosen by name only");
    assert_eq!(selected("-since:2025-06-01"), [tiny]);
    assert!(selected("turns:<2 tokens:<1").contains(&tiny.to_owned()));
    assert_eq!(code(&run(&home, &["trash", "--query", "is:empty"])), 0);
    assert!(!folder.join(format!("{empty}.jsonl")).exists());
    assert_eq!(code(&run(&home, &["restore", empty])), 0);
    assert!(folder.join(format!("{empty}.jsonl")).exists());
}

#[test]
fn a_newer_file_is_never_replaced() {
    let home = Home::of(&["codex/0.169.0"]);
    let session = listed(&home)[0].clone();
    let (id, path) = (session["id"].as_str().expect("id"), session["path"].as_str().expect("path"));
    assert_eq!(code(&run(&home, &["trash", id])), 0);
    fs::write(path, "newer\n").expect("written");
    let refused = output_json(&run(&home, &["restore", id, "--json"]));
    assert_eq!(refused["sessions"][0]["outcome"], "refused");
    assert!(
        refused["sessions"][0]["reason"].as_str().is_some_and(|reason| reason.contains("exists again")),
        "{refused}"
    );
    assert_eq!(fs::read(path).expect("readable"), b"newer\n");
    fs::remove_file(path).expect("removed");
    assert_eq!(code(&run(&home, &["restore", id])), 0);
    assert_ne!(fs::read(path).expect("readable"), b"newer\n");
}

#[test]
fn a_move_that_fails_in_the_middle_is_undone() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let (file, missing) = (dir.path().join("a.jsonl"), dir.path().join("gone.jsonl"));
    fs::write(&file, "kept").expect("written");
    let store = Store::open(&dir.path().join("state.db"), NOW).expect("open").store;
    let (key, root) = (SessionKey::new(Agent::Claude, "a"), dir.path().join("trash"));
    let own = [file.clone(), missing];
    let moved = store.with(|db| Ok(trash::trash(db, &root, (&key, "title"), Some(&own), NOW))).expect("store");
    assert!(moved.is_err_and(|error| error.to_string().contains("gone.jsonl")));
    assert_eq!(fs::read(&file).expect("where it was"), b"kept");
    assert!(store.with(|db| trash::list(db)).expect("list").is_empty());
    assert_eq!(fs::read_dir(&root).expect("the trash").count(), 0, "no folder is left");
}

#[test]
fn d16_queued_prompts_are_asked_about_and_then_cancelled() {
    let home = Home::of(&["codex/0.169.0"]);
    let id = ids(&home)[0].clone();
    // The first command creates the database.
    assert_eq!(code(&run(&home, &["star", &id])), 0);
    let data = home.path().join(".local/share/salon/state.db");
    let store = Store::open(&data, NOW).expect("open").store;
    let key = SessionKey::new(Agent::Codex, id.as_str());
    let record = registry::RunRecord {
        id: RunId("run-1".into()),
        agent: Agent::Codex,
        session: Some(key.clone()),
        cwd: "/srv".into(),
        model: None,
        effort: None,
        created: NOW,
        last_activity: NOW,
    };
    store.with(|db| registry::record(db, &record)).expect("recorded");
    store.with(|db| outbox::enqueue(db, &record.id, "still to be said", NOW)).expect("queued");
    let refused = output_json(&run(&home, &["trash", &id, "--json"]));
    assert_eq!(refused["sessions"][0]["reason"], "1 prompt is queued for it");
    assert_eq!(code(&run(&home, &["trash", &id, "--cancel-queued"])), 0);
    assert!(store.with(|db| outbox::all_queued(db)).expect("read").is_empty());
}

fn stage() -> Stage {
    let mut stage = Stage::new(100, 24);
    let rows: Vec<Session> =
        [("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")].map(|(id, title)| session(Agent::Claude, id, title, 5)).into();
    stage.send(Msg::Catalog(change(rows)));
    stage.take_effects();
    stage
}

#[test]
fn keys_move_the_marked_sessions_to_the_trash_and_undo() {
    let mut stage = stage();
    stage.keys("space space d");
    let effects = stage.take_effects();
    let Some(Effect::Trash { keys, cancel_queued: false }) =
        effects.iter().find(|effect| matches!(effect, Effect::Trash { .. }))
    else {
        panic!("{effects:?}")
    };
    assert_eq!(keys.len(), 2);
    let done = keys.iter().map(|key| (key.clone(), "A title".to_owned())).collect();
    stage.send(Msg::Trashed(TrashResult { done, ..TrashResult::default() }));
    assert!(stage.screen().contains("Moved 2 sessions to the trash · u undoes"), "{}", stage.screen());
    assert_eq!(stage.app.stack.home.shown, 1);
    stage.keys("u");
    assert!(stage.take_effects().contains(&Effect::Restore(keys.clone())));
    let done = vec![(keys[0].clone(), "A row".to_owned())];
    stage.send(Msg::Trashed(TrashResult { done, hidden: 1, ..TrashResult::default() }));
    assert!(stage.screen().contains("Hidden: A row · u undoes"), "{}", stage.screen());
    stage.keys("u");
    stage.keys("u");
    assert!(stage.screen().contains("Nothing to undo"), "{}", stage.screen());
}

#[test]
fn rows_that_the_screen_drops_and_restores_are_asked_for_again() {
    let mut stage = stage();
    let own = SessionKey::new(Agent::Claude, "a");
    let there = SessionKey::new(Agent::Claude, "b").on(&"there".into());
    let done = vec![(own.clone(), "Alpha".to_owned()), (there.clone(), "Beta".to_owned())];
    let result = TrashResult { done, ..TrashResult::default() };
    stage.send(Msg::Trashed(result.clone()));
    assert_eq!(stage.take_effects(), [Effect::CheckSessions(vec![own.clone()])]);
    stage.send(Msg::Restored(result));
    assert_eq!(stage.take_effects(), [Effect::CheckSessions(vec![own, there])]);
    let refused = vec![("Alpha".to_owned(), "it exists again".to_owned())];
    stage.send(Msg::Restored(TrashResult { refused, ..TrashResult::default() }));
    assert_eq!(stage.take_effects(), []);
}

#[test]
fn a_session_that_runs_here_stays() {
    let mut stage = Stage::new(100, 24);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, SESSION, "Alpha", 5)])));
    stage.run(live::run("r")).keys("d");
    assert!(stage.screen().contains("stop it first"), "{}", stage.screen());
    assert!(!stage.take_effects().iter().any(|effect| matches!(effect, Effect::Trash { .. })));
}

#[test]
fn d16_the_screen_asks_about_queued_prompts() {
    let mut stage = stage();
    let key = stage.app.session().cloned().expect("selected");
    let queued = vec![(key.clone(), 2)];
    stage.send(Msg::Trashed(TrashResult { queued, ..TrashResult::default() }));
    assert!(stage.screen().contains("2 prompts are queued and would never be delivered."), "{}", stage.screen());
    stage.keys("esc");
    assert_eq!(stage.take_effects(), []);
    stage.send(Msg::Trashed(TrashResult { queued: vec![(key.clone(), 2)], ..TrashResult::default() }));
    stage.keys("1");
    assert_eq!(stage.take_effects(), [Effect::Trash { keys: vec![key], cancel_queued: true }]);
}

#[test]
fn refused_sessions_are_reported_together_by_their_reason() {
    let mut stage = stage();
    let refused = |title: &str, reason: &str| (title.to_owned(), reason.to_owned());
    let (open, inner) = ("open in Claude Code; close it first", "a sub-agent belongs to its session");
    let refused = vec![refused("Alpha", inner), refused("Beta", open), refused("Gamma", inner)];
    let done = vec![(SessionKey::new(Agent::Claude, "d"), "Delta".to_owned())];
    stage.send(Msg::Trashed(TrashResult { done, refused, ..TrashResult::default() }));
    assert!(stage.screen().contains("2 sessions were not moved to the trash: a sub-agent"), "{}", stage.screen());
    stage.keys("g");
    assert!(stage.screen().contains("\"Beta\" was not moved to the trash: open in"), "{}", stage.screen());
    stage.keys("g");
    assert!(stage.screen().contains("Moved to the trash: Delta"), "{}", stage.screen());
}

#[test]
fn the_page_of_the_trash_restores_and_deletes_after_it_said_what_goes() {
    let mut stage = stage();
    stage.keys("D");
    assert_eq!(stage.take_effects(), [Effect::LoadTrash]);
    assert!(stage.screen().contains("Loading"), "{}", stage.screen());
    let item = |id: &str, title: &str, content| TrashItem {
        key: SessionKey::new(Agent::Claude, id),
        title: title.to_owned(),
        time: Time::from_millis(NOW.millis() - 3 * DAY),
        content,
    };
    let until = Time::from_millis(NOW.millis() + 27 * DAY);
    let items = vec![
        item("a", "Alpha", TrashContent::Files { count: 3, bytes: 1_234_567, until }),
        item("b", "Beta", TrashContent::Rows { command: Some("opencode session delete b".to_owned()) }),
        item("c", "Gamma", TrashContent::Rows { command: None }),
    ];
    stage.send(Msg::TrashLoaded(Ok(items.clone())));
    assert!(stage.screen().contains("3 files, 1.2 MB · deleted in 3w"), "{}", stage.screen());
    stage.keys("d");
    assert!(stage.screen().contains("3 files, 1.2 MB, with everything"), "{}", stage.screen());
    stage.keys("enter");
    assert_eq!(stage.take_effects(), [], "what stays is chosen first");
    stage.keys("d 1");
    assert_eq!(stage.take_effects(), [Effect::DeleteTrashed(vec![items[0].key.clone()])]);
    stage.keys("ctrl-a d");
    let screen = stage.screen();
    for part in ["3 sessions in the trash", "3 files of 1 of them, 1.2 MB", "1 in agents' databases", "1 stay hidden"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    stage.keys("1");
    let deletable = vec![items[0].key.clone(), items[1].key.clone()];
    assert_eq!(stage.take_effects(), [Effect::DeleteTrashed(deletable)], "what cannot be deleted is left out");
    stage.keys("esc space space enter");
    assert_eq!(stage.take_effects(), [Effect::Restore(vec![items[0].key.clone(), items[1].key.clone()])]);
    stage.keys("esc k k");
    let done = vec![(items[0].key.clone(), "Alpha".to_owned())];
    stage.send(Msg::TrashDeleted(TrashResult { done, ..TrashResult::default() }));
    assert!(stage.screen().contains("Deleted permanently: Alpha"), "{}", stage.screen());
    assert_eq!(stage.take_effects(), [Effect::LoadTrash]);
    stage.send(Msg::TrashLoaded(Ok(items[1..].to_vec())));
    stage.keys("d");
    assert!(stage.screen().contains("from its database: opencode session"), "{}", stage.screen());
    stage.keys("esc down d");
    assert!(!stage.screen().contains("1  Delete"), "an agent without a command: {}", stage.screen());
    stage.keys("esc enter");
    assert_eq!(stage.take_effects(), [Effect::Restore(vec![items[2].key.clone()])]);
    stage.send(Msg::TrashLoaded(Ok(Vec::new())));
    assert!(stage.screen().contains("The trash is empty"), "{}", stage.screen());
    stage.keys("q");
    assert!(!stage.screen().contains("The trash is empty"), "{}", stage.screen());
    // What left the trash by its page is not restored by the key for undoing.
    let gone = vec![(items[0].key.clone(), "Alpha".to_owned())];
    stage.send(Msg::Trashed(TrashResult { done: gone.clone(), ..TrashResult::default() }));
    stage.send(Msg::TrashDeleted(TrashResult { done: gone, ..TrashResult::default() }));
    stage.take_effects();
    stage.keys("u");
    assert_eq!(stage.take_effects(), []);
    assert!(stage.screen().contains("Nothing to undo"), "{}", stage.screen());
}

#[test]
fn a_session_in_the_trash_is_seen_restored_and_deleted_by_keys() {
    let home = Home::of(&[CLAUDE]);
    let count = || files(&home.path().join(".claude/projects")).len();
    let before = count();
    let mut terminal = crate::pty::salon(&home, &[]);
    // The footer is there before the sessions, and a key before them does nothing. The row of a session and its copy:
    let row = "\u{2750}2 mybranch";
    terminal.wait_for_text(row);
    terminal.send("d");
    terminal.wait_for_text("Moved to the trash");
    terminal.send("D");
    terminal.wait_for_text("deleted in");
    terminal.send("\r");
    terminal.wait_for_text("The trash is empty");
    assert_eq!(count(), before);
    terminal.send("q");
    terminal.wait_for_text(row);
    terminal.send("d");
    terminal.wait_for_text("Moved to the trash");
    terminal.send("D");
    terminal.wait_for_text("deleted in");
    terminal.send("d");
    terminal.wait_for_text("This cannot be undone.");
    terminal.send("1");
    terminal.wait_for_text("The trash is empty");
    assert!(count() < before);
    let trash = home.path().join(".local/share/salon/trash");
    assert!(!trash.exists() || files(&trash).is_empty(), "{:?}", files(&trash));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn to_the_trash_and_back_is_the_identity(tree in proptest::collection::btree_map("[a-c]{1,2}(/[a-c\\n é]{1,3}){0,2}", any::<Vec<u8>>(), 1..8)) {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let home = dir.path().join("home");
        let mut roots = std::collections::BTreeSet::new();
        for (name, content) in &tree {
            let path = home.join(name);
            // A name may be a directory of another one.
            if fs::create_dir_all(path.parent().expect("a parent")).is_ok() && !path.is_dir() {
                fs::write(&path, content).expect("written");
            }
            roots.insert(home.join(name.split('/').next().expect("a part")));
        }
        let before = files(&home);
        let store = Store::open(&dir.path().join("state.db"), NOW).expect("open").store;
        let key = SessionKey::new(Agent::Claude, "x/../é");
        let own: Vec<PathBuf> = roots.into_iter().filter(|root| root.exists()).collect();
        let root = dir.path().join("trash");
        store.with(|db| Ok(trash::trash(db, &root, (&key, "title"), Some(&own), NOW))).expect("store").expect("moved");
        prop_assert!(files(&home).is_empty());
        let again = store.with(|db| Ok(trash::trash(db, &root, (&key, "title"), Some(&own), NOW))).expect("store");
        prop_assert!(again.is_err());
        store.with(|db| Ok(trash::restore(db, &key))).expect("store").expect("restored");
        prop_assert_eq!(files(&home), before);
        prop_assert!(store.with(|db| trash::list(db)).expect("list").is_empty());
    }
}

#[test]
fn hidden_sessions_are_deleted_by_their_agents_own_program_only_on_request() {
    let home = Home::of(&["opencode/1.18.33"]);
    let all = listed(&home);
    let is_main = |session: &&Value| {
        !is_subagent(session) && session["path"].as_str().is_some_and(|path| path.contains("opencode.db"))
    };
    let session = all.iter().find(is_main).expect("a session in the database");
    let (id, database) = (session["id"].as_str().expect("id"), PathBuf::from(session["path"].as_str().expect("path")));
    assert_eq!(code(&run(&home, &["trash", id])), 0);
    let programs = tempfile::tempdir().expect("a scratch directory");
    let (prepared, calls) = (programs.path().join("prepared.db"), programs.path().join("calls"));
    fs::copy(&database, &prepared).expect("copied");
    let log = format!("{}-wal", database.display());
    if fs::metadata(&log).is_ok() {
        fs::copy(&log, format!("{}-wal", prepared.display())).expect("copied");
    }
    let changed = rusqlite::Connection::open(&prepared).expect("a database");
    changed.execute("DELETE FROM session WHERE id = ?1", [id]).expect("deleted");
    drop(changed);
    let script = |body: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = programs.path().join("opencode");
        fs::write(&path, format!("#!/bin/sh\necho \"$@\" >> '{}'\n{body}\n", calls.display())).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    };
    let empty = |args: &[&str]| {
        let args = [&["trash", "--empty", "--json"], args].concat();
        let path = format!("{}:/usr/bin:/bin", programs.path().display());
        output_json(&super::cli::salon(&home, &args).env("PATH", path).output().expect("salon runs"))
    };
    script("exit 0");
    assert!(empty(&["--yes"])["sessions"].as_array().is_some_and(Vec::is_empty), "not without --in-agents");
    let planned = empty(&["--in-agents", "--dry-run"]);
    let reason = planned["sessions"][0]["reason"].as_str().expect("a command").to_owned();
    assert!(reason.contains(&format!("opencode session delete {id}")), "{planned}");
    assert!(!calls.exists(), "nothing ran yet");
    let kept = empty(&["--in-agents", "--yes"]);
    assert!(kept["sessions"][0]["reason"].as_str().is_some_and(|reason| reason.contains("still there")), "{kept}");
    script("echo 'no such session' >&2; exit 3");
    let failed = empty(&["--in-agents", "--yes"]);
    assert!(
        failed["sessions"][0]["reason"].as_str().is_some_and(|reason| reason.contains("no such session")),
        "{failed}"
    );
    let (from, to) = (prepared.display(), database.display());
    script(&format!("rm -f '{to}-wal' '{to}-shm'; mv '{from}' '{to}'"));
    let deleted = empty(&["--in-agents", "--yes"]);
    assert_eq!(deleted["sessions"][0]["outcome"], "deleted", "{deleted}");
    assert!(fs::read_to_string(&calls).expect("calls").lines().all(|line| line == format!("session delete {id}")));
    assert!(!ids(&home).contains(&id.to_owned()));
    assert!(output_json(&run(&home, &["trash", "--list", "--json"]))["sessions"].as_array().is_some_and(Vec::is_empty));
}
