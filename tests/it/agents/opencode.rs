//! OpenCode's databases and old JSON files, as the real program wrote them, and as they may be found otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;
use salon::agent::{
    Environment, Format, Marks, Progress, Refreshed, Root, Sessions, Summarised, TextLimit, Unit, format,
};
use salon::domain::transcript::{Action, Change, PlanStatus};
use salon::domain::{Agent, Entry, EntryKind, Session, Time, TitleSource, ToolStatus};

use crate::support::Home;

const V1_18: &str = "opencode/1.18.33";
const V1_2: &str = "opencode/1.2.27-migrated";
const V1_1: &str = "opencode/1.1.65-legacy";
const MAIN: &str = "ses_e02844f4dffeWpQzZyAvkx6h7I";

fn opencode() -> &'static dyn Format {
    format(Agent::OpenCode)
}

fn data(home: &Home) -> PathBuf {
    home.path().join(".local/share/opencode")
}

fn db(home: &Home) -> PathBuf {
    data(home).join("opencode.db")
}

fn root(home: &Home) -> Root {
    opencode().roots(&home.environment()).remove(0)
}

fn units(home: &Home) -> Vec<Unit> {
    opencode().discover(&root(home)).units
}

fn unit(home: &Home, path: &Path) -> Unit {
    units(home).into_iter().find(|unit| unit.path == path).expect("a unit")
}

fn summarise(home: &Home, progress: Option<&Progress>) -> Summarised {
    opencode().summarise(&unit(home, &db(home)), progress)
}

fn sessions(home: &Home) -> Vec<Session> {
    units(home).iter().flat_map(|unit| all(opencode().summarise(unit, None).sessions)).collect()
}

fn all(sessions: Sessions) -> Vec<Session> {
    match sessions {
        Sessions::All(sessions) => sessions,
        Sessions::Changed { .. } => panic!("all sessions were expected"),
    }
}

fn changed(sessions: Sessions) -> (Vec<String>, Vec<Arc<str>>) {
    match sessions {
        Sessions::Changed { sessions, removed } => {
            (sessions.iter().map(|session| session.key.id.to_string()).collect(), removed)
        }
        Sessions::All(_) => panic!("only changes were expected"),
    }
}

fn session(home: &Home, id: &str) -> Session {
    sessions(home).into_iter().find(|session| &*session.key.id == id).unwrap_or_else(|| panic!("{id} is missing"))
}

fn entries(session: &Session) -> Vec<Entry> {
    let mut reading = opencode().open(session).expect("open");
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}

/// One line an entry, as a person would tell it.
fn told(entries: &[Entry]) -> Vec<String> {
    let line = |entry: &Entry| {
        let status = entry.tool.as_ref().map(|tool| format!(" [{} {}]", tool.name, tool.status.name()));
        let text: String = entry.text.replace('\n', "|").chars().take(60).collect();
        format!("{}{}: {text}", entry.kind.name(), status.unwrap_or_default())
    };
    entries.iter().map(line).collect()
}

fn write(path: &Path) -> Connection {
    Connection::open(path).expect("a writer")
}

/// A session with one prompt and one answer, as 1.2 would write it.
fn add_session(connection: &Connection, id: &str, title: &str, prompt: &str) {
    let message = |role: &str, at: i64| {
        let rest = if role == "user" { String::new() } else { format!(r#","parentID":"{id}u","completed":{at}"#) };
        format!(r#"{{"role":"{role}","time":{{"created":{at},"completed":{at}}}{rest}}}"#)
    };
    let sql = "insert into session (id, project_id, slug, directory, title, version, time_created, time_updated)
               values (?1, (select id from project limit 1), 's', '/home/u/my-app_v1.2', ?2, '1', 1795000000000, 1795000000000)";
    connection.execute(sql, [id, title]).expect("session");
    for (role, suffix, at, text) in
        [("user", "u", 1_795_000_000_000, prompt), ("assistant", "v", 1_795_000_001_000, "Done")]
    {
        let (own, part) = (format!("msg_{id}{suffix}"), format!("prt_{id}{suffix}"));
        let sql = "insert into message (id, session_id, time_created, time_updated, data) values (?1, ?2, ?3, ?3, ?4)";
        connection.execute(sql, (&own, id, at, message(role, at))).expect("message");
        add_part(connection, &part, &own, id, &serde_json::json!({ "type": "text", "text": text }).to_string());
    }
}

fn add_part(connection: &Connection, id: &str, message: &str, session: &str, data: &str) {
    let sql =
        "insert into part (id, message_id, session_id, time_created, time_updated, data) values (?1, ?2, ?3, 1, 1, ?4)";
    connection.execute(sql, [id, message, session, data]).expect("part");
}

#[test]
fn a1_a25_sessions_of_every_generation_are_found() {
    let count = |fixture: &str| sessions(&Home::of(&[fixture])).len();
    assert_eq!((count(V1_18), count(V1_2), count(V1_1)), (24, 5, 5));
    let home = Home::of(&[V1_2, V1_1]);
    let found = units(&home);
    assert_eq!(found.len(), 6);
    // The same sessions lie in the database and in files; of two equally new ones the lower kind counts.
    for file in found.iter().filter(|unit| unit.path != db(&home)) {
        let old = all(opencode().summarise(file, None).sessions).remove(0);
        let new = all(summarise(&home, None).sessions).into_iter().find(|new| new.key == old.key).expect("migrated");
        assert_eq!((new.last_activity, new.messages), (old.last_activity, old.messages), "{}", old.key);
        assert_eq!((&new.title, &new.cwd, new.turns, new.tokens), (&old.title, &old.cwd, old.turns, old.tokens));
        assert!(unit(&home, &db(&home)).kind < file.kind);
        assert_eq!(told(&entries(&new)), told(&entries(&old)));
    }
}

#[test]
fn a2_a_default_title_gives_way_to_the_first_prompt() {
    let home = Home::of(&[V1_18]);
    let untitled = session(&home, "ses_e02886b7bffefCjOALyKB8pw0R");
    assert_eq!((&*untitled.title.text, untitled.title.source), ("hi", TitleSource::Prompt));
    let named = session(&home, "ses_e0286ab2cffeDj0Ik6DQZ0T5vk");
    assert_eq!((&*named.title.text, named.title.source), ("Renamed in lab", TitleSource::Agent));
    let connection = write(&db(&home));
    add_session(&connection, "ses_long", "New session - 2026-11-21T09:37:14.884Z (fork #2)", &"ä".repeat(500));
    let long = session(&home, "ses_long");
    assert_eq!(long.title.text.chars().count(), 200);
    assert!(long.flags.fork);
}

#[test]
fn a4_messages_of_a_summary_equal_the_entries_of_a_reading() {
    for fixture in [V1_18, V1_2, V1_1] {
        let home = Home::of(&[fixture]);
        for session in sessions(&home) {
            let mut reading = opencode().open(&session).expect("open");
            let entries = reading.read(0..usize::MAX, TextLimit::SCREEN);
            assert_eq!(session.messages as usize, reading.len(), "{fixture} {}", session.key);
            assert_eq!(session.messages as usize, entries.len(), "{fixture} {}", session.key);
            assert_eq!(session.turns as usize, reading.marks(Marks::Prompts).len(), "{fixture} {}", session.key);
            assert_eq!(session.flags.empty, entries.is_empty());
            assert!(reading.issues().is_empty() && session.complete);
        }
    }
}

#[test]
fn a5_all_texts_of_a_prompt_are_shown_and_tools_have_their_results() {
    let home = Home::of(&[V1_18]);
    let connection = write(&db(&home));
    add_session(&connection, "ses_two", "Two", "first");
    add_part(&connection, "prt_ses_twou2", "msg_ses_twou", "ses_two", r#"{"type":"text","text":"second"}"#);
    add_part(
        &connection,
        "prt_ses_twou3",
        "msg_ses_twou",
        "ses_two",
        r#"{"type":"text","text":"hidden","synthetic":true}"#,
    );
    add_part(&connection, "prt_ses_twou4", "msg_ses_twou", "ses_two", r#"{"type":"text","text":" \n"}"#);
    let file = r#"{"type":"file","mime":"image/png","filename":"shot.png","url":"data:image/png;base64,AAAA"}"#;
    add_part(&connection, "prt_ses_twou5", "msg_ses_twou", "ses_two", file);
    let two = session(&home, "ses_two");
    assert_eq!(two.turns, 1);
    let lines = told(&entries(&two));
    assert_eq!(lines, ["prompt: first", "prompt: second", "image: shot.png (image/png)", "text: Done"]);
    let tool = entries(&session(&home, MAIN)).into_iter().find(|entry| entry.kind == EntryKind::Tool).expect("a tool");
    let tool = tool.tool.expect("its call");
    assert!(tool.output.contains("Done after 1 tool call(s)"), "{}", tool.output);
    assert_eq!(tool.subagent.as_deref(), Some("ses_e02844b55ffexs5Rsr2jZW4s7E"));
    assert_eq!(tool.duration_ms, Some(509));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a6_pages_together_are_the_whole(page in 1usize..9) {
        let home = Home::of(&[V1_18]);
        let session = session(&home, MAIN);
        let whole: Vec<_> = entries(&session).iter().map(|entry| entry.key).collect();
        let mut reading = opencode().open(&session).expect("open");
        let mut united = Vec::new();
        for start in (0..whole.len()).step_by(page) {
            let part = reading.read(start..start + page, TextLimit::SCREEN);
            prop_assert_eq!(part.len(), page.min(whole.len() - start));
            united.extend(part.iter().map(|entry| entry.key));
        }
        prop_assert_eq!(&united, &whole);
        let tail: Vec<_> = opencode().tail(&session, page).expect("tail").iter().map(|entry| entry.key).collect();
        prop_assert!(tail.len() >= page.min(whole.len()));
        prop_assert_eq!(&tail[..], &whole[whole.len() - tail.len()..]);
    }
}

#[test]
fn a10_a_session_deleted_in_the_database_is_gone() {
    let home = Home::of(&[V1_18]);
    let victim = session(&home, MAIN);
    let mut reading = opencode().open(&victim).expect("open");
    let before = summarise(&home, None);
    assert_eq!(reading.refresh(), Refreshed::Same);
    let writer = write(&db(&home));
    for sql in [
        "delete from part where session_id = ?1",
        "delete from message where session_id = ?1",
        "delete from session where id = ?1",
    ] {
        writer.execute(sql, [MAIN]).expect("delete");
    }
    let (sessions, removed) = changed(summarise(&home, Some(&before.progress)).sessions);
    assert_eq!((sessions, removed), (vec![], vec![Arc::from(MAIN)]));
    assert_eq!(reading.refresh(), Refreshed::Gone);
    assert!(opencode().open(&victim).is_err());
}

#[test]
fn a14_the_directory_is_the_recorded_one_and_the_resume_starts_there() {
    let home = Home::of(&[V1_18]);
    add_session(&write(&db(&home)), "ses_dir", "Dir", "hi");
    let session = session(&home, "ses_dir");
    assert_eq!(&*session.cwd, "/home/u/my-app_v1.2");
    let launch = opencode().resume(&session, &["--model".into(), "a b".into()]);
    assert_eq!(launch.shell_line(), "cd /home/u/my-app_v1.2 && opencode -s ses_dir --model 'a b'");
    assert_eq!(opencode().refuses(&session), None);
}

#[test]
fn a25_an_old_session_in_files_only_says_why_it_cannot_be_resumed() {
    let home = Home::of(&[V1_1]);
    let session = sessions(&home).remove(0);
    assert!(opencode().refuses(&session).is_some_and(|reason| reason.contains("OpenCode 1.1")));
}

/// No 2.x was at hand: this is what descriptions of it say, and is marked unverified where it is read.
#[test]
fn a25_h10_tables_of_2_x_win_over_the_frozen_ones_of_the_same_database() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_moved", "Moved", "old text");
    writer
        .execute_batch(
            "pragma foreign_keys = off;
             create table session_v2 (id text primary key, parent_id text, fork_session_id text, directory text,
                title text, time_created integer, time_updated integer, time_archived integer);
             insert into session_v2 values ('ses_moved', null, null, '/home/dev/v2', 'Moved', 1795000000000, 1795000009000, null);
             insert into session_v2 values ('ses_new', null, 'ses_moved', '/home/dev/v2', 'New', 1795000000000, 1795000009000, null);
             delete from session_message;",
        )
        .expect("v2 tables");
    let rows = [
        (
            "ses_moved",
            "user",
            r#"{"text":"new text","files":[{"uri":"file:///a.png","mime":"image/png","name":"a.png"}]}"#,
        ),
        ("ses_moved", "model-switched", r#"{"model":{"id":"opus","providerID":"anthropic"}}"#),
        (
            "ses_moved",
            "assistant",
            r#"{"model":{"id":"sonnet","providerID":"anthropic"},"cost":0.5,"tokens":{"input":1,"output":2,"reasoning":3,"cache":{"read":4,"write":5}},
                "time":{"created":1795000001000,"completed":1795000002000},
                "content":[{"type":"reasoning","id":"r","text":"hm"},{"type":"text","text":"Listing."},
                {"type":"tool","id":"call_1","name":"bash","time":{"created":1,"ran":1795000001000,"completed":1795000001500},
                 "state":{"status":"completed","input":{"command":"ls"},"content":[{"type":"text","text":"a.png"}],"structured":{"exit":0}}}]}"#,
        ),
        ("ses_moved", "compaction", r#"{"reason":"auto","summary":"It went well."}"#),
        ("ses_moved", "idle", "{}"),
        ("ses_moved", "hologram", r#"{"x":1}"#),
        ("ses_new", "user", r#"{"text":"forked"}"#),
    ];
    for (seq, (session, kind, data)) in (0i64..).zip(&rows) {
        let sql = "insert into session_message values (?1, ?2, ?3, ?4, 1795000001000, 1795000001000, ?5)";
        writer.execute(sql, (format!("msg_{seq}"), session, kind, seq, data)).expect("row");
    }
    let found: Vec<_> = sessions(&home).into_iter().filter(|session| &*session.key.id == "ses_moved").collect();
    let [moved] = &found[..] else { panic!("{} times", found.len()) };
    assert_eq!((&*moved.cwd, moved.model.as_deref()), ("/home/dev/v2", Some("anthropic/sonnet")));
    assert_eq!((moved.tokens.output, moved.cost_usd, moved.turns), (5, Some(0.5), 1));
    let lines = told(&entries(moved));
    assert_eq!(moved.messages as usize, lines.len());
    assert_eq!(
        lines,
        [
            "prompt: new text",
            "image: a.png (image/png)",
            "thinking: hm",
            "text: Listing.",
            "tool [bash done]: ls",
            "notice: Conversation compacted, its context being full",
            "text: It went well.",
            r#"other: {"data":{"x":1},"type":"session_message: hologram"}"#,
        ]
    );
    assert_eq!(session(&home, "ses_new").forked_from.as_deref(), Some("ses_moved"));
    // The others of the old tables are still there.
    assert!(session(&home, MAIN).messages > 0);

    let before = summarise(&home, None);
    let mut reading = opencode().open(moved).expect("open");
    // Rows change in place: the number of rows and the newest `seq` stay.
    let sql =
        "update session_message set data = '{\"text\":\"changed\"}', time_updated = 1795000003000 where id = 'msg_0'";
    writer.execute(sql, []).expect("update");
    assert_eq!(changed(summarise(&home, Some(&before.progress)).sessions), (vec!["ses_moved".into()], vec![]));
    assert_eq!(reading.refresh(), Refreshed::Grown { from: 0 });
    assert_eq!(told(&reading.read(0..1, TextLimit::NONE)), ["prompt: changed"]);
}

#[test]
fn a25_a_name_for_each_place() {
    let home = Home::empty();
    let with = |vars: &[(&str, &str)]| Environment {
        vars: vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..home.environment()
    };
    let paths = |environment: &Environment| -> Vec<PathBuf> {
        opencode().roots(environment).into_iter().map(|root| root.path).collect()
    };
    assert_eq!(paths(&with(&[])), [data(&home)]);
    assert_eq!(paths(&with(&[("XDG_DATA_HOME", "/x"), ("OPENCODE_DB", ":memory:")])), [PathBuf::from("/x/opencode")]);
    let relative = paths(&with(&[("OPENCODE_DB", "work/my.db")]));
    assert_eq!(relative, [data(&home), data(&home).join("work/my.db")]);
    assert_eq!(paths(&with(&[("OPENCODE_DB", "/d/my.db")])), [data(&home), PathBuf::from("/d/my.db")]);
    // Channels have databases of their own.
    let home = Home::of(&[V1_18]);
    fs::copy(db(&home), data(&home).join("opencode-beta.db")).expect("copy");
    fs::copy(db(&home), data(&home).join("other.db")).expect("copy");
    assert_eq!(units(&home).len(), 2);
    let watch = root(&home).watch;
    for name in ["opencode.db", "opencode.db-wal", "opencode-beta.db-wal", "storage/session", "storage/message"] {
        assert!(watch.contains(&data(&home).join(name)), "{name}");
    }
    let lone = Root { agent: Agent::OpenCode, path: data(&home).join("other.db"), watch: Vec::new() };
    assert_eq!(opencode().discover(&lone).units.len(), 1);
}

#[test]
fn a29_a_broken_part_is_counted_and_its_neighbours_are_intact() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_broken", "Broken", "hi");
    add_part(&writer, "prt_ses_brokenv0", "msg_ses_brokenv", "ses_broken", r#"{"type":"text","text":"cut of"#);
    let broken = session(&home, "ses_broken");
    assert_eq!((broken.unreadable, broken.flags.unreadable), (1, true));
    let mut reading = opencode().open(&broken).expect("open");
    assert_eq!(told(&reading.read(0..9, TextLimit::NONE)), ["prompt: hi", "text: Done"]);
    assert_eq!(reading.issues().len(), 1);
    writer.execute("update message set data = 'x' where id = 'msg_ses_brokenv'", []).expect("update");
    let broken = session(&home, "ses_broken");
    assert_eq!((broken.unreadable, broken.messages), (1, 1));
}

#[test]
fn a30_h8_activity_is_the_last_message_and_never_1970() {
    let year = Time::parse("2026-01-01T00:00:00Z").expect("a time");
    for fixture in [V1_18, V1_2, V1_1] {
        for session in sessions(&Home::of(&[fixture])) {
            let (started, last) = (session.started_at.expect("start"), session.last_activity.expect("activity"));
            assert!(year < started && started <= last, "{}", session.key);
        }
    }
    let home = Home::of(&[V1_18]);
    write(&db(&home)).execute("update session set time_updated = 1999999999999 where id = ?1", [MAIN]).expect("update");
    assert_eq!(session(&home, MAIN).last_activity, Time::parse("2026-11-21T09:47:12.703Z").or(None));
}

#[test]
fn facts_of_real_sessions() {
    let home = Home::of(&[V1_18]);
    let main = session(&home, MAIN);
    assert!(main.flags.archived && !main.flags.subagent);
    assert_eq!(main.model.as_deref(), Some("anthropic/claude-sonnet-4-5"));
    assert_eq!((main.tokens.input, main.tokens.output, main.cost_usd), (108, 265, Some(0.09961)));
    assert_eq!(
        told(&entries(&main))[..10],
        [
            "prompt: plan TODO",
            "text: Let me do that.",
            "plan [todowrite done]: - [x] First step|- [~] Second step",
            "text: Done after 1 tool call(s). You asked: plan TODO",
            "notice: Conversation compacted",
            "text: <analysis>Mock analysis.</analysis>|<summary>|Mock compactio",
            "prompt: TASK: look around TOOL:bash pwd",
            "text: Let me do that.",
            "tool [task done]: Look around",
            "text: Done after 1 tool call(s). You asked: TASK: look around TOOL",
        ]
    );
    let child = session(&home, "ses_e02844b55ffexs5Rsr2jZW4s7E");
    assert_eq!((child.flags.subagent, child.parent.as_deref()), (true, Some(MAIN)));
    assert!(session(&home, "ses_e02852496ffelINPvgweUOP9DG").flags.fork);
    assert!(session(&home, "ses_e026b03f1ffemr6SksTl1Ln0fp").flags.empty);
}

#[test]
fn facts_of_real_tools_and_failures() {
    let home = Home::of(&[V1_18]);
    let tools: Vec<_> = sessions(&home).iter().flat_map(entries).filter_map(|entry| entry.tool).collect();
    let action = |name: &str, status| {
        let found = tools.iter().find(|tool| &*tool.name == name && tool.status == status);
        found.unwrap_or_else(|| panic!("{name}")).action.clone()
    };
    assert!(matches!(action("bash", ToolStatus::Done), Action::Command { exit_code: Some(_), .. }));
    assert!(matches!(action("bash", ToolStatus::Denied), Action::Command { exit_code: None, .. }));
    let Action::Plan(items) = action("todowrite", ToolStatus::Done) else { panic!("a plan") };
    assert_eq!(items.iter().map(|item| item.status).collect::<Vec<_>>(), [PlanStatus::Done, PlanStatus::Active]);
    let Action::Edit(changes) = action("edit", ToolStatus::Done) else { panic!("an edit") };
    assert!(matches!(&changes[0].change, Change::Patch(diff) if diff.starts_with("@@ -1,1 +1,1 @@\n-<b>new")));
    let Action::Edit(changes) = action("write", ToolStatus::Done) else { panic!("a write") };
    assert!(matches!(&changes[0].change, Change::Write(_)) && changes[0].path.starts_with('/'));
    assert!(matches!(action("question", ToolStatus::Done), Action::Question { question } if question == "Which?"));

    let aborted = session(&home, "ses_e02872eccffe6dhKVZyIu83zGu");
    let last = entries(&aborted).pop().expect("entries");
    assert_eq!((last.level, &*last.text), (salon::domain::event::Level::Warning, "Interrupted"));
    let failed = session(&home, "ses_e02887d55ffebM1KxL7UHXEtLY");
    let mut reading = opencode().open(&failed).expect("open");
    assert_eq!(reading.marks(Marks::Errors), [1]);
    assert_eq!(told(&reading.read(1..2, TextLimit::NONE)), ["notice: APIError: model: nope-model"]);
    let raw = String::from_utf8(reading.raw(0)).expect("JSON");
    assert!(raw.contains(r#""role":"user""#) && raw.contains(r#""text":"#), "{raw}");
}

#[test]
fn texts_are_cut_at_the_limit_and_say_so() {
    let home = Home::of(&[V1_18]);
    add_session(&write(&db(&home)), "ses_long", "Long", &"ä".repeat(100));
    let mut reading = opencode().open(&session(&home, "ses_long")).expect("open");
    let cut = reading.read(0..2, TextLimit(33));
    assert_eq!((cut[0].text.len(), cut[0].truncated, cut[1].truncated), (32, true, false));
}

#[test]
fn only_what_changed_is_summed_up_again() {
    let home = Home::of(&[V1_18]);
    let first = summarise(&home, None);
    let none = summarise(&home, Some(&first.progress));
    assert_eq!((changed(none.sessions), none.bytes_read), ((vec![], vec![]), 0));
    let writer = write(&db(&home));
    add_session(&writer, "ses_added", "Added", "hi");
    let second = summarise(&home, Some(&first.progress));
    assert_eq!(changed(second.sessions), (vec!["ses_added".into()], vec![]));
    writer.execute("update session set title = 'Else' where id = ?1", [MAIN]).expect("rename");
    let third = summarise(&home, Some(&second.progress));
    assert_eq!(changed(third.sessions), (vec![MAIN.into()], vec![]));
    // While its newest message is open, a session's parts change without anything else changing.
    writer
        .execute("update message set data = json_remove(data, '$.time.completed') where id = 'msg_ses_addedv'", [])
        .expect("open");
    writer.execute("update message set time_updated = 1795000002000 where id = 'msg_ses_addedv'", []).expect("open");
    let fourth = summarise(&home, Some(&third.progress));
    let sql =
        "update part set data = '{\"type\":\"text\",\"text\":\"\"}', time_updated = 2 where id = 'prt_ses_addedv'";
    writer.execute(sql, []).expect("stream");
    let Sessions::Changed { sessions, .. } = summarise(&home, Some(&fourth.progress)).sessions else {
        panic!("changes")
    };
    assert_eq!((sessions.len(), sessions[0].messages), (1, 1));
    // A state that cannot be read: from the start.
    let broken = Progress { state: b"?".to_vec(), ..first.progress };
    assert_eq!(all(summarise(&home, Some(&broken)).sessions).len(), 25);
}

#[test]
fn a_reading_follows_what_is_written() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_live", "Live", "hi");
    let mut reading = opencode().open(&session(&home, "ses_live")).expect("open");
    assert_eq!((reading.len(), reading.refresh()), (2, Refreshed::Same));
    add_part(
        &writer,
        "prt_ses_livew",
        "msg_ses_livev",
        "ses_live",
        r#"{"type":"tool","tool":"bash","callID":"c","state":{"status":"running","input":{"command":"ls"}}}"#,
    );
    assert_eq!(reading.refresh(), Refreshed::Grown { from: 1 });
    let sql = "update part set time_updated = 9, data = '{\"type\":\"tool\",\"tool\":\"bash\",\"callID\":\"c\",\"state\":{\"status\":\"completed\",\"input\":{\"command\":\"ls\"},\"output\":\"a\"}}' where id = 'prt_ses_livew'";
    writer.execute(sql, []).expect("update");
    assert_eq!(reading.refresh(), Refreshed::Grown { from: 1 });
    assert_eq!(told(&reading.read(0..9, TextLimit::NONE)), ["prompt: hi", "text: Done", "tool [bash done]: ls"]);
    writer.execute("delete from message where id = 'msg_ses_liveu'", []).expect("undo");
    assert_eq!(reading.refresh(), Refreshed::Reset);
    assert_eq!(reading.len(), 2);
}

#[test]
fn rows_that_lie_in_the_log_only_are_seen_and_no_byte_changes() {
    let home = Home::of(&[V1_18]);
    let path = db(&home);
    let writer = write(&path);
    let mode: String = writer.query_row("pragma journal_mode = wal", [], |row| row.get(0)).expect("wal");
    assert_eq!(mode, "wal");
    writer.execute_batch("pragma wal_autocheckpoint = 0").expect("no checkpoints");
    let before = unit(&home, &path).stamp;
    add_session(&writer, "ses_wal", "In the log", "hi");
    let log = data(&home).join("opencode.db-wal");
    let bytes = (fs::read(&path).expect("db"), fs::read(&log).expect("log"));
    assert_ne!(unit(&home, &path).stamp, before);
    assert_eq!(told(&entries(&session(&home, "ses_wal"))), ["prompt: hi", "text: Done"]);
    assert!((fs::read(&path).expect("db"), fs::read(&log).expect("log")) == bytes);
    let affected = opencode().affected(&root(&home), &log);
    assert_eq!(affected[0].0, path);
    assert!(opencode().affected(&root(&home), &data(&home).join("opencode.db-shm")).is_empty());
    // The writer went without cleaning up: the log is still the truth, and still nobody's to touch.
    std::mem::forget(writer);
    drop(session(&home, "ses_wal"));
    assert!((fs::read(&path).expect("db"), fs::read(&log).expect("log")) == bytes);
}

#[test]
fn where_no_side_file_can_be_made_a_copy_is_read() {
    let home = Home::of(&[V1_18]);
    let path = db(&home);
    let writer = write(&path);
    writer.query_row("pragma journal_mode = wal", [], |_| Ok(())).expect("wal");
    writer.execute_batch("pragma wal_autocheckpoint = 0").expect("no checkpoints");
    add_session(&writer, "ses_wal", "In the log", "hi");
    let other = Home::empty();
    fs::create_dir_all(data(&other)).expect("directory");
    fs::copy(&path, db(&other)).expect("db");
    // A directory in the place of the shared memory keeps even root from opening it.
    fs::create_dir(data(&other).join("opencode.db-shm")).expect("obstacle");
    assert_eq!(sessions(&other).len(), 24, "without a log the file is all there is");
    fs::copy(data(&home).join("opencode.db-wal"), data(&other).join("opencode.db-wal")).expect("log");
    let copied = session(&other, "ses_wal");
    assert_eq!(sessions(&other).len(), 25);
    let mut reading = opencode().open(&copied).expect("open");
    assert_eq!((reading.len(), reading.refresh()), (2, Refreshed::Same));
    add_part(&writer, "prt_ses_walx", "msg_ses_walv", "ses_wal", r#"{"type":"text","text":"more"}"#);
    fs::copy(data(&home).join("opencode.db-wal"), data(&other).join("opencode.db-wal")).expect("log");
    assert_eq!(reading.refresh(), Refreshed::Grown { from: 1 });
    assert_eq!(reading.len(), 3);
}

#[test]
fn a_locked_database_is_one_issue_and_forgets_nothing() {
    let home = Home::of(&[V1_18]);
    let first = summarise(&home, None);
    let writer = write(&db(&home));
    writer.query_row("pragma journal_mode = delete", [], |_| Ok(())).expect("no log");
    writer.execute_batch("begin exclusive").expect("lock");
    let locked = summarise(&home, Some(&first.progress));
    assert_eq!(locked.issues.len(), 1);
    assert!(locked.issues[0].reason.contains("locked"), "{}", locked.issues[0].reason);
    assert_eq!(changed(locked.sessions), (vec![], vec![]));
    assert_ne!(locked.progress.cursor.stamp, unit(&home, &db(&home)).stamp, "it counts as unread");
    writer.execute_batch("rollback").expect("unlock");
    let free = summarise(&home, Some(&locked.progress));
    assert!(free.issues.is_empty());
    assert_eq!(changed(free.sessions), (vec![], vec![]));
}

#[test]
fn garbage_in_place_of_a_database_is_one_issue_each() {
    let issues = |make: &dyn Fn(&Path)| {
        let home = Home::empty();
        fs::create_dir_all(data(&home)).expect("directory");
        make(&db(&home));
        let found = opencode().discover(&root(&home));
        let read = found.units.iter().flat_map(|unit| {
            let summarised = opencode().summarise(unit, None);
            assert!(all(summarised.sessions).is_empty());
            summarised.issues
        });
        let issues: Vec<_> = read.chain(found.issues).map(|issue| issue.reason).collect();
        (issues, home)
    };
    let one = |make: &dyn Fn(&Path), word: &str| {
        let (found, _) = issues(make);
        assert!(found.len() == 1 && found[0].contains(word), "{word}: {found:?}");
    };
    one(&|path| fs::write(path, vec![b'x'; 8192]).expect("write"), "damaged");
    one(&|path| fs::write(path, "").expect("write"), "empty");
    one(&|path| fs::create_dir(path).expect("directory"), "directory");
    one(
        &|path| write(path).execute_batch("create table cats (name text)").expect("table"),
        "unknown database layout (cats)",
    );
    one(&|path| write(path).execute_batch("create table a (b); drop table a").expect("table"), "no tables");
    one(
        &|path| {
            write(path)
                .execute_batch("create table session (id); create table message (x); create table part (y)")
                .expect("t")
        },
        "unknown",
    );
    let wal = |path: &Path| path.with_file_name("opencode.db-wal");
    let (found, _) = issues(&|path| fs::write(wal(path), "log").expect("write"));
    assert!(found.is_empty(), "a log alone is nothing: {found:?}");
    // SQLite deletes a log beside an empty database, if it is let.
    let (found, home) = issues(&|path| {
        fs::write(path, "").expect("write");
        fs::write(wal(path), "log").expect("write");
    });
    assert_eq!(found.len(), 1);
    assert!(data(&home).join("opencode.db-wal").exists());
}

#[test]
fn a_database_damaged_in_the_middle_yields_what_it_can() {
    let home = Home::of(&[V1_18]);
    let path = db(&home);
    let mut bytes = fs::read(&path).expect("db");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 16_384].fill(0xff);
    fs::write(&path, &bytes).expect("write");
    let summarised = summarise(&home, None);
    assert_eq!(summarised.issues.len(), 1);
    assert_eq!(fs::read(&path).expect("db"), bytes);
}

#[test]
fn h14_json_files_cut_short_do_no_harm_to_others() {
    let home = Home::of(&[V1_1]);
    let whole = session(&home, "ses_e02832c5fffeYXRWJWhlGDolzl");
    let storage = data(&home).join("storage");
    // A part of its last message is just being written.
    let messages = fs::read_dir(storage.join("message").join(&*whole.key.id)).expect("messages");
    let mut stems: Vec<_> = messages.map(|entry| entry.expect("entry").path()).collect();
    stems.sort();
    let parts = storage.join("part").join(stems[1].file_stem().expect("stem"));
    let text = fs::read_dir(&parts).expect("parts").map(|entry| entry.expect("entry").path());
    let text = text.max_by_key(|path| fs::metadata(path).expect("part").len()).expect("a part");
    fs::write(&text, "{ \"id\": \"prt_").expect("cut");
    let cut = session(&home, &whole.key.id);
    assert_eq!((cut.unreadable, cut.flags.unreadable), (1, true));
    assert_eq!(cut.messages as usize, entries(&cut).len());
    // The session's own file is.
    fs::write(&whole.path, "{\n  \"id\": \"ses").expect("cut");
    let unit = unit(&home, &whole.path);
    let summarised = opencode().summarise(&unit, None);
    assert_eq!(summarised.issues.len(), 1);
    assert!(all(summarised.sessions)[0].flags.unreadable);
    assert_eq!(sessions(&home).len(), 5);
}

#[test]
fn changes_of_json_files_belong_to_their_session() {
    let home = Home::of(&[V1_1]);
    let session = session(&home, "ses_e02832c5fffeYXRWJWhlGDolzl");
    let storage = data(&home).join("storage");
    let messages = storage.join("message").join(&*session.key.id);
    let message = fs::read_dir(&messages).expect("messages").next().expect("one").expect("entry").path();
    let parts = storage.join("part").join(message.file_stem().expect("stem"));
    let part = fs::read_dir(parts).expect("parts").next().expect("one").expect("entry").path();
    for path in [&session.path, &message, &part] {
        let affected = opencode().affected(&root(&home), path);
        assert_eq!(affected.len(), 1, "{}", path.display());
        assert_eq!(affected[0].0, session.path);
        assert!(affected[0].1.is_some());
    }
    assert!(opencode().affected(&root(&home), &storage.join("project/global.json")).is_empty());
    let mut reading = opencode().open(&session).expect("open");
    assert_eq!(reading.refresh(), Refreshed::Same);
    let before = unit(&home, &session.path).stamp;
    let data = r#"{"id":"msg_zz","role":"user","time":{"created":1795254999000}}"#;
    fs::write(messages.join("msg_zz.json"), data).expect("message");
    let folder = storage.join("part/msg_zz");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("prt_zz.json"), r#"{"type":"text","text":"more"}"#).expect("part");
    assert_ne!(unit(&home, &session.path).stamp, before);
    let len = reading.len();
    assert_eq!(reading.refresh(), Refreshed::Grown { from: len });
    assert_eq!(told(&reading.read(len..len + 1, TextLimit::NONE)), ["prompt: more"]);
    fs::remove_file(&session.path).expect("delete");
    assert_eq!(reading.refresh(), Refreshed::Gone);
    assert_eq!(opencode().affected(&root(&home), &session.path), [(session.path.clone(), None)]);
}

#[test]
fn nothing_at_all_is_no_issue() {
    let home = Home::empty();
    let found = opencode().discover(&root(&home));
    assert!(found.units.is_empty() && found.issues.is_empty());
}
