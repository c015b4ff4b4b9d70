//! goose's database as the real program wrote it, and old files as its documentation describes them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use salon::agent::{Format, MarkKind, RefreshOutcome, Source, SourceSessions, SourceSummary, TextLimit, format};
use salon::domain::transcript::{ChangeKind, ToolAction};
use salon::domain::{Agent, Entry, Session, Time, TitleSource, ToolStatus};

use crate::support::Home;

const V1_34: &str = "goose/1.34.0";

fn goose() -> &'static dyn Format {
    format(Agent::Goose)
}

fn data(home: &Home) -> PathBuf {
    home.path().join(".local/share/goose/sessions")
}

fn units(home: &Home) -> Vec<Source> {
    goose().discover(&goose().roots(&home.environment())[0]).sources
}

fn summarise(home: &Home, before: Option<&SourceSummary>) -> SourceSummary {
    goose().summarise(&units(home)[0], before.map(|before| &before.progress))
}

fn sessions(home: &Home) -> Vec<Session> {
    let all = |summarised: SourceSummary| match summarised.sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("all sessions were expected"),
    };
    units(home).iter().flat_map(|unit| all(goose().summarise(unit, None))).collect()
}

fn session(home: &Home, id: &str) -> Session {
    sessions(home).into_iter().find(|session| &*session.key.id == id).unwrap_or_else(|| panic!("{id} is missing"))
}

fn entries(session: &Session) -> Vec<Entry> {
    goose().open(session).expect("open").read(0..usize::MAX, TextLimit::NONE)
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

fn writer(home: &Home) -> Connection {
    Connection::open(data(home).join("sessions.db")).expect("a writer")
}

fn add(connection: &Connection, session: &str, role: &str, content: &str) {
    let sql =
        "insert into messages (session_id, role, content_json, created_timestamp) values (?1, ?2, ?3, 1795260000)";
    connection.execute(sql, [session, role, content]).expect("message");
}

#[test]
fn a4_messages_of_a_summary_equal_the_entries_of_a_reading() {
    let home = Home::of(&[V1_34]);
    let sessions = sessions(&home);
    assert_eq!(sessions.len(), 14);
    for session in sessions {
        let mut reading = goose().open(&session).expect("open");
        let entries = reading.read(0..usize::MAX, TextLimit::SCREEN);
        assert_eq!((session.messages as usize, reading.len()), (entries.len(), entries.len()), "{}", session.key);
        assert_eq!(session.turns as usize, reading.marks(MarkKind::Prompts).len(), "{}", session.key);
        assert_eq!(session.flags.empty, entries.is_empty());
        let tail = goose().tail(&session, 3).expect("tail");
        let keys = |entries: &[Entry]| entries.iter().map(|entry| entry.key).collect::<Vec<_>>();
        assert_eq!(keys(&tail), keys(&entries)[entries.len() - tail.len()..]);
        assert!(tail.len() >= entries.len().min(3));
    }
}

#[test]
fn a5_results_are_paired_with_their_calls() {
    let home = Home::of(&[V1_34]);
    let found = entries(&session(&home, "20261121_1"));
    assert_eq!(
        told(&found),
        [
            "prompt: THINK hello goose TOOL:bash ls",
            "thinking: Mock thinking: the user wants something. Let me consider it ",
            "text: Let me do that.",
            "tool [shell done]: ls",
            "thinking: Mock thinking: the user wants something. Let me consider it ",
            "text: Done after 1 tool call(s). You asked: THINK hello goose TOOL",
            "prompt: resumed goose",
            "text: Mock answer. You said: resumed goose",
            "prompt: other cwd TOOL:bash pwd",
            "text: Let me do that.",
            "tool [shell done]: pwd",
            "text: Done after 1 tool call(s). You asked: other cwd TOOL:bash pw",
            "prompt: typed",
            "text: Mock answer. You said: typed",
        ]
    );
    let tool = found[3].tool.as_ref().expect("a call");
    assert!(tool.output.starts_with("README.md\nacp.md"));
    assert_eq!(tool.action, ToolAction::Command { command: "ls".into(), exit_code: Some(0) });
    let mut reading = goose().open(&session(&home, "20261121_1")).expect("open");
    let raw = String::from_utf8(reading.raw(3)).expect("JSON");
    assert!(raw.contains("toolRequest") && raw.contains("toolResponse"), "{raw}");
}

#[test]
fn a6_pages_together_are_the_whole() {
    let home = Home::of(&[V1_34]);
    let session = session(&home, "20261121_7");
    let whole: Vec<_> = entries(&session).iter().map(|entry| entry.key).collect();
    let mut reading = goose().open(&session).expect("open");
    for page in 1..7 {
        let parts = (0..whole.len()).step_by(page).flat_map(|at| reading.read(at..at + page, TextLimit::SCREEN));
        assert_eq!(parts.map(|entry| entry.key).collect::<Vec<_>>(), whole);
    }
}

#[test]
fn a10_changes_and_deletions_are_told_alone() {
    let home = Home::of(&[V1_34]);
    let writer = writer(&home);
    let first = summarise(&home, None);
    let mut reading = goose().open(&session(&home, "20261121_1")).expect("open");
    let call = r#"[{"type":"toolRequest","id":"c1","toolCall":{"status":"success","value":{"name":"shell","arguments":{"command":"ls"}}}}]"#;
    add(&writer, "20261121_1", "assistant", call);
    let SourceSessions::Changed { sessions, removed } = summarise(&home, Some(&first)).sessions else {
        panic!("changes")
    };
    assert_eq!((sessions.len(), sessions[0].messages, removed.len()), (1, 15, 0));
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 14 });
    assert_eq!(told(&reading.read(14..15, TextLimit::NONE)), ["tool [shell pending]: ls"]);
    let result = r#"[{"type":"toolResponse","id":"c1","toolResult":{"status":"success","value":{"content":[{"type":"text","text":"no"}],"isError":true}}}]"#;
    add(&writer, "20261121_1", "user", result);
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 14 });
    assert_eq!(told(&reading.read(14..15, TextLimit::NONE)), ["tool [shell failed]: ls"]);
    assert_eq!(reading.marks(MarkKind::Errors), [14]);
    writer
        .execute_batch(
            "pragma foreign_keys = off; delete from messages where session_id = '20261121_1';
             delete from sessions where id = '20261121_1'",
        )
        .expect("delete");
    let SourceSessions::Changed { sessions, removed } = summarise(&home, Some(&first)).sessions else {
        panic!("changes")
    };
    assert_eq!((sessions.len(), removed), (0, vec![Arc::from("20261121_1")]));
    assert_eq!(reading.refresh(), RefreshOutcome::Gone);
}

#[test]
fn a14_a30_facts_of_real_sessions() {
    let home = Home::of(&[V1_34]);
    let year = Time::parse("2026-01-01T00:00:00Z");
    assert!(sessions(&home).iter().all(|session| session.started_at > year && session.last_activity > year));
    let named = session(&home, "20261121_2");
    assert_eq!((&*named.title.text, named.title.source), ("mysess", TitleSource::User));
    assert_eq!((&*named.cwd, named.model.as_deref()), ("/home/dev/shop-api", Some("mock-model")));
    assert_eq!((named.tokens.input, named.tokens.output), (12_431, 18));
    let child = session(&home, "20261121_3");
    assert_eq!((child.flags.subagent, &*child.title.text), (true, "look"));
    let untitled = session(&home, "20261121_5");
    assert_eq!(untitled.title.source, TitleSource::Prompt);
    assert_eq!(&*untitled.cwd, "/home/dev/web_ui.v2");
    let launch = goose().resume(&untitled, &[]);
    assert_eq!(launch.shell_line(), "cd /home/dev/web_ui.v2 && goose session -r --session-id=20261121_5");
}

#[test]
fn facts_of_real_tools() {
    let home = Home::of(&[V1_34]);
    let tools: Vec<_> = sessions(&home).iter().flat_map(entries).filter_map(|entry| entry.tool).collect();
    assert!(tools.iter().any(|tool| tool.status == ToolStatus::Denied));
    let written = tools.iter().find(|tool| &*tool.name == "write").expect("a write");
    let ToolAction::Edit(changes) = &written.action else { panic!("an edit") };
    assert_eq!(
        (&*changes[0].path, &changes[0].kind),
        ("/home/dev/shop-api/acp.md", &ChangeKind::Write("hello".into()))
    );
    let todo = tools.iter().find(|tool| &*tool.name == "todo__todo_write").expect("a plan");
    assert!(matches!(&todo.action, ToolAction::Plan(items) if items.len() == 2));
}

#[test]
fn a29_what_cannot_be_read_is_counted_and_what_is_for_the_model_is_a_notice() {
    let home = Home::of(&[V1_34]);
    let writer = writer(&home);
    add(&writer, "20261121_2", "assistant", "[{\"type\":\"text\"");
    add(&writer, "20261121_2", "assistant", r#"[{"type":"text","text":" "},{"type":"hologram"}]"#);
    add(&writer, "20261121_2", "user", r#"[{"type":"text","text":"for the model"}]"#);
    let sql = "update messages set metadata_json = '{\"userVisible\":false}' where content_json like '%for the model%'";
    writer.execute(sql, []).expect("update");
    let broken = session(&home, "20261121_2");
    let found = entries(&broken);
    assert_eq!((broken.unreadable, broken.messages as usize), (1, found.len()));
    let lines = told(&found);
    assert_eq!(lines[lines.len() - 2..], ["other: hologram", "notice: for the model"]);
}

#[test]
fn garbage_is_one_issue_and_a_lock_forgets_nothing() {
    let home = Home::of(&[V1_34]);
    let first = summarise(&home, None);
    let writer = writer(&home);
    writer.query_row("pragma journal_mode = delete", [], |_| Ok(())).expect("no log");
    writer.execute_batch("begin exclusive").expect("lock");
    let locked = summarise(&home, Some(&first));
    assert_eq!(locked.issues.len(), 1);
    assert!(
        matches!(locked.sessions, SourceSessions::Changed { sessions, removed } if sessions.is_empty() && removed.is_empty())
    );
    for garbage in [&b""[..], &[7; 5000]] {
        let home = Home::empty();
        fs::create_dir_all(data(&home)).expect("directory");
        fs::write(data(&home).join("sessions.db"), garbage).expect("write");
        assert_eq!(summarise(&home, None).issues.len(), 1);
    }
    let home = Home::empty();
    fs::create_dir_all(data(&home)).expect("directory");
    Connection::open(data(&home).join("sessions.db"))
        .and_then(|db| db.execute_batch("create table x (y)"))
        .expect("db");
    assert!(summarise(&home, None).issues[0].reason.contains("unknown database layout (x)"));
}

/// No goose before 1.10 was at hand: this is what its documentation says, and is marked unverified where it is read.
#[test]
fn old_sessions_in_files_are_read() {
    let home = Home::empty();
    fs::create_dir_all(data(&home)).expect("directory");
    let path = data(&home).join("20250815_101112.jsonl");
    let lines = [
        r#"{"working_dir":"/home/u/my-app_v1.2","description":"Old one","accumulated_input_tokens":5}"#,
        r#"{"role":"user","created":1755252672,"content":[{"type":"text","text":"list"}]}"#,
        r#"{"role":"assistant","created":1755252673,"content":[{"type":"toolRequest","id":"t","toolCall":{"status":"success","value":{"name":"developer__shell","arguments":{"command":"ls"}}}}]}"#,
        r#"{"role":"user","created":1755252674,"content":[{"type":"toolResponse","id":"t","toolResult":{"status":"success","value":[{"type":"text","text":"a b"}]}}]}"#,
        "not json",
        r#"{"role":"assistant","created":1755252675,"content":[{"type":"text","text":"Done"}]}"#,
    ];
    fs::write(&path, lines.join("\n") + "\n{\"role\":\"assi").expect("write");
    let old = session(&home, "20250815_101112");
    assert_eq!((&*old.title.text, &*old.cwd, old.turns, old.unreadable), ("Old one", "/home/u/my-app_v1.2", 1, 1));
    assert_eq!(old.last_activity, Some(Time::from_secs(1_755_252_675)));
    let found = entries(&old);
    assert_eq!(old.messages as usize, found.len());
    assert_eq!(told(&found), ["prompt: list", "tool [developer__shell done]: ls", "text: Done"]);
    assert_eq!(found[1].tool.as_ref().map(|tool| &*tool.output), Some("a b"));
}
