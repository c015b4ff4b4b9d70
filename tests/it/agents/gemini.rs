//! Gemini CLI's chats: logs that are replayed, and the documents of versions before.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use salon::agent::{Format, MarkKind, RefreshOutcome, Source, SourceSessions, SourceSummary, TextLimit, format};
use salon::domain::event::NoticeLevel;
use salon::domain::transcript::{ChangeKind, ToolAction};
use salon::domain::{Agent, Entry, EntryKey, EntryKind, Issue, Session, Time, TitleSource, Tokens, ToolStatus};

use crate::support::Home;

/// A conversation with a stub beside it that a resume left.
const RESUMED: &str = "19e24f82-7cc4-49fb-8605-fce84f1eb900";
/// A document of 0.24.5.
const OLD: &str = "a0c413c7-c8b2-45a1-b3ed-81f5d4765729";
/// Wiped by its own agent.
const WIPED: &str = "f37a8085-f7a8-408d-8d65-ef8efba1daea";

fn gemini() -> &'static dyn Format {
    format(Agent::Gemini)
}

fn units(home: &Home) -> Vec<Source> {
    let roots = gemini().roots(&home.environment());
    // The prompts of all sessions are what is left of deleted ones.
    let all = roots.iter().flat_map(|root| gemini().discover(root).sources);
    all.filter(|source| !source.path.ends_with("logs.json")).collect()
}

fn all(summarised: SourceSummary) -> Vec<Session> {
    match summarised.sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("a chat gives all of its sessions"),
    }
}

fn sessions(home: &Home) -> BTreeMap<String, Session> {
    let mut found = BTreeMap::new();
    for session in units(home).iter().flat_map(|unit| all(gemini().summarise(unit, None))) {
        assert!(found.insert(session.key.id.to_string(), session).is_none(), "one row a session");
    }
    found
}

fn fixtures() -> Home {
    Home::of(&["gemini/0.24.5", "gemini/0.61.0"])
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = gemini().open(session).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

fn texts(entries: &[Entry]) -> Vec<(EntryKind, &str)> {
    entries.iter().map(|entry| (entry.kind, &*entry.text)).collect()
}

fn unit(home: &Home, path: &Path) -> Source {
    units(home).into_iter().find(|unit| unit.path == path).expect("a unit")
}

fn append(path: &Path, text: &str) {
    File::options().append(true).open(path).expect("chat").write_all(text.as_bytes()).expect("append");
}

const HEAD: &str = r#"{"sessionId":"abcdef01-1111-4222-8333-444444444444","projectHash":"x","startTime":"2026-01-02T03:04:05.000Z","kind":"main"}"#;

fn user(id: &str, text: &str) -> String {
    format!(r#"{{"id":"{id}","timestamp":"2026-01-02T03:05:00.000Z","type":"user","content":[{{"text":"{text}"}}]}}"#)
}

/// A home with one chat of these lines.
fn written(lines: &[&str]) -> (Home, PathBuf) {
    let home = Home::empty();
    let dir = home.path().join(".gemini/tmp/p/chats");
    fs::create_dir_all(&dir).expect("directory");
    let path = dir.join("session-2026-01-02T03-04-abcdef01.jsonl");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("chat");
    (home, path)
}

#[test]
fn a1_a_log_and_a_document_are_told_alike() {
    let home = fixtures();
    let sessions = sessions(&home);
    let old = &sessions[OLD];
    assert_eq!((&*old.title.text, &*old.cwd), ("THINK hello old gemini TOOL:bash ls", "/home/dev/shop-api"));
    assert_eq!((old.turns, old.messages, old.model.as_deref()), (2, 8, Some("gemini-2.5-flash")));
    assert_eq!(old.tokens, Tokens { input: 13_658, output: 42, cache_read: 13_656, cache_write: 0 });
    let entries = read(old);
    use EntryKind::{Prompt, Text, Thinking, Tool};
    let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Prompt, Thinking, Text, Tool, Thinking, Text, Prompt, Text]);
    let tool = entries[3].tool.as_ref().expect("a tool");
    assert_eq!(
        (&tool.action, tool.status),
        (&ToolAction::Command { command: "ls".into(), exit_code: Some(0) }, ToolStatus::Done)
    );
    assert!(tool.output.contains("README.md"));
    let new = &sessions[RESUMED];
    assert_eq!(
        (&*new.title.text, &*new.cwd, new.turns, new.messages),
        ("first session hello", "/home/dev/shop-api", 2, 4)
    );
    assert_eq!(
        texts(&read(new)),
        [
            (Prompt, "first session hello"),
            (Text, "Mock answer. You said: first session hello"),
            (Prompt, "typed in tui"),
            (Text, "Mock answer. You said: typed in tui")
        ]
    );
}

#[test]
fn a1_a_stub_never_shadows_its_conversation() {
    let home = fixtures();
    let found = sessions(&home);
    assert!(found[RESUMED].path.to_string_lossy().contains("T10-00-19e24f82"));
    // A change of either file concerns both.
    let root = gemini().roots(&home.environment()).remove(0);
    assert_eq!(gemini().affected(&root, &found[RESUMED].path).len(), 2);
    // Without the conversation the stub is a session of its own, an empty one.
    fs::remove_file(&found[RESUMED].path).expect("remove");
    let stub = &sessions(&home)[RESUMED];
    assert!(stub.flags.empty && stub.path.to_string_lossy().contains("T10-02-19e24f82"));
    let gone = gemini().affected(&root, &found[RESUMED].path);
    assert_eq!(gone.iter().filter(|(_, unit)| unit.is_none()).count(), 1);
    assert_eq!(gone.len(), 2);
}

#[test]
fn a4_the_count_is_the_number_of_entries() {
    for session in sessions(&fixtures()).values() {
        let mut reading = gemini().open(session).expect("opens");
        let entries = reading.read(0..usize::MAX, TextLimit::NONE);
        assert_eq!((session.messages as usize, reading.len()), (entries.len(), entries.len()), "{}", session.key);
        let keys: std::collections::HashSet<_> = entries.iter().map(|entry| entry.key).collect();
        assert_eq!(keys.len(), entries.len());
        assert_eq!(reading.marks(MarkKind::Prompts).len(), session.turns as usize);
        assert_eq!(session.flags.empty, entries.is_empty());
        for time in [session.started_at, session.last_activity] {
            assert!(time.expect("a time").rfc3339().starts_with("2026-11-21T"), "a30: {session:?}");
        }
    }
}

#[test]
fn a6_any_page_is_the_same_part_of_the_whole() {
    for session in sessions(&fixtures()).values() {
        let whole = read(session);
        let mut reading = gemini().open(session).expect("opens");
        for start in 0..whole.len() + 2 {
            let page = reading.read(start..start + 3, TextLimit::NONE);
            let expected = &whole[start.min(whole.len())..(start + 3).min(whole.len())];
            assert_eq!(format!("{page:?}"), format!("{expected:?}"));
        }
        let tail = gemini().tail(session, 2).expect("tail");
        assert_eq!(texts(&tail), texts(&whole[whole.len() - tail.len()..]));
        assert_eq!(tail.len(), whole.len().min(2));
    }
}

#[test]
fn a12_growing_by_any_pieces_gives_the_same_summary() {
    let home = fixtures();
    for at in units(&home).into_iter().filter(|unit| unit.path.extension().is_some_and(|ending| ending == "jsonl")) {
        let whole = fs::read(&at.path).expect("chat");
        let expected = all(gemini().summarise(&at, None));
        let mut progress = None;
        for end in memchr::memchr_iter(b'\n', &whole).map(|end| end + 1) {
            for upto in [end, (end + 40).min(whole.len())] {
                fs::write(&at.path, &whole[..upto]).expect("write");
                let summed = gemini().summarise(&unit(&home, &at.path), progress.as_ref());
                let is_torn_end = |issue: &Issue| issue.reason == "torn record at the end of the file";
                assert!(summed.issues.iter().all(is_torn_end), "{:?}", summed.issues);
                let fresh = gemini().summarise(&unit(&home, &at.path), None);
                progress = Some(summed.progress.clone());
                assert_eq!(all(summed), all(fresh));
            }
        }
        let mut grown = all(gemini().summarise(&unit(&home, &at.path), progress.as_ref()));
        // The file was written again meanwhile.
        grown.iter_mut().zip(&expected).for_each(|(grown, expected)| grown.modified = expected.modified);
        assert_eq!(grown, expected);
    }
}

#[test]
fn a12_an_append_costs_only_its_own_bytes() {
    let home = fixtures();
    let session = sessions(&home)[RESUMED].clone();
    let first = gemini().summarise(&unit(&home, &session.path), None);
    let mut reading = gemini().open(&session).expect("opens");
    let line = format!("{}\n", user("new", "one more"));
    append(&session.path, &line);
    let second = gemini().summarise(&unit(&home, &session.path), Some(&first.progress));
    assert_eq!(second.bytes_read, line.len() as u64);
    assert_eq!(all(second)[0].messages, 5);
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 4 });
    assert_eq!(reading.read(4..5, TextLimit::NONE)[0].text, "one more");
    assert_eq!(reading.refresh(), RefreshOutcome::Same);
}

#[test]
fn a13_a_chat_that_was_replaced_is_read_again() {
    let (home, path) = written(&[HEAD, &user("1", "one"), &user("2", "two")]);
    let session = sessions(&home).pop_first().expect("a session").1;
    let before = gemini().summarise(&unit(&home, &path), None);
    let mut reading = gemini().open(&session).expect("opens");
    let fresh = path.with_extension("new");
    fs::write(&fresh, format!("{HEAD}\n{}\n{}\n{}\n", user("3", "three"), user("4", "four"), user("5", "five")))
        .expect("write");
    fs::rename(&fresh, &path).expect("rename");
    let after = gemini().summarise(&unit(&home, &path), Some(&before.progress));
    assert_eq!((&*all(after)[0].title.text, reading.refresh(), reading.len()), ("three", RefreshOutcome::Reset, 3));
    fs::write(&path, format!("{HEAD}\n{}\n", user("6", "six"))).expect("write");
    assert_eq!((reading.refresh(), reading.len()), (RefreshOutcome::Reset, 1));
    fs::remove_file(&path).expect("remove");
    assert_eq!(reading.refresh(), RefreshOutcome::Gone);
}

/// The log is replayed: a message may be replaced, the list set, its end taken back.
#[test]
fn h1_the_log_is_replayed() {
    let answer = |text: &str, calls: &str| {
        format!(
            r#"{{"id":"a","timestamp":"2026-01-02T03:06:00.000Z","type":"gemini","content":"{text}","tokens":{{"input":10,"output":2,"cached":4,"thoughts":1,"tool":0,"total":13}},"model":"m"{calls}}}"#
        )
    };
    let call = r#","toolCalls":[{"id":"t","name":"replace","args":{"file_path":"a.rs","old_string":"x","new_string":"y"},"status":"error","result":[{"functionResponse":{"response":{"error":"no match"}}}]}]"#;
    let lines = [HEAD.to_owned(), user("1", "one"), answer("hm", ""), answer("hm", call), user("2", "two")];
    let (home, path) = written(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let session = sessions(&home).pop_first().expect("a session").1;
    assert_eq!((session.messages, session.turns), (4, 2));
    assert_eq!(session.tokens, Tokens { input: 6, output: 3, cache_read: 4, cache_write: 0 }, "a reply counts once");
    let mut reading = gemini().open(&session).expect("opens");
    assert_eq!(reading.marks(MarkKind::Errors), [2]);
    let tool = reading.read(2..3, TextLimit::NONE).remove(0).tool.expect("a tool");
    assert_eq!((tool.status, &*tool.output), (ToolStatus::Failed, "no match"));
    let ToolAction::Edit(changes) = tool.action else { panic!("an edit") };
    assert_eq!(changes[0].kind, ChangeKind::Replace(vec![("x".into(), "y".into())]));

    append(&path, "{\"$rewindTo\":\"2\"}\n");
    assert_eq!((reading.refresh(), reading.len()), (RefreshOutcome::Reset, 3));
    append(&path, &format!("{}\n", answer("changed", "")));
    let outcome = (reading.refresh(), reading.len(), reading.branches());
    assert_eq!(outcome, (RefreshOutcome::Reset, 2, 3), "the answer that is replaced is a branch");
    append(&path, &format!("{{\"$set\":{{\"summary\":\"A summary\",\"messages\":[{}]}}}}\n", user("9", "nine")));
    assert_eq!((reading.refresh(), reading.len()), (RefreshOutcome::Reset, 1));
    assert!(String::from_utf8(reading.raw(0)).expect("text").starts_with("{\"id\":\"9\""));
    let session = sessions(&home).pop_first().expect("a session").1;
    assert_eq!((&*session.title.text, session.title.source), ("A summary", TitleSource::Agent));
    append(&path, "{\"$rewindTo\":\"unknown\"}\n");
    let session = sessions(&home).pop_first().expect("a session").1;
    assert_eq!((session.flags.empty, session.messages), (false, 1), "what was emptied is still shown");
}

#[test]
fn h1_what_a_rewind_takes_out_is_a_branch() {
    let answer = |id: &str, text: &str| {
        format!(
            r#"{{"id":"{id}","timestamp":"2026-01-02T03:06:00.000Z","type":"gemini","content":"{text}","tokens":{{"input":10,"output":2}}}}"#
        )
    };
    let rewind = |id: &str| format!(r#"{{"$rewindTo":"{id}"}}"#);
    let lines = [
        HEAD.to_owned(),
        user("1", "one"),
        answer("2", "first answer"),
        user("3", "wrong way"),
        answer("4", "wrong answer"),
        rewind("3"),
        user("5", "another way"),
        answer("6", "another answer"),
        rewind("1"),
        user("7", "all anew"),
    ];
    let (home, path) = written(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let session = sessions(&home).pop_first().expect("a session").1;
    assert_eq!((session.messages, session.tokens.output), (1, 6), "what was rewound was paid for");
    let mut reader = gemini().open(&session).expect("opens");
    let list = reader.branch_list();
    let listed: Vec<_> = list.iter().map(|branch| (branch.entries, &*branch.head)).collect();
    assert_eq!(listed, [(4, "one"), (4, "another way"), (1, "all anew")]);
    assert_eq!((reader.branches(), reader.shown_branch()), (3, 2));
    let forks = reader.forks();
    assert_eq!((forks[0].entry, &forks[0].branches), (None, &vec![0, 1]));
    assert!(reader.show_branch(0) && !reader.show_branch(3));
    assert_eq!(reader.forks()[1].entry, Some(1));
    let texts_of_branch = |entries: &[Entry]| entries.iter().map(|entry| entry.text.clone()).collect::<Vec<_>>();
    let first = texts_of_branch(&reader.read(0..9, TextLimit::NONE));
    assert_eq!(first, ["one", "first answer", "wrong way", "wrong answer"]);
    let located =
        reader.locate(&[(EntryKey::new("5", 0), ""), (EntryKey::new("7", 0), ""), (EntryKey::new("x", 0), "")]);
    let located: Vec<_> = located.iter().map(|at| at.map(|at| (at.branch, at.index))).collect();
    assert_eq!(located, [Some((1, 2)), Some((2, 0)), None]);
    append(&path, &format!("{}\n", answer("8", "more")));
    assert_eq!(reader.refresh(), RefreshOutcome::Same, "another branch is shown");
    assert!(reader.show_branch(2));
    assert_eq!(reader.read(0..9, TextLimit::NONE).len(), 2);
}

#[test]
fn h1_a_list_with_calls_in_its_content_keeps_their_results() {
    let set = r#"{"$set":{"messages":[{"id":"1","type":"user","content":[{"text":"list"}]},{"id":"2","type":"gemini","content":[{"text":"I look."},{"functionCall":{"id":"c","name":"run_shell_command","args":{"command":"ls -a"}}}]},{"id":"3","type":"user","content":[{"functionResponse":{"id":"c","name":"run_shell_command","response":{"output":"Cargo.toml\nExit Code: 2"}}}]}]}}"#;
    let call = r#"{"id":"9","type":"gemini","content":"","toolCalls":[{"id":"c","name":"run_shell_command","args":{"command":"ls -a"},"status":"success"}]}"#;
    let (home, _) = written(&[HEAD, &user("1", "list"), call, set]);
    let session = sessions(&home).pop_first().expect("a session").1;
    assert_eq!(gemini().open(&session).expect("opens").branches(), 1, "the call is in the new list");
    let entries = read(&session);
    assert_eq!(texts(&entries[..2]), [(EntryKind::Prompt, "list"), (EntryKind::Text, "I look.")]);
    let tool = entries[2].tool.as_ref().expect("a tool");
    assert_eq!(
        (&*entries[2].text, &*tool.output, tool.status),
        ("ls -a", "Cargo.toml\nExit Code: 2", ToolStatus::Failed)
    );
}

#[test]
fn h7_context_and_results_are_no_prompts() {
    let home = fixtures();
    // Its agent emptied the list; what was said before is still shown.
    let wiped = &sessions(&home)[WIPED];
    assert_eq!((&*wiped.title.text, wiped.turns, wiped.messages), ("hello there", 2, 8));
    let result = r#"{"id":"r","timestamp":"2026-01-02T03:05:00.000Z","type":"user","content":[{"functionResponse":{"id":"t","response":{"output":"x"}}}]}"#;
    let info = r#"{"id":"i","timestamp":"2026-01-02T03:05:00.000Z","type":"error","content":"API error"}"#;
    let (home, _) = written(&[HEAD, &user("0", "<session_context>"), result, info, &user("1", "a real one")]);
    let session = sessions(&home).pop_first().expect("a session").1;
    // The result, whose call is in no message, is an entry, but no prompt.
    assert_eq!((&*session.title.text, session.turns, session.messages), ("a real one", 1, 3));
    let notice = read(&session).remove(1);
    assert_eq!((notice.kind, notice.level, &*notice.text), (EntryKind::Notice, NoticeLevel::Error, "API error"));
}

#[test]
fn a14_resume_runs_in_the_projects_directory_or_says_why_not() {
    let home = fixtures();
    let mut session = sessions(&home)[RESUMED].clone();
    let launch = gemini().resume(&session, &["-y".into()]);
    assert_eq!(launch.shell_line(), format!("cd /home/dev/shop-api && gemini --resume={RESUMED} -y"));
    session.cwd = home.path().to_string_lossy().into();
    assert_eq!(gemini().resume_refusal(&session), None);
    session.cwd = "/nowhere/at/all".into();
    assert!(gemini().resume_refusal(&session).expect("a reason").contains("/nowhere/at/all"));
    session.cwd = "".into();
    assert!(gemini().resume_refusal(&session).expect("a reason").contains("directory"));
}

#[test]
fn a14_a_project_without_its_marker_is_known_from_the_list() {
    let home = fixtures();
    fs::remove_file(home.path().join(".gemini/tmp/shop-api/.project_root")).expect("remove");
    assert_eq!(&*sessions(&home)[RESUMED].cwd, "/home/dev/shop-api");
    fs::remove_file(home.path().join(".gemini/projects.json")).expect("remove");
    assert_eq!(&*sessions(&home)[OLD].cwd, "");
}

#[test]
fn h9_a_resume_endangers_all_files_of_the_same_short_id() {
    let home = fixtures();
    let endangered = gemini().at_risk_files(&sessions(&home)[RESUMED]).expect("endangered");
    assert_eq!(endangered.files.len(), 2);
    assert!(endangered.files.iter().all(|file| file.to_string_lossy().contains("19e24f82")));
    assert!(endangered.reason.contains("delete"));
}

#[test]
fn a29_a_spoilt_line_is_counted_and_its_neighbours_are_intact() {
    let lines = [HEAD, &user("1", "one"), "garbage {", "\0\0\0", "[]", "{\"id\":3}", &user("2", "two")];
    let (home, path) = written(&lines);
    File::options().append(true).open(&path).expect("chat").write_all(b"\xff\xfe{\n").expect("append");
    let summarised = gemini().summarise(&unit(&home, &path), None);
    let numbers: Vec<u64> = summarised.issues.iter().filter_map(|issue| issue.line).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 8]);
    let session = all(summarised).remove(0);
    assert_eq!((session.unreadable, session.messages), (5, 2));
    assert_eq!(texts(&read(&session)), [(EntryKind::Prompt, "one"), (EntryKind::Prompt, "two")]);
}

#[test]
fn h12_hostile_files_give_rows_and_never_a_panic() {
    let home = Home::empty();
    let dir = home.path().join(".gemini/tmp/p/chats");
    fs::create_dir_all(dir.join("session-2026-01-02T03-04-00000000.jsonl")).expect("directory where a file should be");
    fs::write(home.path().join(".gemini/tmp/file"), b"").expect("a file where a folder should be");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let contents: [&[u8]; 7] = [
        b"\0\0",
        b"\xff\n",
        b"{\"$set\":",
        deep.as_bytes(),
        b"{\"$set\":{\"messages\":7}}\n",
        b"",
        b"{\"messages\":[1,null,{}]}\n",
    ];
    for (number, bytes) in (1..).zip(contents) {
        fs::write(dir.join(format!("session-2026-01-02T03-04-0000000{number}.jsonl")), bytes).expect("write");
        fs::write(dir.join(format!("session-2026-01-02T03-04-1000000{number}.json")), bytes).expect("write");
    }
    let units = units(&home);
    assert_eq!(units.len(), 14);
    for unit in &units {
        gemini().peek(unit);
        for session in all(gemini().summarise(unit, None)) {
            let mut reading = gemini().open(&session).expect("opens");
            assert_eq!(reading.read(0..usize::MAX, TextLimit::NONE).len(), session.messages as usize);
        }
    }
}

#[test]
fn a_session_is_not_opened_again_within_the_minute_of_its_chat() {
    let home = Home::of(&["gemini/0.61.0"]);
    let earliest = |id: &str| format(Agent::Gemini).earliest_resume(&home.environment(), id).map(Time::rfc3339);
    let id = "19e24f82-7cc4-49fb-8605-fce84f1eb900";
    assert_eq!(earliest(id).as_deref(), Some("2026-11-21T10:03:00.000Z"), "after the newest of its chats");
    assert_eq!(earliest("99999999-2222-4333-8444-555555555555"), None);
    let none = format(Agent::Qwen).earliest_resume(&home.environment(), id);
    assert_eq!(none, None, "other agents open a session at any time");
}
