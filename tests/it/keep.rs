//! Keeping: a session says when its agent deletes it, and a kept one stays readable and comes back where it was.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use salon::agent::{self, Environment};
use salon::app::msg::KeepResult;
use salon::app::{Effect, Msg, RootStatus};
use salon::config::settings::Settings;
use salon::domain::transcript_event::TranscriptEvent;
use salon::domain::trash_result::TrashResult;
use salon::domain::{Agent, Session, SessionKey, Time};
use salon::index::{self, IndexOptions, Refresh};
use salon::runtime::keep::Archive;
use serde_json::{Value, json};

use super::cli::{code, json as output_json, run, text};
use super::screens::stage::{NOW, Stage, change, session};
use crate::index::live::Running;
use crate::support::Home;

const CLAUDE: &str = "claude/2.1.329";

fn listed(home: &Home) -> Vec<Value> {
    output_json(&run(home, &["list", "--json"]))["sessions"].as_array().expect("sessions").clone()
}

fn row(home: &Home, id: &str) -> Option<Value> {
    listed(home).into_iter().find(|session| session["id"] == id)
}

fn archive_dir(home: &Home) -> PathBuf {
    home.path().join(".local/share/salon/archive")
}

/// Deletes a transcript with its folder, as its agent does.
fn purge(path: &Path) {
    fs::remove_file(path).expect("removed");
    drop(fs::remove_dir_all(path.with_extension("")));
}

fn environment(home: &Home) -> Environment {
    Environment { archive: Some(archive_dir(home)), ..home.environment() }
}

fn sessions_of(home: &Home) -> Vec<std::sync::Arc<Session>> {
    index::collect(&IndexOptions::new(environment(home), std::time::Instant::now), Refresh::Changed).sessions
}

#[test]
fn h9_a_kept_session_outlives_its_agents_purge() {
    for (fixture, agent) in [(CLAUDE, "claude"), ("gemini/0.61.0", "gemini"), ("codex/0.169.0", "codex")] {
        let home = Home::of(&[fixture]);
        let session = listed(&home).into_iter().find(|session| session["agent"] == agent).expect("a session");
        let (id, path) = (session["id"].as_str().expect("id"), PathBuf::from(session["path"].as_str().expect("path")));
        let (bytes, shown) = (fs::read(&path).expect("readable"), text(&run(&home, &["show", id]).stdout));
        let kept = output_json(&run(&home, &["keep", id, "--json"]));
        assert_eq!(kept["sessions"][0]["outcome"], "kept", "{kept}");
        let links = if agent == "gemini" { 1 } else { 2 };
        assert_eq!(fs::metadata(&path).expect("there").nlink(), links, "{agent}: only appended files are linked");
        assert_eq!(row(&home, id).expect("listed")["kept"], true);
        assert_eq!(listed(&home).len(), listed(&Home::of(&[fixture])).len(), "nothing is listed twice");

        purge(&path);
        let purged = row(&home, id).unwrap_or_else(|| panic!("{agent}: {id} is lost"));
        assert!(Path::new(purged["path"].as_str().expect("path")).starts_with(archive_dir(&home)), "{purged}");
        assert_eq!((&purged["title"], &purged["cwd"]), (&session["title"], &session["cwd"]));
        assert_eq!(text(&run(&home, &["show", id]).stdout), shown, "{agent}");
        assert_eq!(output_json(&run(&home, &["keep", "--list", "--json"]))["sessions"][0]["outcome"], "purged");
        let refused = output_json(&run(&home, &["keep", id, "--remove", "--json"]));
        assert_eq!(refused["sessions"][0]["outcome"], "refused", "the only copy is not removed");

        let archive = Archive::new(archive_dir(&home), &environment(&home));
        let of_archive = sessions_of(&home).into_iter().find(|session| *session.key.id == *id).expect("indexed");
        assert!(archive.restore(&of_archive).expect("restored").is_some());
        assert_eq!(fs::read(&path).expect("it is back"), bytes);
        let age = fs::metadata(&path).expect("there").modified().expect("a time").elapsed().unwrap_or_default();
        assert!(age.as_secs() < 600, "its agent would delete it again");
        assert_eq!(row(&home, id).expect("listed")["path"], path.to_str().expect("a path"));
    }
}

#[test]
fn a_copy_does_not_change_with_a_file_that_its_agent_rewrites_in_place() {
    let home = Home::of(&["gemini/0.61.0"]);
    let session = listed(&home)[0].clone();
    let (id, path) = (session["id"].as_str().expect("id"), PathBuf::from(session["path"].as_str().expect("path")));
    let whole = fs::read(&path).expect("readable");
    assert_eq!(code(&run(&home, &["keep", id])), 0);
    // The same inode, as `fs.writeFileSync` leaves it.
    fs::write(&path, "{}\n").expect("written");
    // Keeping it again does not replace the larger copy.
    run(&home, &["keep", id]);
    let copies = super::trash::all_files(&archive_dir(&home));
    assert!(copies.values().any(|copy| *copy == whole), "the copy lost its content");
}

#[test]
fn a_refused_keep_leaves_nothing_in_the_archive() {
    let home = Home::of(&[CLAUDE]);
    let session = listed(&home)[0].clone();
    let (id, path) = (session["id"].as_str().expect("id"), PathBuf::from(session["path"].as_str().expect("path")));
    let folder = path.with_extension("");
    fs::create_dir_all(folder.join("tool-results")).expect("created");
    fs::write(folder.join("tool-results/a.txt"), "an output").expect("written");
    let archive = archive_dir(&home);
    assert_eq!(code(&run(&home, &["keep", id])), 0);
    let copies = super::trash::all_files(&archive);
    let transcript = copies.keys().find(|copy| copy.file_name() == path.file_name()).expect("a copy").clone();
    assert!(copies.len() > 1);
    assert_eq!(code(&run(&home, &["keep", id, "--remove"])), 0);
    drop(fs::remove_dir_all(&archive));
    // A directory is where the transcript is copied to.
    fs::create_dir_all(transcript.join("in the way")).expect("created");
    let refused = output_json(&run(&home, &["keep", id, "--json"]));
    assert_eq!(refused["sessions"][0]["outcome"], "refused", "{refused}");
    assert_eq!(super::trash::all_files(&archive).keys().collect::<Vec<_>>(), Vec::<&PathBuf>::new());
    let beside: Vec<_> = fs::read_dir(transcript.parent().expect("a folder")).expect("there").flatten().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
}

#[test]
fn a_restore_replaces_no_file() {
    let home = Home::of(&[CLAUDE]);
    let session = listed(&home)[0].clone();
    let (id, path) = (session["id"].as_str().expect("id"), PathBuf::from(session["path"].as_str().expect("path")));
    assert_eq!(code(&run(&home, &["keep", id])), 0);
    purge(&path);
    let archive = Archive::new(archive_dir(&home), &environment(&home));
    let of_archive = sessions_of(&home).into_iter().find(|session| *session.key.id == *id).expect("indexed");
    fs::write(&path, "newer\n").expect("written");
    archive.restore(&of_archive).expect("nothing to do");
    assert_eq!(fs::read(&path).expect("readable"), b"newer\n");
}

#[test]
fn keeping_is_planned_undone_and_refused() {
    let home = Home::of(&[CLAUDE, "opencode/1.18.33"]);
    let id = |agent: &str| {
        let session = listed(&home).into_iter().find(|session| session["agent"] == agent).expect("a session");
        session["id"].as_str().expect("id").to_owned()
    };
    let outcome = |args: &[&str]| output_json(&run(&home, args))["sessions"][0]["outcome"].clone();
    let claude = id("claude");
    assert_eq!(outcome(&["keep", &claude, "--dry-run", "--json"]), "would_keep");
    assert!(!archive_dir(&home).exists());
    assert_eq!(outcome(&["keep", "--query", &format!("id:{claude}"), "--json"]), "kept");
    assert_eq!(outcome(&["keep", &claude, "--remove", "--json"]), "released");
    assert_eq!(row(&home, &claude).expect("listed").get("kept"), None);
    let path = row(&home, &claude).expect("listed")["path"].as_str().expect("path").to_owned();
    assert_eq!(fs::metadata(path).expect("there").nlink(), 1);
    let refused = output_json(&run(&home, &["keep", &id("opencode"), "--json"]));
    let reason = refused["sessions"][0]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("database"), "{reason}");
}

#[test]
fn a_kept_session_goes_to_the_trash_with_its_copy() {
    let home = Home::of(&[CLAUDE]);
    let id = listed(&home)[0]["id"].as_str().expect("id").to_owned();
    assert_eq!(code(&run(&home, &["keep", &id])), 0);
    assert_eq!(code(&run(&home, &["trash", &id])), 0);
    assert!(row(&home, &id).is_none(), "a copy of a removed session is listed");
    assert_eq!(code(&run(&home, &["restore", &id])), 0);
    let path = row(&home, &id).expect("listed")["path"].as_str().expect("path").to_owned();
    purge(Path::new(&path));
    assert!(row(&home, &id).is_some(), "the copy is back, too");
}

#[test]
fn agents_say_when_they_delete_sessions() {
    let home = Home::of(&[CLAUDE, "gemini/0.61.0"]);
    let days = |agent: Agent| {
        let format = agent::format(agent);
        let roots = format.roots(&home.environment());
        roots.first().and_then(|root| format.retention_days(root))
    };
    assert_eq!((days(Agent::Claude), days(Agent::Gemini), days(Agent::Codex)), (Some(30), Some(30), None));
    let write = |path: &str, text: &str| fs::write(home.path().join(path), text).expect("written");
    write(".claude/settings.json", r#"{"cleanupPeriodDays": 10}"#);
    write(".gemini/settings.json", r#"{"general": {"sessionRetention": {"maxAge": "2w"}}}"#);
    assert_eq!((days(Agent::Claude), days(Agent::Gemini)), (Some(10), Some(14)));
    let session = listed(&home).into_iter().find(|session| session["agent"] == "claude").expect("a session");
    let modified = fs::metadata(session["path"].as_str().expect("path")).expect("there").mtime();
    let purge_at = Time::parse(session["purge_at"].as_str().expect("a time")).expect("a time");
    assert_eq!(purge_at.millis() / 1000, modified + 10 * 86_400);
    write(".gemini/settings.json", r#"{"general": {"sessionRetention": {"enabled": false}}}"#);
    write(".claude/settings.json", "not JSON");
    assert_eq!((days(Agent::Claude), days(Agent::Gemini)), (Some(30), None));
}

fn roots() -> Msg {
    let path = "/home/ann/.agents".into();
    Msg::Roots(vec![RootStatus { agent: Agent::Claude, path, found: true, retention_days: Some(30), can_rename: true }])
}

/// Returns a session whose file is some days old.
fn aged(id: &str, days: i64) -> Session {
    let mut session = session(Agent::Claude, id, &format!("Task {id}"), days * 24 * 60);
    session.modified = Some(Time::from_millis(NOW.millis() - days * 86_400_000));
    session
}

#[test]
fn the_list_warns_of_a_purge_and_a_key_keeps() {
    let mut stage = Stage::new(120, 40);
    stage.send(roots()).send(Msg::Catalog(change(vec![aged("a-0001", 25), aged("b-0002", 3)])));
    let screen = stage.screen();
    assert!(screen.contains("5d left") && !screen.contains("27d left"), "{screen}");
    stage.keys("G");
    assert!(stage.screen().contains("deleted in 5 days (K keeps it)"), "{}", stage.screen());
    stage.take_effects();
    stage.keys("K");
    let key = SessionKey::new(Agent::Claude, "a-0001");
    assert!(stage.take_effects().contains(&Effect::Keep { keys: vec![key], kept: true, silent: false }));
    stage.send(Msg::Kept(KeepResult { kept: true, done: vec!["Task a-0001".into()], ..KeepResult::default() }));
    assert!(stage.screen().contains("Kept even if its agent deletes it: Task a-0001"));
    let refused = vec![("Task".to_owned(), "no space".to_owned())];
    stage.send(Msg::Kept(KeepResult { kept: true, refused, ..KeepResult::default() }));
    assert!(stage.screen().contains("\"Task\" is not kept: no space"));
}

#[test]
fn a_setting_keeps_all_sessions_once_they_are_known() {
    let kept = |config: &str| {
        assert_eq!(Settings::read(config).1, []);
        let mut stage = Stage::with(120, 40, config, salon::config::theme_file::ColourDepth::Full);
        let mut subagent = aged("c-0003", 3);
        subagent.flags.subagent = true;
        stage.send(Msg::Catalog(change(vec![aged("a-0001", 25), aged("b-0002", 3), subagent])));
        stage.take_effects();
        stage.send(roots()).send(Msg::Catalog(change(vec![aged("a-0001", 25)])));
        stage
            .take_effects()
            .into_iter()
            .filter_map(|effect| if let Effect::Keep { keys, .. } = effect { Some(keys.len()) } else { None })
            .collect::<Vec<_>>()
    };
    assert_eq!(kept("keep = \"all\""), [2]);
    assert_eq!(kept("keep = \"marked\""), [0; 0]);
}

#[test]
fn a18_the_sessions_that_were_opened_last_are_offered_once_each() {
    let mut stage = Stage::new(120, 40);
    let all: Vec<_> = (0..25)
        .map(|number| session(Agent::Claude, &format!("s-{number:04}"), &format!("Task {number}"), number))
        .collect();
    stage.send(Msg::Catalog(change(all)));
    // Opened from the newest to the oldest, and one of them again.
    for _ in 0..25 {
        stage.keys("enter q down");
    }
    stage.keys("g enter q");
    let recent: Vec<_> = stage.app.sessions.recent.iter().map(|key| key.id.to_string()).collect();
    assert_eq!(recent.len(), 20);
    assert_eq!(recent[..3], ["s-0000", "s-0024", "s-0023"]);
    let saved = stage.take_effects().into_iter().rev().find_map(|effect| match effect {
        Effect::SaveState { name: "recent-sessions", value } => Some(value),
        _ => None,
    });
    let saved = saved.expect("saved");
    assert_eq!(saved.lines().count(), 20);

    let mut next = Stage::new(120, 40);
    next.send(Msg::Catalog(change(
        (0..25)
            .map(|number| session(Agent::Claude, &format!("s-{number:04}"), &format!("Task {number}"), number))
            .collect(),
    )));
    next.app.restore_state("recent-sessions", &saved);
    next.keys("'");
    let screen = next.screen();
    let (last, other) = (screen.find("Task 24").expect("listed"), screen.find("Task 23").expect("listed"));
    assert!(last < other, "{screen}");
    next.keys("enter");
    assert_eq!(next.app.session().map(|key| key.id.to_string()), Some("s-0000".to_owned()));
    let removed = vec![(SessionKey::new(Agent::Claude, "s-0024"), "Task 24".to_owned())];
    next.send(Msg::Trashed(TrashResult { done: removed, ..TrashResult::default() }));
    assert!(next.app.sessions.recent.iter().all(|key| *key.id != *"s-0024"));
    assert_eq!(json!(next.app.sessions.recent.len()), 19);
}

#[test]
fn h9_a_deleted_session_is_listed_with_the_prompts_that_its_agent_remembers() {
    let home = Home::of(&[CLAUDE]);
    let before = listed(&home).len();
    let id = "99999999-0000-4000-8000-000000000000";
    let line = |text: &str, time: i64| {
        let prompt = json!({"display": text, "pastedContents": {}, "timestamp": time, "project": "/home/dev/shop-api", "sessionId": id});
        format!("{prompt}\n")
    };
    let history = home.path().join(".claude/history.jsonl");
    let known = fs::read_to_string(&history).expect("readable");
    let added = line("/model", 1_795_000_000_000)
        + &line("build the cart", 1_795_000_001_000)
        + &line("now test it", 1_795_000_002_000);
    fs::write(&history, known + &added).expect("written");
    let shown = output_json(&run(&home, &["list", "--json"]));
    assert_eq!(shown["sessions"].as_array().map(Vec::len), Some(before), "hidden by default");
    assert_eq!(shown["hidden"]["purged"], 1, "sessions with a transcript are listed once");
    let all = output_json(&run(&home, &["list", "--hidden", "--json"]));
    let purged =
        all["sessions"].as_array().expect("sessions").iter().find(|session| session["id"] == id).expect("listed");
    assert_eq!((&purged["title"], &purged["cwd"]), (&json!("build the cart"), &json!("/home/dev/shop-api")));
    assert_eq!((&purged["turns"], &purged["flags"]), (&json!(3), &json!(["purged"])));
    let entries = output_json(&run(&home, &["show", id, "--json"]));
    let texts: Vec<_> =
        entries["entries"].as_array().expect("entries").iter().map(|entry| entry["text"].clone()).collect();
    assert_eq!(texts, ["/model", "build the cart", "now test it"]);
    for refused in [
        &["resume", id][..],
        &["trash", id],
        &["keep", id],
        &["rename", id, "x", "--write-back"],
        &["resume", id, "--print"],
        &["repair", id, "--output", "repaired.jsonl"],
    ] {
        assert_eq!(code(&run(&home, refused)), 1, "{refused:?}");
    }
    let found = output_json(&run(&home, &["search", "\"now test it\"", "--json"]));
    assert_eq!(found["hits"][0]["session"]["id"], json!(id), "its prompts are found: {found}");
    assert_eq!(found["hits"][0]["snippets"][0]["entry"], json!(3));
    let known = output_json(&run(&home, &["search", "\"hello from the tui\"", "--json"]));
    let hits = known["hits"].as_array().expect("hits");
    assert!(hits.iter().all(|hit| hit["session"]["id"] != json!(id)), "{known}");
    assert!(history.exists() && !home.path().join("repaired.jsonl").exists(), "it has the prompts of all sessions");
}

#[test]
fn the_copy_of_a_kept_session_is_no_problem() {
    let home = Home::of(&["cases/01-codex-zst", CLAUDE]);
    let issues = || output_json(&run(&home, &["doctor", "--json"]))["issues"].clone();
    let before = issues();
    for session in listed(&home) {
        assert_eq!(code(&run(&home, &["keep", session["id"].as_str().expect("id")])), 0);
    }
    assert!(archive_dir(&home).exists());
    assert_eq!(issues(), before, "the originals are read");
    assert!(text(&run(&home, &["doctor"]).stdout).contains("copies of kept sessions"));
}

#[test]
fn an_open_transcript_stays_whole_when_its_agent_deletes_it() {
    let home = Home::of(&[CLAUDE]);
    let path = home.path().join(".claude/projects/-home-dev-shop-api/20304183-e372-4cf9-a32c-ff8eafb51a71.jsonl");
    let key = SessionKey::new(Agent::Claude, "20304183-e372-4cf9-a32c-ff8eafb51a71");
    let mut running = Running::complete_and_watched(IndexOptions::new(home.environment(), std::time::Instant::now));
    running.index.open(7, key.clone());
    running.until("opened", |running| running.opened().is_some());
    let len = running.opened().expect("opened").len;
    purge(&path);
    running.until("listed as deleted", |running| running.catalog.get(&key).is_some_and(|session| session.flags.purged));
    running.index.read(7, 0..len);
    let pages = |running: &Running| {
        let pages = running.transcripts.iter().filter_map(|(_, event)| match event {
            TranscriptEvent::Page { entries, .. } => Some(entries.len()),
            _ => None,
        });
        pages.collect::<Vec<_>>()
    };
    running.until("read", |running| !pages(running).is_empty());
    assert_eq!(pages(&running), [len], "answers and tools too, not only the prompts that are left elsewhere");
    let is_gone = |(_, event): &(u64, TranscriptEvent)| matches!(event, TranscriptEvent::Gone);
    assert!(running.transcripts.iter().any(is_gone), "the reader is told");
    // Its reader is evicted for others; what is left is read then.
    let others = running.catalog.iter().filter(|session| !session.flags.purged && session.key != key);
    let others: Vec<SessionKey> = others.map(|session| session.key.clone()).take(7).collect();
    for (ticket, other) in (20..).zip(others) {
        running.index.open(ticket, other);
    }
    running.transcripts.clear();
    running.index.read(7, 0..len);
    let is_left = |(ticket, event): &(u64, TranscriptEvent)| {
        *ticket == 7 && matches!(event, TranscriptEvent::Opened(opened) if (1..len).contains(&opened.len))
    };
    running.until("the prompts are left", |running| running.transcripts.iter().any(is_left));
}
