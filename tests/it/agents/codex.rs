//! Codex's rollouts, of all generations: what lists and readers see of them.

mod growth;
mod lineage;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use salon::agent::{Format, MarkKind, Source, SourceSessions, SourceSummary, SummaryNote, TextLimit, format};
use salon::domain::event::NoticeLevel;
use salon::domain::transcript::{ChangeKind, PlanStatus, ToolAction};
use salon::domain::{Agent, Entry, EntryKind, Session, SessionState, TitleSource, Tokens, ToolStatus};

use crate::support::Home;

const VERSIONS: [&str; 3] = ["codex/0.39.0", "codex/0.99.0", "codex/0.169.0"];
/// The app-server's thread of 0.169.0: approvals, interrupts, errors, compaction, a sub-agent.
const TOUR: &str = "01a1fd83-7a72-7993-9298-251f6d2281ca";
const FORK: &str = "01a1fd83-9192-7b71-8f87-5243d377c268";
const ARCHIVED: &str = "01a1fd83-923f-77e1-8338-155cf464f556";
const PARENT: &str = "01a1fd81-ec1d-7851-8fc9-e88befee7d2c";
const CHILD: &str = "01a1fd81-ec98-7561-890c-062a420e3dbf";

fn codex() -> &'static dyn Format {
    format(Agent::Codex)
}

fn units(home: &Home) -> Vec<Source> {
    let roots = codex().roots(&home.environment());
    // The prompts of all sessions are what is left of deleted ones.
    let all = roots.iter().flat_map(|root| codex().discover(root).sources);
    all.filter(|source| !source.path.ends_with("history.jsonl")).collect()
}

fn all(summarised: SourceSummary) -> Vec<Session> {
    match summarised.sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("a rollout gives all of its sessions"),
    }
}

fn sessions(home: &Home) -> BTreeMap<String, Session> {
    let all = units(home).into_iter().flat_map(|unit| all(codex().summarise(&unit, None)));
    all.map(|session| (session.key.id.to_string(), session)).collect()
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = codex().open(session).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

/// A unit as it is on disk now.
fn unit(home: &Home, path: &Path) -> Source {
    units(home).into_iter().find(|unit| unit.path == path).expect("a unit")
}

/// A home with one rollout of these lines.
fn written(lines: &[&str]) -> (Home, PathBuf) {
    let home = Home::empty();
    let dir = home.path().join(".codex/sessions/2025/07/01");
    fs::create_dir_all(&dir).expect("directory");
    let path = dir.join("rollout-2025-07-01T10-00-00-0197c000-0000-7000-8000-000000000001.jsonl");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("rollout");
    (home, path)
}

fn append(path: &Path, text: &[u8]) {
    let mut file = File::options().append(true).open(path).expect("rollout");
    file.write_all(text).expect("append");
}

fn texts(entries: &[Entry]) -> Vec<(EntryKind, &str)> {
    entries.iter().map(|entry| (entry.kind, &*entry.text)).collect()
}

#[test]
fn a1_rollouts_of_every_generation_say_the_same() {
    for version in ["codex/0.39.0", "codex/0.99.0"] {
        let home = Home::of(&[version]);
        let sessions = sessions(&home);
        let (_, session) = sessions.first_key_value().expect("one session");
        assert_eq!(&*session.title.text, "THINK hello codex TOOL:bash ls");
        assert_eq!((&*session.cwd, session.branch.as_deref()), ("/home/dev/shop-api", Some("feature/cart")));
        assert_eq!((session.model.as_deref(), session.turns, session.messages), (Some("gpt-5"), 1, 6));
        let entries = read(session);
        let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
        use EntryKind::{Prompt, Text, Thinking, Tool};
        assert_eq!(kinds, [Prompt, Thinking, Text, Tool, Thinking, Text], "{version}: nothing twice");
        let tool = entries[3].tool.as_ref().expect("a tool");
        assert_eq!(tool.action, ToolAction::Command { command: "ls".into(), exit_code: Some(0) });
        assert_eq!(tool.status, ToolStatus::Done);
        assert!(tool.output.starts_with("README.md\n"), "{}", tool.output);
    }
}

#[test]
fn a1_a_paginated_rollout_tells_its_whole_story() {
    let home = Home::of(&["codex/0.169.0"]);
    let session = &sessions(&home)[TOUR];
    assert_eq!((session.turns, session.messages), (17, 42));
    assert_eq!(session.tokens, Tokens { input: 124_899, output: 244, cache_read: 124_891, cache_write: 0 });
    let entries = read(session);
    let tools: Vec<_> = entries.iter().filter_map(|entry| entry.tool.as_ref()).collect();
    let statuses: Vec<ToolStatus> = tools.iter().map(|tool| tool.status).collect();
    use ToolStatus::{Denied, Done, Interrupted};
    assert_eq!(statuses, [Done, Denied, Interrupted, Done]);
    assert_eq!(tools[3].subagent.as_deref(), Some("01a1fd83-9090-7d41-bbf1-acef883dad8a"));
    assert!(matches!(&tools[3].action, ToolAction::Task { prompt, .. } if prompt == "look TOOL:bash pwd"));
    let notices: Vec<(NoticeLevel, &str)> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Notice)
        .map(|entry| (entry.level, entry.text.split(['.', ':', '\n']).next().unwrap_or_default()))
        .collect();
    assert_eq!(
        notices,
        [
            (NoticeLevel::Warning, "Interrupted"),
            (NoticeLevel::Warning, "Interrupted"),
            (NoticeLevel::Error, "model"),
            (NoticeLevel::Error, "We’re currently experiencing high demand, which may cause temporary errors"),
            (NoticeLevel::Boundary, "Conversation compacted"),
        ]
    );
}

#[test]
fn a4_the_count_is_the_number_of_entries() {
    let home = Home::of(&VERSIONS);
    for session in sessions(&home).values() {
        let mut reading = codex().open(session).expect("opens");
        let len = reading.len();
        assert_eq!(session.messages as usize, len, "{}", session.key);
        let entries = reading.read(0..len, TextLimit::NONE);
        assert_eq!(entries.len(), len, "{}", session.key);
        let keys: std::collections::HashSet<_> = entries.iter().map(|entry| entry.key).collect();
        assert_eq!(keys.len(), len, "{}: every entry has its own key", session.key);
        let prompts = entries.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::Prompt);
        assert_eq!(reading.marks(MarkKind::Prompts), prompts.map(|(at, _)| at).collect::<Vec<_>>());
        assert_eq!(reading.marks(MarkKind::Prompts).len(), session.turns as usize);
        let failed = entries.iter().enumerate().filter(|(_, entry)| {
            let tool = entry.tool.as_ref().map(|tool| tool.status);
            entry.level == NoticeLevel::Error || matches!(tool, Some(ToolStatus::Failed | ToolStatus::Denied))
        });
        assert_eq!(reading.marks(MarkKind::Errors), failed.map(|(at, _)| at).collect::<Vec<_>>(), "{}", session.key);
    }
}

#[test]
fn a6_any_page_is_the_same_part_of_the_whole() {
    let home = Home::of(&VERSIONS);
    for session in sessions(&home).values() {
        let whole = read(session);
        let mut reading = codex().open(session).expect("opens");
        for size in [1, 2, 5] {
            for start in (0..whole.len() + 2).step_by(size) {
                let page = reading.read(start..start + size, TextLimit::NONE);
                let expected = &whole[start.min(whole.len())..(start + size).min(whole.len())];
                assert_eq!(format!("{page:?}"), format!("{expected:?}"));
            }
        }
        for count in [1, 3, 1000] {
            let tail = codex().tail(session, count).expect("tail");
            assert!(tail.len() >= count.min(whole.len()), "{}", session.key);
            let expected = &whole[whole.len() - tail.len()..];
            assert_eq!(texts(&tail), texts(expected));
            assert!(tail.iter().zip(expected).all(|(one, other)| one.key == other.key));
        }
    }
}

#[test]
fn a29_a_spoilt_line_is_counted_and_its_neighbours_are_intact() {
    let home = Home::of(&["codex/0.169.0"]);
    let session = &sessions(&home)[TOUR];
    let intact = read(session);
    let text = fs::read_to_string(&session.path).expect("rollout");
    let spoilt = [
        "garbage",
        "{\"timestamp\":\"2026-11-21T09:50:14.721Z\",\"type\":\"event_msg\",\"payl",
        "\0\0\0\0",
        "[1,2]",
        "}{",
        "{}x",
        "\u{feff}",
    ];
    let mut lines: Vec<&str> = text.lines().collect();
    for (at, line) in spoilt.iter().enumerate() {
        lines.insert(20 + 3 * at, line);
    }
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n\xff\xfe\xc3\n");
    fs::write(&session.path, &bytes).expect("write");
    let summarised = codex().summarise(&unit(&home, &session.path), None);
    let numbers: Vec<u64> = summarised.issues.iter().filter_map(|issue| issue.line).collect();
    assert_eq!(numbers, [21, 24, 27, 30, 33, 36, 39, 196]);
    let after = &all(summarised)[0];
    assert_eq!((after.unreadable, after.flags.unreadable, after.messages), (8, true, session.messages));
    let mut reading = codex().open(after).expect("opens");
    assert_eq!(reading.issues().len(), 8);
    assert_eq!(texts(&reading.read(0..reading.len(), TextLimit::NONE)), texts(&intact));
}

#[test]
fn a30_times_come_from_messages() {
    let home = Home::of(&VERSIONS);
    for session in sessions(&home).values() {
        for time in [session.started_at, session.last_activity] {
            assert!(time.expect("a time").rfc3339().starts_with("2026-11-21T09:"), "{session:?}");
        }
        assert!(session.started_at <= session.last_activity);
    }
}

#[test]
fn a14_resume_runs_where_the_thread_began() {
    let home = Home::of(&["codex/0.169.0"]);
    let sessions = sessions(&home);
    let launch = codex().resume(&sessions[PARENT], &["--yolo".into()]);
    assert_eq!(launch.shell_line(), format!("cd /home/dev/web_ui.v2 && codex resume {PARENT} --yolo"));
    assert_eq!(codex().resume_refusal(&sessions[PARENT]), None);
    assert!(codex().resume_refusal(&sessions[ARCHIVED]).expect("a reason").contains("codex unarchive"));
}

#[test]
fn h7_what_codex_itself_wrote_is_no_prompt() {
    let item = |role: &str, kind: &str, text: &str| {
        format!(
            r#"{{"timestamp":"2025-07-01T10:00:01.000Z","type":"response_item","payload":{{"type":"message","role":"{role}","content":[{{"type":"{kind}","text":"{text}"}}]}}}}"#
        )
    };
    let lines = [
        r#"{"timestamp":"2025-07-01T10:00:00.000Z","type":"session_meta","payload":{"id":"t","timestamp":"2025-07-01T10:00:00.000Z","cwd":"/p","cli_version":"0.40.0","source":"cli"}}"#.to_owned(),
        item("developer", "input_text", "<permissions instructions>"),
        item("user", "input_text", "<environment_context>\\n</environment_context>"),
        item("user", "input_text", "# AGENTS.md instructions for /p"),
        item("user", "input_text", "<turn_aborted>"),
        item("user", "input_text", "a real one"),
        item("assistant", "output_text", "an answer"),
    ];
    let (home, _) = written(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let session = &sessions(&home)["t"];
    assert_eq!((&*session.title.text, session.turns, session.messages), ("a real one", 1, 2));
    assert_eq!(texts(&read(session)), [(EntryKind::Prompt, "a real one"), (EntryKind::Text, "an answer")]);
}

#[test]
fn h7_an_editors_context_is_no_title() {
    let (home, _) = written(&[
        r#"{"timestamp":"2025-07-01T10:00:00.000Z","type":"session_meta","payload":{"id":"t","cwd":"/p","cli_version":"0.99.0","source":"vscode"}}"#,
        r##"{"timestamp":"2025-07-01T10:00:01.000Z","type":"event_msg","payload":{"type":"user_message","message":"# Context from my IDE setup:\n\n## Open tabs:\n- a.rs\n\n## My request for Codex:\nfix the \"build\""}}"##,
    ]);
    assert_eq!(&*sessions(&home)["t"].title.text, "fix the \"build\"");
}

/// Before 0.32 lines had no wrapper.
#[test]
fn h1_bare_lines_are_read() {
    let (home, _) = written(&[
        r#"{"id":"0197c000-0000-7000-8000-000000000001","timestamp":"2025-07-01T10:00:00.000Z","instructions":null,"git":{"branch":"main"}}"#,
        r#"{"record_type":"state"}"#,
        r#"{"type":"message","id":null,"role":"user","content":[{"type":"input_text","text":"<environment_context>x"}]}"#,
        r#"{"type":"message","id":null,"role":"user","content":[{"type":"input_text","text":"say hi"}]}"#,
        r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":null}"#,
        r#"{"type":"function_call","id":"fc_1","name":"shell","arguments":"{\"command\":[\"bash\",\"-lc\",\"false\"]}","call_id":"c1"}"#,
        r#"{"type":"function_call_output","call_id":"c1","output":"{\"output\":\"\",\"metadata\":{\"exit_code\":1,\"duration_seconds\":0.5}}"}"#,
        r#"{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"hi"}]}"#,
    ]);
    let session = sessions(&home).pop_first().expect("a session").1;
    assert_eq!((&*session.title.text, session.branch.as_deref(), session.messages), ("say hi", Some("main"), 4));
    assert_eq!(session.started_at.expect("a time").rfc3339(), "2025-07-01T10:00:00.000Z");
    let entries = read(&session);
    assert_eq!(
        texts(&entries),
        [
            (EntryKind::Prompt, "say hi"),
            (EntryKind::Thinking, "hm"),
            (EntryKind::Tool, "false"),
            (EntryKind::Text, "hi")
        ]
    );
    let tool = entries[2].tool.as_ref().expect("a tool");
    assert_eq!((tool.status, tool.duration_ms), (ToolStatus::Failed, Some(500)));
    assert_eq!(tool.action, ToolAction::Command { command: "false".into(), exit_code: Some(1) });
    assert_eq!(codex().open(&session).expect("opens").marks(MarkKind::Errors), [2]);
}

#[test]
fn h8_tools_are_told_in_neutral_terms() {
    let call = |name: &str, arguments: &str| {
        let arguments = serde_json::to_string(arguments).expect("json");
        format!(
            r#"{{"timestamp":"2025-07-01T10:00:01.000Z","type":"response_item","payload":{{"type":"function_call","name":"{name}","arguments":{arguments},"call_id":"c-{name}"}}}}"#
        )
    };
    let patch = "*** Begin Patch\n*** Update File: a.rs\n*** Move to: b.rs\n@@ fn x\n-old\n+new\n*** Add File: c.txt\n+one\n+two\n*** Delete File: d.txt\n*** End Patch";
    let custom = format!(
        r#"{{"timestamp":"2025-07-01T10:00:01.000Z","type":"response_item","payload":{{"type":"custom_tool_call","name":"apply_patch","input":{},"call_id":"c-patch"}}}}"#,
        serde_json::to_string(patch).expect("json")
    );
    let heredoc =
        serde_json::json!({"command": ["bash", "-lc", format!("apply_patch <<'EOF'\n{patch}\nEOF")]}).to_string();
    let lines = [
        r#"{"timestamp":"2025-07-01T10:00:00.000Z","type":"session_meta","payload":{"id":"t","cwd":"/p","cli_version":"0.99.0","source":"cli"}}"#.to_owned(),
        r#"{"timestamp":"2025-07-01T10:00:01.000Z","type":"event_msg","payload":{"type":"user_message","message":"go","images":["data:image/png;base64,xx"],"local_images":["/tmp/a.png"]}}"#.to_owned(),
        custom,
        call("shell", &heredoc),
        call("update_plan", r#"{"plan":[{"step":"one","status":"completed"},{"step":"two","status":"in_progress"}]}"#),
        call("view_image", r#"{"path":"/x.png"}"#),
        call("docs__search", r#"{"q":"serde"}"#),
        call("exec_command", "not json"),
        r#"{"timestamp":"2025-07-01T10:00:01.000Z","type":"response_item","payload":{"type":"web_search_call","status":"completed","action":{"type":"search","query":"rust"}}}"#.to_owned(),
    ];
    let (home, _) = written(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let session = &sessions(&home)["t"];
    let entries = read(session);
    assert_eq!(entries.len(), session.messages as usize);
    assert_eq!(entries[0].text, "go\n[image]\n[image: /tmp/a.png]");
    let action = |at: usize| &entries[at].tool.as_ref().expect("a tool").action;
    for edit in [1, 2] {
        let ToolAction::Edit(changes) = action(edit) else { panic!("{:?}", action(edit)) };
        assert_eq!(changes[0].path, "a.rs → b.rs");
        assert_eq!(changes[0].kind, ChangeKind::Patch("@@ fn x\n-old\n+new\n".into()));
        assert_eq!(changes[1].kind, ChangeKind::Write("one\ntwo\n".into()));
        assert_eq!(changes[2].kind, ChangeKind::Delete);
    }
    assert_eq!(entries[3].kind, EntryKind::Plan);
    assert_eq!(entries[3].plan[1].status, PlanStatus::Active);
    assert_eq!(*action(4), ToolAction::Read { path: "/x.png".into() });
    assert_eq!(*action(5), ToolAction::Other("q: serde".into()));
    assert_eq!(*action(7), ToolAction::Web { query: "rust".into() });
}

#[test]
fn h7_names_that_the_user_gave_come_as_notes() {
    let home = Home::of(&["codex/0.169.0"]);
    let path = home.path().join(".codex/session_index.jsonl");
    append(&path, format!("nonsense\n{{\"id\":\"{TOUR}\",\"thread_name\":\"Renamed\"}}\n{{\"id\":").as_bytes());
    let summarised = codex().summarise(&unit(&home, &path), None);
    let name =
        |id: &str, title: &str| SummaryNote::Title { id: id.into(), title: title.into(), source: TitleSource::User };
    assert!(summarised.notes.contains(&name(TOUR, "Renamed")));
    assert!(summarised.notes.contains(&name(FORK, "My codex thread")));
    assert_eq!(summarised.notes.len(), 2);
    assert_eq!(summarised.issues.len(), 1);
    assert_eq!(summarised.issues[0].line, Some(3));
}

#[test]
fn h11_the_home_may_be_elsewhere() {
    let home = Home::of(&["codex/0.169.0"]);
    let mut environment = home.environment();
    environment.vars.insert("CODEX_HOME".into(), "~/.codex/../.codex".into());
    let roots = codex().roots(&environment);
    assert_eq!(codex().discover(&roots[0]).sources.len(), 17);
    environment.vars.insert("CODEX_HOME".into(), "/nowhere".into());
    let found = codex().discover(&codex().roots(&environment)[0]);
    assert!(found.sources.is_empty() && found.issues.is_empty());
    environment.roots.insert(Agent::Codex, vec![home.path().join(".codex")]);
    assert_eq!(codex().roots(&environment).len(), 2);
}

#[test]
fn h12_hostile_files_give_rows_and_never_a_panic() {
    let home = Home::of(&["codex/0.39.0"]);
    let dir = home.path().join(".codex/sessions/2026/11/21");
    let name = |number: u8| {
        dir.join(format!("rollout-2026-11-21T09-54-22-01a1fd87-4476-7cb1-af1a-0000000000{number:02}.jsonl"))
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let contents: [&[u8]; 7] = [
        b"\0\0\0\0",
        b"\xff\xfe\n\xc3\x28\n",
        b"{\"timestamp\":\"",
        b"\n\n\n",
        b"{}\n{\"type\":\"message\"}\n{\"type\":\"event_msg\",\"payload\":{}}\n",
        deep.as_bytes(),
        b"{\"timestamp\":\"2026-11-21T09:54:22Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"item_completed\"}}\n",
    ];
    for (number, bytes) in (0..).zip(contents) {
        fs::write(name(number), bytes).expect("write");
    }
    fs::write(name(90), b"").expect("write");
    fs::create_dir(name(91)).expect("directory where a file should be");
    std::os::unix::fs::symlink("/nowhere", name(92)).expect("dangling link");
    let units = units(&home);
    assert_eq!(units.len(), 9);
    for unit in &units {
        let glanced = codex().peek(unit);
        let summed = all(codex().summarise(unit, None));
        assert_eq!(summed.len(), usize::from(unit.stamp.size > 0), "an empty file is no session");
        assert_eq!(glanced.len(), summed.len());
        for session in summed {
            let mut reading = codex().open(&session).expect("opens");
            assert_eq!(reading.read(0..usize::MAX, TextLimit::NONE).len(), session.messages as usize);
        }
    }
}

#[test]
fn h12_long_texts_are_cut_where_asked() {
    let text = "é".repeat(400_000);
    let (home, _) = written(&[
        r#"{"timestamp":"2025-07-01T10:00:00.000Z","type":"session_meta","payload":{"id":"t","cwd":"/p","cli_version":"0.99.0"}}"#,
        &format!(
            r#"{{"timestamp":"2025-07-01T10:00:01.000Z","type":"event_msg","payload":{{"type":"user_message","message":"{text}"}}}}"#
        ),
    ]);
    let session = &sessions(&home)["t"];
    assert_eq!(session.title.text.chars().count(), 200);
    let mut reading = codex().open(session).expect("opens");
    let cut = reading.read(0..1, TextLimit(1001)).remove(0);
    assert_eq!((cut.text.len(), cut.truncated), (1000, true));
    assert_eq!(reading.read(0..1, TextLimit::NONE)[0].text, text);
}

/// The head of a rollout does not tell yet where texts will come from; when it does, everything is read again.
#[test]
fn h13_the_source_is_decided_once_there_is_something_to_decide() {
    let lines = [
        r#"{"timestamp":"2025-07-01T10:00:00.000Z","type":"session_meta","payload":{"id":"t","cwd":"/some/long/path/to/be/longer/than/what/stands/for/the/file/some/long/path/to/be/longer/than/what/stands/for/the/file/some/long/path/to/be/longer","cli_version":"0.99.0"}}"#,
        r#"{"timestamp":"2025-07-01T10:00:01.000Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"hello"}]}}"#,
    ];
    let (home, path) = written(&lines);
    let first = codex().summarise(&unit(&home, &path), None);
    append(&path, b"{\"timestamp\":\"2025-07-01T10:00:01.000Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"user_message\",\"message\":\"hello\"}}\n");
    let second = codex().summarise(&unit(&home, &path), Some(&first.progress));
    assert_eq!(all(first)[0].messages, 1);
    let session = all(second).remove(0);
    assert_eq!((session.messages, read(&session).len()), (1, 1));
}

#[test]
fn h17_a_held_lock_is_a_live_sign() {
    let home = Home::of(&["codex/0.169.0"]);
    let root = codex().roots(&home.environment()).remove(0);
    let locks = root.path.join("thread-writer-locks");
    fs::create_dir(&locks).expect("directory");
    let stale = File::create(locks.join(format!("{PARENT}.lock"))).expect("lock file");
    let held = File::create(locks.join(format!("{TOUR}.lock"))).expect("lock file");
    held.lock().expect("lock");
    let signs = codex().live(&root);
    assert_eq!(signs.len(), 1, "{signs:?}");
    assert_eq!((&*signs[0].key.id, signs[0].pid, signs[0].state), (TOUR, Some(std::process::id()), SessionState::Idle));
    let started = b"{\"timestamp\":\"2026-11-21T10:00:00.000Z\",\"ordinal\":188,\"type\":\"event_msg\",\"payload\":{\"type\":\"task_started\",\"turn_id\":\"x\"}}\n";
    append(&sessions(&home)[TOUR].path, started);
    let sign = codex().live(&root).remove(0);
    assert_eq!(sign.state, SessionState::Working);
    assert_eq!(sign.since.expect("since").rfc3339(), "2026-11-21T10:00:00.000Z");
    drop((held, stale));
    assert!(codex().live(&root).is_empty());
}

#[test]
fn a_glance_knows_who_it_is() {
    let home = Home::of(&VERSIONS);
    let sessions = sessions(&home);
    for unit in units(&home) {
        for row in codex().peek(&unit) {
            let whole = &sessions[&*row.key.id];
            assert!(!row.complete && whole.complete);
            assert_eq!(
                (&row.cwd, &row.title.source, row.flags.subagent),
                (&whole.cwd, &whole.title.source, whole.flags.subagent)
            );
            assert!(row.flags.archived == whole.flags.archived && row.flags.headless == whole.flags.headless);
        }
    }
}
