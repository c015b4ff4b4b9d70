//! OpenCode's databases and old JSON files, as the real program wrote them, and as they may be found otherwise.

mod changes;
mod garbage;
mod open;
mod v2;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;
use salon::agent::{
    Environment, Format, MarkKind, Source, SourceRoot, SourceSessions, SourceSummary, SummaryProgress, TextLimit,
    format,
};
use salon::domain::transcript::{ChangeKind, PlanStatus, ToolAction};
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

fn root(home: &Home) -> SourceRoot {
    opencode().roots(&home.environment()).remove(0)
}

fn units(home: &Home) -> Vec<Source> {
    opencode().discover(&root(home)).sources
}

fn unit(home: &Home, path: &Path) -> Source {
    units(home).into_iter().find(|unit| unit.path == path).expect("a unit")
}

fn summarise(home: &Home, progress: Option<&SummaryProgress>) -> SourceSummary {
    opencode().summarise(&unit(home, &db(home)), progress)
}

fn sessions(home: &Home) -> Vec<Session> {
    units(home).iter().flat_map(|unit| all(opencode().summarise(unit, None).sessions)).collect()
}

fn all(sessions: SourceSessions) -> Vec<Session> {
    match sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("all sessions were expected"),
    }
}

fn changed(sessions: SourceSessions) -> (Vec<String>, Vec<Arc<str>>) {
    match sessions {
        SourceSessions::Changed { sessions, removed } => {
            (sessions.iter().map(|session| session.key.id.to_string()).collect(), removed)
        }
        SourceSessions::All(_) => panic!("only changes were expected"),
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
            assert_eq!(session.turns as usize, reading.marks(MarkKind::Prompts).len(), "{fixture} {}", session.key);
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
    let expected =
        ["prompt: first", "prompt: second", "notice: hidden", "image: shot.png (image/png, 3 bytes)", "text: Done"];
    assert_eq!(lines, expected);
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
fn a14_the_directory_is_the_recorded_one_and_the_resume_starts_there() {
    let home = Home::of(&[V1_18]);
    add_session(&write(&db(&home)), "ses_dir", "Dir", "hi");
    let session = session(&home, "ses_dir");
    assert_eq!(&*session.cwd, "/home/u/my-app_v1.2");
    let launch = opencode().resume(&session, &["--model".into(), "a b".into()]);
    assert_eq!(launch.shell_line(), "cd /home/u/my-app_v1.2 && opencode --session=ses_dir --model 'a b'");
    assert_eq!(opencode().resume_refusal(&session), None);
}

#[test]
fn a25_an_old_session_in_files_only_says_why_it_cannot_be_resumed() {
    let home = Home::of(&[V1_1]);
    let session = sessions(&home).remove(0);
    assert!(opencode().resume_refusal(&session).is_some_and(|reason| reason.contains("OpenCode 1.1")));
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
    // A name stands for all that begin with it: those of channels that are yet to come, and of their logs.
    assert_eq!(watch, ["opencode", "storage/session", "tool-output"].map(|name| data(&home).join(name)));
    // Messages take a watch a session: only where OpenCode is so old that it has no database.
    assert!(!watch.contains(&data(&home).join("storage/message")));
    let old = Home::of(&[V1_1]);
    assert!(root(&old).watch.contains(&data(&old).join("storage/message")));
    let lone =
        SourceRoot { agent: Agent::OpenCode, path: data(&home).join("other.db"), watch: Vec::new(), origin: None };
    assert_eq!(opencode().discover(&lone).sources.len(), 1);
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
    assert!(matches!(action("bash", ToolStatus::Done), ToolAction::Command { exit_code: Some(_), .. }));
    assert!(matches!(action("bash", ToolStatus::Denied), ToolAction::Command { exit_code: None, .. }));
    let ToolAction::Plan(items) = action("todowrite", ToolStatus::Done) else { panic!("a plan") };
    assert_eq!(items.iter().map(|item| item.status).collect::<Vec<_>>(), [PlanStatus::Done, PlanStatus::Active]);
    let ToolAction::Edit(changes) = action("edit", ToolStatus::Done) else { panic!("an edit") };
    assert!(matches!(&changes[0].kind, ChangeKind::Patch(diff) if diff.starts_with("@@ -1,1 +1,1 @@\n-<b>new")));
    let ToolAction::Edit(changes) = action("write", ToolStatus::Done) else { panic!("a write") };
    assert!(matches!(&changes[0].kind, ChangeKind::Write(_)) && changes[0].path.starts_with('/'));
    assert!(
        matches!(action("question", ToolStatus::Done), ToolAction::Question { question, .. } if question == "Which?")
    );

    let aborted = session(&home, "ses_e02872eccffe6dhKVZyIu83zGu");
    let last = entries(&aborted).pop().expect("entries");
    assert_eq!((last.level, &*last.text), (salon::domain::event::NoticeLevel::Warning, "Interrupted"));
    let failed = session(&home, "ses_e02887d55ffebM1KxL7UHXEtLY");
    let mut reading = opencode().open(&failed).expect("open");
    assert_eq!(reading.marks(MarkKind::Errors), [1]);
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
