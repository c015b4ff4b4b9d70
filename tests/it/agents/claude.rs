//! Claude Code's transcripts: what is found, how it is summed up, how it reads.

mod branches;
mod growth;
mod signs;

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::agent::{self, Format, Source, SourceSessions, SourceSummary, SummaryNote, TextLimit};
use salon::domain::{Agent, Entry, EntryKind, Session, Time, TitleSource, Tokens};
use serde_json::{Value, json};

use crate::support::{Home, fixtures};

fn claude() -> &'static dyn Format {
    agent::format(Agent::Claude)
}

fn units(home: &Home) -> Vec<Source> {
    let roots = claude().roots(&home.environment());
    let all = roots.iter().flat_map(|root| claude().discover(root).sources);
    all.filter(|source| claude().has_sessions(source)).collect()
}

fn session(summarised: SourceSummary) -> Session {
    match summarised.sessions {
        SourceSessions::All(sessions) => sessions.into_iter().next().expect("a session"),
        SourceSessions::Changed { .. } => panic!("a file gives all of its sessions"),
    }
}

fn sessions(home: &Home) -> BTreeMap<String, Session> {
    let all = units(home).into_iter().map(|unit| session(claude().summarise(&unit, None)));
    all.map(|session| (session.key.id.to_string(), session)).collect()
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = claude().open(session).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

const VERSIONS: [&str; 3] = ["claude/1.0.128", "claude/2.0.76", "claude/2.1.329"];

/// A home with one session, made of these lines.
struct One {
    home: Home,
    path: PathBuf,
}

impl One {
    fn new(lines: &[Value]) -> Self {
        let one = Self::raw(&text(lines));
        assert_eq!(one.unit().path, one.path);
        one
    }

    fn raw(bytes: &[u8]) -> Self {
        let home = Home::empty();
        let folder = home.path().join(".claude/projects/-home-dev-shop-api");
        std::fs::create_dir_all(&folder).expect("folder");
        let path = folder.join("aaaaaaaa-0000-4000-8000-000000000000.jsonl");
        std::fs::write(&path, bytes).expect("transcript");
        Self { home, path }
    }

    fn unit(&self) -> Source {
        units(&self.home).into_iter().find(|unit| unit.path == self.path).expect("found")
    }

    fn summarise(&self) -> SourceSummary {
        claude().summarise(&self.unit(), None)
    }

    fn session(&self) -> Session {
        session(self.summarise())
    }

    fn append(&self, bytes: &[u8]) {
        let mut file = std::fs::OpenOptions::new().append(true).open(&self.path).expect("opens");
        file.write_all(bytes).expect("appends");
    }

    fn texts(&self) -> Vec<String> {
        read(&self.session()).into_iter().map(|entry| entry.text).collect()
    }
}

fn text(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// A record of the conversation: its id, the one that it follows, and what else it has.
fn record(id: &str, parent: Option<&str>, kind: &str, rest: Value) -> Value {
    let mut record = json!({
        "parentUuid": parent, "isSidechain": false, "type": kind, "uuid": id, "cwd": "/home/u/my-app_v1.2",
        "timestamp": "2026-11-21T09:25:55.799Z", "sessionId": "aaaaaaaa-0000-4000-8000-000000000000", "gitBranch": "main",
    });
    let Value::Object(rest) = rest else { panic!("an object") };
    record.as_object_mut().expect("object").extend(rest);
    record
}

fn user(id: &str, parent: Option<&str>, content: impl Into<Value>) -> Value {
    record(id, parent, "user", json!({"message": {"role": "user", "content": content.into()}}))
}

fn assistant(id: &str, parent: &str, message: &str, block: Value, output: u64) -> Value {
    let message = json!({"id": message, "role": "assistant", "model": "claude-x", "content": Value::Array(vec![block]),
        "usage": {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1}});
    record(id, Some(parent), "assistant", json!({"message": message, "requestId": "req"}))
}

fn say(id: &str, parent: &str, text: &str) -> Value {
    assistant(id, parent, &format!("msg-{id}"), json!({"type": "text", "text": text}), 1)
}

fn call(id: &str, parent: &str, message: &str, tool: &str) -> Value {
    assistant(
        id,
        parent,
        message,
        json!({"type": "tool_use", "id": tool, "name": "Bash", "input": {"command": tool}}),
        1,
    )
}

fn answer(id: &str, parent: &str, tool: &str, content: impl Into<Value>) -> Value {
    user(id, Some(parent), json!([{"type": "tool_result", "tool_use_id": tool, "content": content.into()}]))
}

#[test]
fn a1_every_fixture_session_is_listed_with_its_real_directory() {
    let home = Home::of(&VERSIONS);
    let sessions = sessions(&home);
    assert_eq!(sessions.len(), 1 + 10 + 19);
    for session in sessions.values().filter(|session| !session.flags.empty) {
        assert!(["/home/dev/shop-api", "/home/dev/web_ui.v2", "/home/dev/My Café app"].contains(&&*session.cwd));
        assert!(session.complete && session.messages > 0 && session.turns > 0, "{}", session.key);
    }
    let tools = &sessions["143b81a6-05d8-46ab-96c8-d1c2291634d1"];
    assert_eq!((tools.turns, tools.messages, tools.branch.as_deref()), (5, 17, Some("feature/cart")));
    assert_eq!(tools.model.as_deref(), Some("claude-sonnet-4-5"));
    assert_eq!(tools.started_at.map(Time::rfc3339).as_deref(), Some("2026-11-21T09:25:55.798Z"));
}

#[test]
fn a2_the_first_prompt_names_a_session_whatever_its_shape() {
    let long = "ü".repeat(300);
    let shapes = [
        (user("1", None, "as a string"), "as a string"),
        (user("1", None, json!([{"type": "text", "text": "as an array"}])), "as an array"),
        (json!({"type": "user", "content": "at top level"}), "at top level"),
        (json!({"type": "human", "message": {"role": "user", "content": "of a human"}}), "of a human"),
        (json!({"role": "user", "content": "with a role only"}), "with a role only"),
        (user("1", None, long.as_str()), &"ü".repeat(200)),
    ];
    for (line, title) in shapes {
        let one = One::new(&[line]);
        let session = one.session();
        assert_eq!((&*session.title.text, session.title.source, session.turns), (title, TitleSource::Prompt, 1));
        assert_eq!(read(&session).len(), 1);
    }
}

#[test]
fn a3_sub_agents_and_empty_files_are_no_sessions_but_a_folder_may_be_called_so() {
    let home = Home::of(&["claude/2.0.76"]);
    let folder = home.path().join(".claude/projects/-home-me-agent-deck");
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join("b.jsonl"), text(&[user("1", None, "hello")])).expect("transcript");
    let sessions = sessions(&home);
    let shown: Vec<_> = sessions.values().filter(|one| !one.flags.subagent && !one.flags.empty).collect();
    assert_eq!(shown.iter().map(|one| &*one.key.id).collect::<Vec<_>>(), ["22e22bb8-95a4-495e-a612-04a08b5d5dde", "b"]);
    assert_eq!(sessions.values().filter(|one| one.flags.subagent).count(), 7);
    assert_eq!(sessions.values().filter(|one| one.flags.empty).count(), 2);
    let root = &claude().roots(&home.environment())[0];
    let affected = claude().affected(root, &folder.join("b.jsonl"));
    assert!(matches!(&affected[..], [(path, Some(unit))] if *path == unit.path && path.ends_with("b.jsonl")));
}

#[test]
fn a4_counts_are_what_is_shown_for_every_fixture() {
    let home = Home::of(&VERSIONS);
    for session in sessions(&home).values() {
        let mut reading = claude().open(session).expect("opens");
        let entries = reading.read(0..usize::MAX, TextLimit::NONE);
        assert_eq!((session.messages as usize, reading.len()), (entries.len(), entries.len()), "{}", session.key);
        let prompts = entries.iter().filter(|entry| entry.kind == EntryKind::Prompt).count();
        assert!(prompts >= session.turns as usize, "{}", session.key);
        let lost = entries.iter().filter(|entry| entry.kind == EntryKind::Other).count();
        assert_eq!(lost, 0, "{}: every record of the fixtures is understood", session.key);
        let keys: HashSet<_> = entries.iter().map(|entry| entry.key).collect();
        assert_eq!(keys.len(), entries.len(), "{}: keys are unique", session.key);
    }
}

#[test]
fn a4_an_answer_that_is_a_string_is_shown() {
    let answer =
        record("2", Some("1"), "assistant", json!({"message": {"id": "m", "role": "assistant", "content": "text"}}));
    let one = One::new(&[user("1", None, "hello"), answer]);
    assert_eq!(one.texts(), ["hello", "text"]);
}

#[test]
fn the_newest_prompt_is_kept_beside_the_title() {
    let one = One::new(&[user("1", None, "hello"), user("2", Some("1"), "and then\nmore")]);
    assert_eq!(one.session().last_prompt.as_deref(), Some("and then more"));
    let one = One::new(&[user("1", None, "hello")]);
    assert_eq!(one.session().last_prompt, None, "it is the title");
}

#[test]
fn a5_all_blocks_of_a_prompt_are_shown_and_results_go_to_their_calls() {
    let blocks = json!([{"type": "text", "text": "first"}, {"type": "text", "text": "second"}]);
    let image = json!([{"type": "text", "text": "line"}, {"type": "image", "source": {"media_type": "image/png", "data": "aaaa"}}]);
    let one = One::new(&[
        user("1", None, blocks),
        call("2", "1", "m", "tool-a"),
        call("3", "2", "m", "tool-b"),
        answer("4", "3", "tool-b", image),
        answer("5", "4", "tool-a", "plain"),
        answer("6", "5", "tool-unknown", "of nobody"),
    ]);
    let entries = read(&one.session());
    let texts: Vec<_> = entries.iter().map(|entry| &*entry.text).collect();
    assert_eq!(texts, ["first", "second", "tool-a", "tool-b", "result of a call that is not in the file"]);
    let outputs: Vec<_> = entries.iter().filter_map(|entry| entry.tool.as_ref()).map(|tool| &*tool.output).collect();
    assert_eq!(outputs, ["plain", "line\n[image image/png, 1 kB]", "of nobody"]);
    assert_eq!(one.session().turns, 1);
}

#[test]
fn a14_h6_resume_goes_to_the_directory_of_the_records() {
    let one = One::new(&[
        user("1", None, "hello"),
        record("2", Some("1"), "user", json!({"cwd": "/elsewhere", "message": {"content": "b"}})),
    ]);
    let launch = claude().resume(&one.session(), &["--model".into(), "opus".into()]);
    assert_eq!(launch.cwd, Path::new("/home/u/my-app_v1.2"));
    assert_eq!(launch.args, ["--resume=aaaaaaaa-0000-4000-8000-000000000000", "--model", "opus"]);
}

#[test]
fn a24_what_cannot_be_read_is_named() {
    let one = One::new(&[user("1", None, "hello")]);
    std::fs::create_dir(one.path.with_file_name("folder.jsonl")).expect("folder");
    std::os::unix::fs::symlink("/nowhere", one.path.with_file_name("dangling.jsonl")).expect("link");
    let found = claude().discover(&claude().roots(&one.home.environment())[0]);
    assert_eq!((found.sources.len(), found.issues.len()), (1, 2));

    let mut gone = one.unit();
    gone.path = one.path.with_file_name("gone.jsonl");
    assert_eq!(claude().summarise(&gone, None).sessions, SourceSessions::All(Vec::new()));
    // Whoever may read everything (root) is refused by a file that cannot be opened at all.
    let mut loops = one.unit();
    loops.path = one.path.with_file_name("loop.jsonl");
    std::os::unix::fs::symlink(&loops.path, &loops.path).expect("link");
    let refused = claude().summarise(&loops, None);
    assert_eq!(refused.issues.len(), 1);
    assert!(session(refused).flags.unreadable);
}

#[test]
fn a29_a_corrupt_line_is_skipped_counted_and_named() {
    let mut bytes = text(&[user("1", None, "hello")]);
    bytes.extend(b"{\"uuid\":\"2\",\"parentUuid\":\"1\",\"type\":\"assist\n");
    bytes.extend([0; 64]);
    bytes.extend(b"\n\n[1,2]\n");
    bytes.extend(text(&[say("3", "2", "after it"), say("4", "3", "and on")]));
    let one = One::raw(&bytes);
    let summarised = one.summarise();
    let lines: Vec<_> = summarised.issues.iter().map(|issue| issue.line).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(5)]);
    let session = session(summarised);
    assert_eq!((session.unreadable, session.flags.unreadable), (3, true));
    assert_eq!(one.texts(), ["hello", "after it", "and on"]);
    let reading = claude().open(&session).expect("opens");
    assert_eq!((reading.branches(), reading.issues().len()), (1, 3));
}

#[test]
fn h12_hostile_bytes_are_a_row_or_an_issue_and_never_a_panic() {
    let torn = b"{\"uuid\":\"1\",\"type\":\"user\",\"message\":{\"content\":\"caf\xc3\"}}\n";
    let one = One::raw(torn);
    assert_eq!(one.texts(), ["caf\u{fffd}"]);
    for bytes in
        [&b"\x00\x00\x00"[..], b"\xff\xfe{}\n", b"{\n", b"\"\n", b"[[[[\n", b"{\"a\":\n{\"type\":\"user\"", b"}\n"]
    {
        let one = One::raw(bytes);
        assert!(one.session().flags.empty);
        assert!(one.texts().is_empty());
    }
    let deep = format!("{{\"type\":\"user\",\"content\":{}\n", "[".repeat(1 << 20));
    assert_eq!(One::raw(deep.as_bytes()).session().unreadable, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn h12_no_damage_to_a_transcript_makes_counts_disagree(at in 0usize..40_000, byte in any::<u8>(), cut in 0usize..40_000) {
        let path = fixtures().join("claude/2.1.329/home/.claude/projects/-home-dev-shop-api/ecb23d04-1c2c-482e-b243-a4eb88ad9dcb.jsonl");
        let mut bytes = std::fs::read(path).expect("fixture");
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(len.max(cut) - cut / 2);
        let one = One::raw(&bytes);
        let session = one.session();
        prop_assert_eq!(session.messages as usize, read(&session).len());
    }
}

#[test]
fn a30_no_time_lies_in_1970() {
    let home = Home::of(&VERSIONS);
    for session in sessions(&home).values() {
        let times = [session.started_at, session.last_activity];
        assert!(session.last_activity.is_some(), "{}", session.key);
        for time in times.into_iter().flatten() {
            assert!(time.rfc3339().as_str() > "2026", "{}: {}", session.key, time.rfc3339());
        }
    }
}

#[test]
fn h2_a_reply_in_many_records_counts_once_with_its_largest_usage() {
    let block = |text: &str| json!({"type": "text", "text": text});
    let one = One::new(&[
        user("1", None, "hello"),
        assistant("2", "1", "m", block("one"), 5),
        assistant("3", "2", "m", block("two"), 631),
        assistant("4", "3", "m", block("three"), 631),
        assistant("5", "4", "n", block("next"), 7),
    ]);
    let session = one.session();
    assert_eq!(session.tokens, Tokens { input: 20, output: 638, cache_read: 4, cache_write: 2 });
    let tokens: Vec<_> = read(&session).iter().map(|entry| entry.tokens.map(|tokens| tokens.output)).collect();
    assert_eq!(tokens, [None, Some(631), None, None, Some(7)]);
}

#[test]
fn h7_bookkeeping_gives_titles_but_never_entries() {
    let title = |kind: &str, field: &str, text: &str| json!({"type": kind, field: text});
    let mut lines = vec![
        json!({"type": "file-history-snapshot", "messageId": "1", "snapshot": {}}),
        record("0", None, "user", json!({"isMeta": true, "message": {"content": "Caveat: hidden"}})),
        user("1", Some("0"), "<command-name>/clear</command-name><command-args></command-args>"),
        user("2", Some("1"), "<local-command-stdout></local-command-stdout>"),
        user("3", Some("2"), "<system-reminder>be brief</system-reminder>"),
        user(
            "4",
            Some("3"),
            json!([{"type": "text", "text": "<ide_opened_file>a.rs</ide_opened_file>"}, {"type": "text", "text": "the real prompt"}]),
        ),
        user("5", Some("4"), "<ide_selection>x</ide_selection>\nand a second one"),
    ];
    let one = One::new(&lines);
    assert_eq!(one.texts(), ["/clear", "the real prompt", "and a second one"]);
    assert_eq!(&*one.session().title.text, "the real prompt");
    assert_eq!(one.session().turns, 2);

    for (line, text, source) in [
        (
            json!({"type": "summary", "summary": "of its beginning", "leafUuid": "4"}),
            "of its beginning",
            TitleSource::Agent,
        ),
        (json!({"type": "summary", "summary": "of it", "leafUuid": "5"}), "of it", TitleSource::Agent),
        (title("ai-title", "aiTitle", "made up"), "made up", TitleSource::Agent),
        (title("custom-title", "customTitle", "given"), "given", TitleSource::User),
        (title("custom-title", "customTitle", "given again"), "given again", TitleSource::User),
        (title("ai-title", "aiTitle", "made up later"), "given again", TitleSource::User),
    ] {
        lines.push(line);
        let session = One::new(&lines).session();
        assert_eq!((&*session.title.text, session.title.source, session.messages), (text, source, 3));
    }
}

#[test]
fn h7_a_summary_may_name_another_session() {
    let one = One::new(&[
        json!({"type": "summary", "summary": "of another", "leafUuid": "elsewhere"}),
        user("1", None, "hello"),
    ]);
    let summarised = one.summarise();
    assert_eq!(summarised.notes, [SummaryNote::TitleOfTip { tip: "elsewhere".into(), title: "of another".into() }]);
    assert_eq!(&*session(summarised).title.text, "hello");
}

#[test]
fn h7_only_a_session_without_a_person_is_headless() {
    let prompt = |id: &str, parent: Option<&str>, entry: &str, source: &str| {
        record(
            id,
            parent,
            "user",
            json!({"entrypoint": entry, "promptSource": source, "message": {"content": "hello"}}),
        )
    };
    let program = prompt("1", None, "sdk-cli", "sdk");
    assert!(One::new(std::slice::from_ref(&program)).session().flags.headless);
    assert!(!One::new(&[program, prompt("2", Some("1"), "cli", "typed")]).session().flags.headless);
    assert!(!One::new(&[user("1", None, "an early version does not tell")]).session().flags.headless);
}

#[test]
fn h8_activity_is_the_last_message_not_the_files_time() {
    let one = One::new(&[
        user("1", None, "hello"),
        json!({"type": "queue-operation", "operation": "enqueue", "timestamp": "2027-01-01T00:00:00.000Z"}),
    ]);
    let last = one.session().last_activity.map(Time::rfc3339);
    assert_eq!(last.as_deref(), Some("2026-11-21T09:25:55.799Z"));
}

#[test]
fn h11_roots_follow_the_environment_and_links_are_followed_once() {
    let home = Home::of(&["claude/1.0.128"]);
    let projects = home.path().join(".claude/projects");
    std::os::unix::fs::symlink("-home-dev-shop-api", projects.join("-a-link-to-it")).expect("link");
    std::os::unix::fs::symlink(".", projects.join("-a-loop")).expect("link");
    let elsewhere = tempfile::tempdir().expect("elsewhere");
    let folder = elsewhere.path().join("moved");
    std::fs::create_dir(&folder).expect("folder");
    std::fs::write(folder.join("b.jsonl"), text(&[user("1", None, "hello")])).expect("transcript");
    std::os::unix::fs::symlink(&folder, projects.join("-moved")).expect("link");
    let mut found: Vec<_> = units(&home).into_iter().map(|unit| unit.path).collect();
    found.sort();
    let own = projects.join("-home-dev-shop-api/fac7100f-dd96-4445-8b4f-b5750268529b.jsonl");
    assert_eq!(found, [own, projects.join("-moved/b.jsonl")]);

    let mut environment = home.environment();
    environment.vars.insert("CLAUDE_CONFIG_DIR".into(), "~/other".into());
    environment.roots.insert(Agent::Claude, vec!["~/.claude".into(), "~/other".into()]);
    let roots: Vec<_> = claude().roots(&environment).into_iter().map(|root| root.path).collect();
    assert_eq!(roots, [home.path().join("other"), home.path().join(".claude")]);
    assert!(claude().discover(&claude().roots(&environment)[0]).sources.is_empty());
}

#[test]
fn h12_a_line_of_fifty_megabytes_is_read() {
    let huge = "word ".repeat(10 << 20);
    let one = One::new(&[
        user("1", None, "hello"),
        call("2", "1", "m", "a"),
        answer("3", "2", "a", huge),
        say("4", "3", "end"),
    ]);
    let session = one.session();
    assert_eq!((session.messages, session.unreadable), (3, 0));
    let mut reading = claude().open(&session).expect("opens");
    let entries = reading.read(0..3, TextLimit(1000));
    assert!(entries[1].truncated && entries[1].tool.as_ref().is_some_and(|tool| tool.output.len() == 1000));
    assert_eq!(
        claude().tail(&session, 1).expect("tail").last().map(|entry| entry.text.clone()).as_deref(),
        Some("end")
    );
}

#[test]
fn h16_the_tail_is_the_end_of_the_reading() {
    let filler = "x".repeat(3000);
    let mut lines = vec![user("0", None, "hello")];
    lines.extend((1..400).map(|at| say(&at.to_string(), &(at - 1).to_string(), &filler)));
    let one = One::new(&lines);
    let session = one.session();
    let whole = read(&session);
    for count in [1, 20, 100, 399, 400, 500] {
        let tail = claude().tail(&session, count).expect("tail");
        assert!(tail.len() >= count.min(400));
        assert_eq!(format!("{tail:?}"), format!("{:?}", &whole[400 - tail.len()..]));
    }
    let home = Home::of(&VERSIONS);
    for session in sessions(&home).values() {
        assert_eq!(format!("{:?}", claude().tail(session, 9999).expect("tail")), format!("{:?}", read(session)));
    }
}

#[test]
fn h18_a_glance_gives_the_same_identity() {
    let home = Home::of(&VERSIONS);
    for unit in units(&home) {
        let glance = claude().peek(&unit).into_iter().next().expect("a row");
        let full = session(claude().summarise(&unit, None));
        assert!(!glance.complete);
        assert_eq!((&glance.key, &glance.cwd, &glance.parent), (&full.key, &full.cwd, &full.parent));
        assert_eq!(glance.flags.subagent, full.flags.subagent);
        assert!(glance.messages <= full.messages || glance.bytes <= 64 << 10);
    }
}

#[test]
fn h19_what_an_open_transcript_costs_does_not_depend_on_its_texts() {
    let filler = "x".repeat(100_000);
    let mut lines = vec![user("0", None, "hello")];
    lines.extend((1..100).map(|at| say(&at.to_string(), &(at - 1).to_string(), &filler)));
    let one = One::new(&lines);
    let mut reading = claude().open(&one.session()).expect("opens");
    let opened = reading.bytes_read();
    reading.read(50..51, TextLimit::SCREEN);
    assert!(reading.bytes_read() - opened < 110_000, "one entry costs its own line");
}
