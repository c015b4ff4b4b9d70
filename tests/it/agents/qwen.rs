//! Qwen Code's transcripts: the fixtures of 0.24.4, and what the shared machinery does with them.

use std::collections::BTreeMap;
use std::io::Write;

use salon::agent::{self, Format, MarkKind, Source, SourceSessions, SourceSummary, SummaryNote, TextLimit};
use salon::domain::event::NoticeLevel;
use salon::domain::transcript::{Tool, ToolAction};
use salon::domain::{Agent, Entry, EntryKind, Session, SessionState, Time, Tokens, ToolStatus};

use crate::support::Home;

fn qwen() -> &'static dyn Format {
    agent::format(Agent::Qwen)
}

fn home() -> Home {
    Home::of(&["qwen/0.24.4"])
}

fn units(home: &Home) -> Vec<Source> {
    qwen().roots(&home.environment()).iter().flat_map(|root| qwen().discover(root).sources).collect()
}

fn session(summarised: SourceSummary) -> Session {
    match summarised.sessions {
        SourceSessions::All(sessions) => sessions.into_iter().next().expect("a session"),
        SourceSessions::Changed { .. } => panic!("a file gives all of its sessions"),
    }
}

fn sessions(home: &Home) -> BTreeMap<String, Session> {
    let all = units(home).into_iter().map(|unit| session(qwen().summarise(&unit, None)));
    all.map(|session| (session.key.id.to_string(), session)).collect()
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = qwen().open(session).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

#[test]
fn a1_every_session_is_listed_with_its_real_directory() {
    let home = home();
    let sessions = sessions(&home);
    let ids: Vec<&str> = sessions.keys().map(|id| &id[..8]).collect();
    assert_eq!(
        ids,
        ["115cfb1d", "834887fa", "8e67b5f3", "agent-ge", "c78f8e9a", "c9d90968", "cb049802", "cbfe1197", "ff0eb852"]
    );
    let first = &sessions["115cfb1d-973f-4402-9be2-cc96693de915"];
    assert_eq!(&*first.title.text, "THINK hello qwen TOOL:bash ls");
    assert_eq!((&*first.cwd, first.branch.as_deref()), ("/home/dev/shop-api", Some("feature/cart")));
    assert_eq!((first.model.as_deref(), first.turns), (Some("mock-model"), 4));
    assert_eq!(first.started_at.map(Time::rfc3339).as_deref(), Some("2026-11-21T09:55:42.284Z"));
    let launch = qwen().resume(first, &[]);
    assert_eq!(launch.args, ["--resume=115cfb1d-973f-4402-9be2-cc96693de915"]);
    assert_eq!(launch.cwd.to_string_lossy(), "/home/dev/shop-api");
    assert!(sessions.values().filter(|session| &*session.cwd == "/home/dev/web_ui.v2").count() == 2);
}

#[test]
fn a4_counts_are_what_is_shown() {
    let home = home();
    for session in sessions(&home).values() {
        let entries = read(session);
        assert_eq!(session.messages as usize, entries.len(), "{}", session.key);
        assert!(entries.iter().all(|entry| entry.kind != EntryKind::Other), "{}", session.key);
        let prompts = entries.iter().filter(|entry| entry.kind == EntryKind::Prompt).count();
        assert_eq!(session.turns as usize, prompts, "{}", session.key);
        assert_eq!(format!("{:?}", qwen().tail(session, 999).expect("tail")), format!("{entries:?}"));
    }
}

#[test]
fn a5_parts_become_entries_and_results_go_to_their_calls() {
    let home = home();
    let sessions = sessions(&home);
    let entries = read(&sessions["115cfb1d-973f-4402-9be2-cc96693de915"]);
    let kinds: Vec<_> = entries.iter().take(6).map(|entry| entry.kind.name()).collect();
    assert_eq!(kinds, ["prompt", "thinking", "text", "tool", "thinking", "text"]);
    let tool = entries[3].tool.as_ref().expect("a tool");
    assert!(tool.output.starts_with("README.md\nacp.md"), "what was printed, not what the model was told about it");
    assert_eq!((&*tool.name, tool.status), ("run_shell_command", ToolStatus::Done));
    assert!(matches!(&tool.action, ToolAction::Command { command, exit_code: Some(0) } if command == "ls"));
    let usage: Vec<_> = entries.iter().filter_map(|entry| entry.tokens).collect();
    assert_eq!(usage[0], Tokens { input: 9932, output: 3, cache_read: 9931, cache_write: 0 });

    let tools: Vec<_> =
        read(&sessions["c9d90968-5706-4773-95b3-6d82a6224f2f"]).into_iter().filter_map(|entry| entry.tool).collect();
    let statuses: Vec<_> = tools.iter().map(|tool| tool.status).collect();
    assert!(statuses.contains(&ToolStatus::Denied) && statuses.contains(&ToolStatus::Failed), "{statuses:?}");
    let entries = read(&sessions["c78f8e9a-3875-4927-8856-12830481ef77"]);
    let code = |tool: &Tool| matches!(tool.action, ToolAction::Command { exit_code: Some(2), .. });
    let failed = entries.iter().filter_map(|entry| entry.tool.as_ref()).find(|tool| code(tool));
    assert_eq!(failed.expect("the command that failed").status, ToolStatus::Failed);
}

#[test]
fn a8_any_sequence_of_appends_gives_what_one_reading_gives() {
    let home = home();
    for unit in units(&home) {
        let bytes = std::fs::read(&unit.path).expect("reads");
        let whole = session(qwen().summarise(&unit, None));
        std::fs::write(&unit.path, b"").expect("empties");
        let (mut progress, mut last, mut read) = (None, None, 0);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let mut file = std::fs::OpenOptions::new().append(true).open(&unit.path).expect("opens");
            file.write_all(line).expect("appends");
            let grown = units(&home).into_iter().find(|grown| grown.path == unit.path).expect("found");
            let summarised = qwen().summarise(&grown, progress.as_ref());
            read += summarised.bytes_read;
            progress = Some(summarised.progress.clone());
            last = Some(session(summarised));
        }
        // The file was written again meanwhile.
        let last = last.map(|last| Session { modified: whole.modified, ..last });
        assert_eq!(last, Some(whole));
        assert_eq!(read, bytes.len() as u64, "each byte is read once");
    }
}

#[test]
fn h4_sub_agents_are_reached_from_their_calls() {
    let home = home();
    let sessions = sessions(&home);
    let parent = "c78f8e9a-3875-4927-8856-12830481ef77";
    let agent = "agent-general-purpose-call_4cd2d4ab243e469c90b21184";
    let started: Vec<_> = read(&sessions[parent]).into_iter().filter_map(|entry| entry.tool?.subagent).collect();
    assert_eq!(started.iter().map(|id| &**id).collect::<Vec<_>>(), [agent]);
    let sub = &sessions[agent];
    assert_eq!((sub.flags.subagent, sub.parent.as_deref(), &*sub.title.text), (true, Some(parent), "Look around"));
    let unit = units(&home).into_iter().find(|unit| unit.path == sub.path).expect("found");
    assert_eq!(qwen().summarise(&unit, None).notes, [SummaryNote::Usage { id: parent.into(), tokens: sub.tokens }]);
}

#[test]
fn h5_a_fork_does_not_count_what_it_copied() {
    let home = home();
    let sessions = sessions(&home);
    let fork = &sessions["834887fa-ba31-4510-93ff-b1f0759cf710"];
    assert_eq!(fork.forked_from.as_deref(), Some("115cfb1d-973f-4402-9be2-cc96693de915"));
    assert!(fork.flags.fork);
    let shown: u64 = read(fork).iter().filter_map(|entry| entry.tokens).map(Tokens::total).sum();
    assert!(fork.tokens.total() > 0 && fork.tokens.total() < shown);
}

#[test]
fn h7_compaction_errors_and_notifications_are_notices() {
    let home = home();
    let sessions = sessions(&home);
    let notices = |id: &str| {
        let notices = read(&sessions[id]).into_iter().filter(|entry| entry.kind == EntryKind::Notice);
        notices.map(|entry| (entry.level, entry.text)).collect::<Vec<_>>()
    };
    let found = notices("c78f8e9a-3875-4927-8856-12830481ef77");
    assert_eq!(
        found[0],
        (NoticeLevel::Info, "Background agent \"general-purpose: Look around\" completed.".to_owned())
    );
    let (level, text) = &found[1];
    assert_eq!(*level, NoticeLevel::Boundary);
    assert!(text.starts_with("Conversation compacted (20615 tokens before)\n\n"), "{text}");
    assert!(text.contains("Mock goal"), "the summary is shown: {text}");
    let failed = "8e67b5f3-7dc3-4721-95db-77740ecdbc47";
    assert_eq!(notices(failed), [(NoticeLevel::Error, "Request failed: 400 mock bad request".to_owned())]);
    let mut reading = qwen().open(&sessions[failed]).expect("opens");
    assert_eq!((reading.marks(MarkKind::Prompts), reading.marks(MarkKind::Errors)), (vec![0], vec![1]));
}

#[test]
fn h17_live_signs_are_believed_only_of_the_process_that_left_them() {
    let home = home();
    let root = &qwen().roots(&home.environment())[0];
    assert!(qwen().live(root).is_empty(), "the fixture's process is gone");
    let pid = std::process::id();
    let Some(start) = salon::stdx::process::start_time(pid) else { return };
    for (told, signs) in [("some-boot:1".to_owned(), 0), (format!("some-boot:{start}"), 1)] {
        let sign = serde_json::json!({"pid": pid, "sessionId": "one", "procStart": told, "startedAt": 5});
        std::fs::write(root.path.join(format!("sessions/{pid}.json")), sign.to_string()).expect("writes");
        let found = qwen().live(root);
        assert_eq!(found.len(), signs);
        assert!(found.iter().all(|sign| sign.state == SessionState::Idle && sign.pid == Some(pid)));
    }
}

#[test]
fn a3_changes_are_traced_to_their_transcripts() {
    let home = home();
    let root = &qwen().roots(&home.environment())[0];
    for unit in units(&home) {
        assert_eq!(qwen().affected(root, &unit.path), [(unit.path.clone(), Some(unit.clone()))]);
        let side = unit.path.with_extension("meta.json");
        assert_eq!(qwen().affected(root, &side), [(unit.path.clone(), Some(unit))]);
    }
    let project = root.path.join("projects/-home-dev-shop-api");
    assert_eq!(qwen().affected(root, &project).len(), 7);
    assert!(qwen().affected(root, &project.join("meta.json")).iter().all(|(_, unit)| unit.is_none()));
    assert!(qwen().affected(root, &root.path.join("settings.json")).is_empty());
}

#[test]
fn a_file_of_an_open_session_in_another_project_is_shown_when_it_appears() {
    let home = Home::empty();
    let put = |project: &str, number: u32, text: &str| {
        let folder = home.path().join(".qwen/projects").join(project).join("chats");
        std::fs::create_dir_all(&folder).expect("create");
        let record = format!(
            r#"{{"uuid":"q{number}","parentUuid":null,"sessionId":"s","timestamp":"2026-09-10T10:00:0{number}.000Z","type":"user","cwd":"/p","message":{{"parts":[{{"text":"{text}"}}]}}}}"#
        );
        std::fs::write(folder.join("cccc1111-0000-4000-8000-000000000041.jsonl"), record + "\n").expect("write");
    };
    put("-p", 1, "one");
    let session = sessions(&home).into_values().next().expect("a session");
    let mut reading = qwen().open(&session).expect("opens");
    assert_eq!((reading.len(), reading.refresh()), (1, agent::RefreshOutcome::Same));
    put("-p-2", 2, "two");
    assert_eq!((reading.refresh(), reading.len()), (agent::RefreshOutcome::Reset, 2));
}

#[test]
fn parts_in_a_map_have_the_order_of_their_numbers() {
    let home = Home::empty();
    let folder = home.path().join(".qwen/projects/-p/chats");
    std::fs::create_dir_all(&folder).expect("create");
    // As other programs sort names.
    let parts: Vec<String> = ["0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9"]
        .iter()
        .map(|number| match *number {
            "10" => {
                r#""10":{"functionCall":{"id":"c1","name":"run_shell_command","args":{"command":"ls"}}}"#.to_owned()
            }
            "2" => r#""2":{"text":"thought 2","thought":true}"#.to_owned(),
            number => format!(r#""{number}":{{"text":"text {number}"}}"#),
        })
        .collect();
    let record = format!(
        r#"{{"uuid":"q1","parentUuid":null,"sessionId":"s","timestamp":"2026-09-10T10:00:01.000Z","type":"assistant","cwd":"/p","message":{{"role":"model","parts":{{{}}}}}}}"#,
        parts.join(",")
    );
    std::fs::write(folder.join("cccc1111-0000-4000-8000-000000000042.jsonl"), record + "\n").expect("write");
    let entries = read(sessions(&home).values().next().expect("a session"));
    let shown: Vec<String> = entries
        .iter()
        .map(|entry| match &entry.tool {
            Some(tool) => tool.action.headline(),
            None => entry.text.clone(),
        })
        .collect();
    let numbered = |number: usize| if number == 2 { "thought 2".to_owned() } else { format!("text {number}") };
    assert_eq!(shown, (0..10).map(numbered).chain(["ls".to_owned()]).collect::<Vec<_>>());
    assert_eq!(entries[2].kind, EntryKind::Thinking);
}
