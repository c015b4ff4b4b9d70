//! Safety of the trash: a session takes no other one along, and a failed move leaves everything as it was.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use salon::agent;
use salon::domain::{Agent, SessionKey};
use salon::index::{self, IndexOptions, Refresh};
use salon::store::trash::{TrashError, TrashedSession};
use salon::store::{Store, trash};
use serde_json::{Value, json};

use super::cli::{code, json as output_json, run, salon};
use super::index::live::Running;
use super::screens::stage::NOW;
use super::trash::{files, ids, is_subagent, listed};
use crate::support::Home;

/// Latest fixture of each agent.
const ALL: [&str; 6] =
    ["claude/2.1.329", "codex/0.169.0", "gemini/0.61.0", "opencode/1.18.33", "goose/1.34.0", "qwen/0.24.4"];

/// Id of a user without rights, for tests that run as root.
const NO_RIGHTS: u32 = 65_534;

fn id(session: &Value) -> &str {
    session["id"].as_str().expect("an id")
}

fn outcome(report: &Value) -> &str {
    report["sessions"][0]["outcome"].as_str().unwrap_or_else(|| panic!("{report}"))
}

#[test]
fn no_file_belongs_to_two_sessions() {
    let home = Home::of(&ALL);
    let sessions = index::collect(&IndexOptions::new(home.environment(), std::time::Instant::now), Refresh::Changed);
    let mut owned = BTreeSet::new();
    let mut agents = BTreeSet::new();
    for session in sessions.sessions.iter().filter(|session| !session.flags.subagent && !session.flags.purged) {
        agents.insert(session.key.agent.name());
        let own = agent::format(session.key.agent).own_files(session).unwrap_or_default();
        for file in own.into_iter().collect::<BTreeSet<_>>() {
            assert!(owned.insert(file.clone()), "{}: {} is another session's, too", session.key, file.display());
        }
    }
    assert_eq!(agents.len(), ALL.len(), "{agents:?}");
    let outer: Vec<_> =
        owned.iter().filter(|file| file.ancestors().skip(1).any(|above| owned.contains(above))).collect();
    assert!(outer.is_empty(), "{outer:?} is in another session's directory");
}

#[test]
fn a_session_of_a_database_is_removed_alone_and_never_kept() {
    for fixture in ["opencode/1.18.33", "goose/1.34.0"] {
        let home = Home::of(&[fixture]);
        let all = listed(&home);
        let is_in_database = |session: &&Value| {
            !is_subagent(session)
                && session["path"]
                    .as_str()
                    .is_some_and(|path| Path::new(path).extension().is_some_and(|end| end == "db"))
        };
        let session = all.iter().find(is_in_database).unwrap_or_else(|| panic!("{fixture}: {all:?}"));
        let database = session["path"].as_str().expect("a path");
        let before = fs::read(database).expect("the database");
        assert_eq!(outcome(&output_json(&run(&home, &["keep", id(session), "--json"]))), "refused", "{fixture}");
        assert_eq!(fs::metadata(database).expect("the database").nlink(), 1, "{fixture}: a live database is linked");
        assert_eq!(outcome(&output_json(&run(&home, &["trash", id(session), "--json"]))), "hidden", "{fixture}");
        let left = ids(&home);
        for other in all.iter().filter(|other| id(other) != id(session) && !is_subagent(other)) {
            assert!(left.contains(&id(other).to_owned()), "{fixture}: {} went along", id(other));
        }
        assert!(!left.contains(&id(session).to_owned()));
        assert_eq!(code(&run(&home, &["trash", "--empty", "--yes"])), 0);
        assert!(fs::read(database).expect("the database") == before, "{fixture}");
        assert_eq!(code(&run(&home, &["restore", id(session)])), 0);
        assert_eq!(ids(&home).len(), all.len(), "{fixture}");
    }
}

#[test]
fn an_id_with_a_dot_takes_no_other_session_along() {
    let home = Home::of(&["claude/2.1.329"]);
    let folder = home.path().join(".claude/projects/-home-dev-shop-api");
    for id in ["my", "my.work", "my.work.late", "my.play"] {
        let prompt = json!({"parentUuid": null, "isSidechain": false, "type": "user", "uuid": format!("u-{id}"),
            "cwd": "/home/dev/shop-api", "timestamp": "2025-01-01T00:00:00.000Z", "sessionId": id,
            "version": "2.1.329", "entrypoint": "cli", "message": {"role": "user", "content": format!("hello {id}")}});
        fs::write(folder.join(format!("{id}.jsonl")), format!("{prompt}\n")).expect("written");
        fs::create_dir(folder.join(id)).expect("created");
        fs::write(folder.join(id).join("output.txt"), id).expect("written");
        fs::write(folder.join(format!("{id}.meta.json")), "{}").expect("written");
    }
    let before = files(home.path());
    for id in ["my", "my.work", "my.work.late", "my.play"] {
        assert_eq!(
            outcome(&output_json(&run(&home, &["trash", &format!("claude:{id}"), "--json"]))),
            "trashed",
            "{id}"
        );
        let left = files(home.path());
        let gone: Vec<_> = before.keys().filter(|path| !left.contains_key(*path)).cloned().collect();
        let own = [format!("{id}/output.txt"), format!("{id}.jsonl"), format!("{id}.meta.json")];
        let mut own = own.map(|name| folder.join(name));
        own.sort();
        assert_eq!(gone, own, "{id}");
        assert_eq!(code(&run(&home, &["restore", &format!("claude:{id}")])), 0);
        assert!(files(home.path()) == before, "{id}");
    }
}

/// Home and data directory on different file systems, for a user whom permissions concern. Root gives both away.
struct TwoDisks {
    home: Home,
    data: tempfile::TempDir,
}

impl TwoDisks {
    /// `None` where there is no second file system.
    fn of(fixture: &str) -> Option<Self> {
        let home = Home::of(&[fixture]);
        let data = tempfile::tempdir_in("/dev/shm").inspect_err(|error| eprintln!("skipped: {error}")).ok()?;
        let device = |path: &Path| fs::metadata(path).expect("a directory").dev();
        if device(home.path()) == device(data.path()) {
            eprintln!("skipped: one file system");
            return None;
        }
        Some(Self { home, data })
    }

    /// Runs salon. `None` where another user cannot start it.
    fn run(&self, args: &[&str]) -> Option<Value> {
        let mut command = salon(&self.home, args);
        command.env("SALON_DATA_DIR", self.data.path());
        if rustix::process::geteuid().is_root() {
            give_away(self.home.path());
            give_away(self.data.path());
            command.uid(NO_RIGHTS).gid(NO_RIGHTS);
        }
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                eprintln!("skipped: {error}");
                None
            }
            output => Some(output_json(&output.expect("salon runs"))),
        }
    }
}

fn give_away(path: &Path) {
    chown(path, Some(NO_RIGHTS), Some(NO_RIGHTS)).expect("root may");
    for entry in fs::read_dir(path).expect("a directory").flatten() {
        if entry.file_type().expect("a type").is_dir() {
            give_away(&entry.path());
        } else {
            std::os::unix::fs::lchown(entry.path(), Some(NO_RIGHTS), Some(NO_RIGHTS)).expect("root may");
        }
    }
}

/// Changes the permission to write to a directory and all below it.
fn set_writable(path: &Path, is_writable: bool) {
    let bits = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    let mode = if is_writable { bits(path) | 0o200 } else { bits(path) & !0o222 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    if path.is_dir() {
        fs::read_dir(path).expect("a directory").flatten().for_each(|entry| set_writable(&entry.path(), is_writable));
    }
}

/// A session with a folder of its own, which has directories.
fn with_folder(disks: &TwoDisks) -> (String, PathBuf) {
    let session = listed(&disks.home).into_iter().find(|session| !is_subagent(session)).expect("a session");
    let folder = PathBuf::from(session["path"].as_str().expect("a path")).with_extension("");
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        fs::create_dir_all(folder.join(name)).expect("created");
        fs::write(folder.join(name).join("output.txt"), name).expect("written");
    }
    std::os::unix::fs::symlink("nowhere", folder.join("link")).expect("linked");
    (id(&session).to_owned(), folder)
}

fn assert_as_before(disks: &TwoDisks, id: &str, what: &str, before: &std::collections::BTreeMap<PathBuf, Vec<u8>>) {
    let refused = disks.run(&["trash", id, "--json"]).expect("it ran before");
    assert_eq!(outcome(&refused), "refused", "{what}: {refused}");
    let reason = refused["sessions"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("ermission denied"), "{what}: {reason}");
    assert!(without_links(&disks.home) == *before, "{what}: files are lost");
    let list = disks.run(&["trash", "--list", "--json"]).expect("it ran before");
    assert_eq!(list["sessions"], json!([]), "{what}: it is neither here nor there");
    let trash = disks.data.path().join("trash");
    assert!(!trash.exists() || fs::read_dir(&trash).expect("the trash").next().is_none(), "{what}: a copy is left");
}

/// All files, without links that lead nowhere.
fn without_links(home: &Home) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    files(&home.path().join(".claude"))
}

#[test]
fn a_move_to_another_file_system_that_fails_half_way_loses_nothing() {
    let Some(disks) = TwoDisks::of("claude/2.1.329") else { return };
    let (id, folder) = with_folder(&disks);
    fs::remove_file(folder.join("link")).expect("removed");
    let before = without_links(&disks.home);
    if disks.run(&["trash", "--list", "--json"]).is_none() {
        return;
    }
    let agent_home = disks.home.path().join(".claude");
    set_writable(&agent_home, false);
    assert_as_before(&disks, &id, "a read-only home", &before);
    set_writable(&agent_home, true);
    // Some directories are removed before the one that cannot be emptied.
    for name in ["a", "d", "h"] {
        set_writable(&folder.join(name), false);
        assert_as_before(&disks, &id, name, &before);
        set_writable(&folder.join(name), true);
    }
    // Nothing sticks: once it is writable, the session goes and comes back.
    std::os::unix::fs::symlink("nowhere", folder.join("link")).expect("linked");
    assert_eq!(outcome(&disks.run(&["trash", &id, "--json"]).expect("it ran before")), "trashed");
    assert!(!folder.exists());
    assert_eq!(outcome(&disks.run(&["restore", &id, "--json"]).expect("it ran before")), "restored");
    assert_eq!(fs::read_link(folder.join("link")).expect("a link"), Path::new("nowhere"));
    fs::remove_file(folder.join("link")).expect("removed");
    assert!(without_links(&disks.home) == before);
}

struct Scratch {
    dir: tempfile::TempDir,
    store: Store,
}

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let store = Store::open(&dir.path().join("state.db"), NOW).expect("open").store;
        Self { dir, store }
    }

    fn trash(&self, key: &SessionKey, own: &[PathBuf]) -> Result<TrashedSession, TrashError> {
        let root = self.dir.path().join("trash");
        self.store.with(|db| Ok(trash::trash(db, &root, (key, "title"), Some(own), NOW))).expect("the store works")
    }

    fn restore(&self, key: &SessionKey) -> Result<TrashedSession, TrashError> {
        self.store.with(|db| Ok(trash::restore(db, key))).expect("the store works")
    }
}

#[test]
fn what_an_interrupted_move_left_behind_is_not_in_the_way() {
    let scratch = Scratch::new();
    let (key, own) = (SessionKey::new(Agent::Claude, "a"), scratch.dir.path().join("home/a"));
    let write = |name: &str, text: &str| {
        let path = own.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, text).expect("written");
    };
    write("one", "1");
    write("below/two", "2");
    let before = files(&own);
    scratch.trash(&key, std::slice::from_ref(&own)).expect("moved");
    // A part of the original stayed, and the agent wrote another version of the rest.
    write("below/two", "newer");
    assert!(matches!(scratch.restore(&key), Err(TrashError::Exists(path)) if path == own.join("below/two")));
    assert_eq!(fs::read(own.join("below/two")).expect("readable"), b"newer");
    assert!(!own.join("one").exists(), "nothing is moved if something is in the way");
    write("below/two", "2");
    scratch.restore(&key).expect("restored");
    assert!(files(&own) == before);
    assert_eq!(fs::read_dir(scratch.dir.path().join("trash")).expect("the trash").count(), 0);
}

#[test]
fn of_several_that_trash_one_session_the_others_hear_that_it_is_there() {
    let scratch = Scratch::new();
    let threads = 6;
    for round in 0..20 {
        let file = scratch.dir.path().join(format!("{round}.jsonl"));
        fs::write(&file, "text").expect("written");
        let (key, barrier) = (SessionKey::new(Agent::Claude, format!("s{round}")), Barrier::new(threads));
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let one = || {
                let store = scratch.store.reopen(std::time::Duration::from_mins(1)).expect("open");
                barrier.wait();
                let (root, own) = (scratch.dir.path().join("trash"), [file.clone()]);
                store.with(|db| Ok(trash::trash(db, &root, (&key, "title"), Some(&own), NOW))).expect("the store works")
            };
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let others = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        others.for_each(|error| assert!(matches!(error, TrashError::AlreadyTrashed), "{error}"));
    }
}

#[test]
fn a_path_that_is_no_text_goes_to_the_trash_and_comes_back() {
    let scratch = Scratch::new();
    let own = scratch.dir.path().join(OsStr::from_bytes(b"caf\xe9.jsonl"));
    if fs::write(&own, "text").is_err() {
        eprintln!("skipped: the file system has only names that are text");
        return;
    }
    let key = SessionKey::new(Agent::Claude, "a");
    scratch.trash(&key, std::slice::from_ref(&own)).expect("moved");
    assert!(!own.exists());
    assert_eq!(scratch.store.with(|db| trash::list(db)).expect("list").len(), 1);
    scratch.restore(&key).expect("restored");
    assert_eq!(fs::read(&own).expect("back"), b"text");
}

#[test]
fn the_sub_agents_of_a_hidden_session_are_hidden_with_it() {
    let home = Home::of(&["opencode/1.18.33"]);
    let all = listed(&home);
    let parents: BTreeSet<&str> =
        all.iter().filter(|session| is_subagent(session)).filter_map(|session| session["parent"].as_str()).collect();
    let is_parent = |session: &&Value| !is_subagent(session) && parents.contains(id(session));
    let session = all.iter().find(is_parent).expect("a session with a sub-agent");
    let state_db = home.path().join(".local/share/salon/state.db");
    fs::create_dir_all(state_db.parent().expect("a directory")).expect("created");
    let store = Store::open(&state_db, NOW).expect("open").store;
    let options =
        IndexOptions { state_db: Some(state_db), ..IndexOptions::new(home.environment(), std::time::Instant::now) };
    let mut running = Running::complete_and_watched(options);
    let key = SessionKey::new(Agent::OpenCode, id(session));
    let of_session = |running: &Running| {
        let is_its = |other: &&std::sync::Arc<salon::domain::Session>| {
            other.key == key || other.flags.subagent && other.parent.as_deref() == Some(&*key.id)
        };
        running.catalog.iter().filter(is_its).count()
    };
    let before = of_session(&running);
    assert!(before > 1);
    let left = |home: &Home| listed(home).iter().filter(|other| other["parent"] == session["id"]).count();
    let known = left(&home);

    assert_eq!(outcome(&output_json(&run(&home, &["trash", id(session), "--json"]))), "hidden");
    assert_eq!(left(&home), 0, "its sub-agents are still listed");
    running.index.load_user_data();
    running.until("hidden", |running| of_session(running) == 0);
    assert_eq!(code(&run(&home, &["restore", id(session)])), 0);
    assert_eq!(left(&home), known);
    running.index.load_user_data();
    running.until("shown again", |running| of_session(running) == before);
    drop(store);
}

#[test]
fn an_unreadable_database_is_a_problem_that_a_list_reports() {
    let home = Home::of(&["claude/2.1.329"]);
    let id = ids(&home)[0].clone();
    assert_eq!(code(&run(&home, &["rename", &id, "Mine"])), 0);
    assert_eq!(output_json(&run(&home, &["list", "--json"]))["issues"], json!([]));
    let path = home.path().join(".local/share/salon/state.db");
    for ending in ["-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{ending}", path.display())));
    }
    let damaged = "no database, but long enough to be looked at\n".repeat(9);
    fs::write(&path, &damaged).expect("written");
    for args in [&["list", "--json"][..], &["search", "hello", "--json"], &["doctor", "--json"]] {
        let shown = output_json(&run(&home, args));
        let about: Vec<_> = shown["issues"].as_array().expect("issues").iter().collect();
        let about = about.into_iter().filter(|issue| issue["path"] == path.to_str().expect("a path")).count();
        assert_eq!(about, 1, "{args:?}: {}", shown["issues"]);
    }
    assert_eq!(fs::read_to_string(&path).expect("left alone"), damaged);
}

#[test]
fn what_only_reads_works_in_a_directory_that_cannot_be_written() {
    let Some(disks) = TwoDisks::of("opencode/1.18.33") else { return };
    let all = listed(&disks.home);
    let of_database = |session: &&Value| {
        !is_subagent(session)
            && session["path"].as_str().is_some_and(|path| Path::new(path).extension().is_some_and(|end| end == "db"))
    };
    let mut sessions = all.iter().filter(of_database);
    let (named, hidden) = (id(sessions.next().expect("a session")), id(sessions.next().expect("another")));
    if disks.run(&["rename", named, "Mine", "--json"]).is_none() {
        return;
    }
    assert_eq!(outcome(&disks.run(&["trash", hidden, "--json"]).expect("it ran before")), "hidden");
    let database = disks.data.path().join("state.db");
    assert!(!disks.data.path().join("state.db-shm").exists(), "it was closed");
    let before = fs::read(&database).expect("readable");
    set_writable(disks.data.path(), false);
    let shown = |args: &[&str]| disks.run(args).expect("it ran before");
    let list = shown(&["list", "--hidden", "--json"]);
    assert_eq!(list["issues"], json!([]));
    let of = |wanted: &str| list["sessions"].as_array().expect("sessions").iter().find(|session| id(session) == wanted);
    assert_eq!(of(named).expect("listed")["title"], "Mine");
    assert!(of(hidden).is_none(), "a hidden session is back");
    assert_eq!(shown(&["trash", "--list", "--json"])["sessions"][0]["id"], hidden);
    assert_eq!(shown(&["trash", named, "--dry-run", "--json"])["sessions"][0]["outcome"], "would_trash");
    assert_eq!(shown(&["queue", "--json"])["prompts"], json!([]));
    assert_eq!(shown(&["worktree", "list", "--json"])["worktrees"], json!([]));
    assert_eq!(shown(&["annotations", "export"])["annotations"][0]["name"], "Mine");
    let refused = shown(&["star", named, "--json"]);
    assert_eq!(refused["error"]["code"], "failed", "{refused}");
    set_writable(disks.data.path(), true);
    assert!(fs::read(&database).expect("readable") == before);
}
