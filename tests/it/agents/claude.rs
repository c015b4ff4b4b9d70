//! Claude Code's transcripts: what is found, how it is summed up, how it reads.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::agent::{self, Format, Marks, Note, Refreshed, Sessions, Summarised, TextLimit, Unit};
use salon::domain::event::Level;
use salon::domain::transcript::{Action, Change};
use salon::domain::{Agent, Entry, EntryKind, Session, State, Time, TitleSource, Tokens, ToolStatus};
use serde_json::{Value, json};

use crate::support::{Home, fixtures};

fn claude() -> &'static dyn Format {
    agent::format(Agent::Claude)
}

fn units(home: &Home) -> Vec<Unit> {
    let roots = claude().roots(&home.environment());
    roots.iter().flat_map(|root| claude().discover(root).units).collect()
}

fn session(summarised: Summarised) -> Session {
    match summarised.sessions {
        Sessions::All(sessions) => sessions.into_iter().next().expect("a session"),
        Sessions::Changed { .. } => panic!("a file gives all of its sessions"),
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

    fn unit(&self) -> Unit {
        units(&self.home).into_iter().find(|unit| unit.path == self.path).expect("found")
    }

    fn summarise(&self) -> Summarised {
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
    assert_eq!(texts, ["first", "second", "tool-a", "tool-b"]);
    let outputs: Vec<_> = entries.iter().filter_map(|entry| entry.tool.as_ref()).map(|tool| &*tool.output).collect();
    assert_eq!(outputs, ["plain", "line\n[image image/png, 1 kB]"]);
    assert_eq!(one.session().turns, 1);
}

#[test]
fn a6_the_union_of_pages_is_the_whole() {
    let home = Home::of(&["claude/2.1.329"]);
    for session in sessions(&home).values() {
        let whole = read(session);
        let mut reading = claude().open(session).expect("opens");
        let mut pages = Vec::new();
        for from in (0..whole.len()).step_by(3) {
            pages.extend(reading.read(from..from + 3, TextLimit::NONE));
        }
        assert_eq!(format!("{pages:?}"), format!("{whole:?}"), "{}", session.key);
        assert!(reading.read(whole.len()..whole.len() + 3, TextLimit::NONE).is_empty());
    }
}

#[test]
fn a7_five_thousand_messages_can_be_read_to_the_first() {
    let mut lines = vec![user("0", None, "the very first")];
    lines.extend((1..5000).map(|at| say(&at.to_string(), &(at - 1).to_string(), &format!("answer {at}"))));
    let one = One::new(&lines);
    let session = one.session();
    assert_eq!(session.messages, 5000);
    let mut reading = claude().open(&session).expect("opens");
    assert_eq!(reading.read(0..1, TextLimit::NONE)[0].text, "the very first");
    assert_eq!(reading.read(4999..5000, TextLimit::NONE)[0].text, "answer 4999");
}

#[test]
fn a8_an_append_costs_what_was_appended() {
    let filler = "x".repeat(1000);
    let mut lines = vec![user("0", None, "hello")];
    lines.extend((1..500).map(|at| say(&at.to_string(), &(at - 1).to_string(), &filler)));
    let one = One::new(&lines);
    let before = one.summarise();
    assert!(before.progress.state.len() < 1024, "{}", String::from_utf8_lossy(&before.progress.state));
    let more = text(&[say("500", "499", "new")]);
    one.append(&more);
    let after = claude().summarise(&one.unit(), Some(&before.progress));
    assert_eq!(after.bytes_read, more.len() as u64);
    assert_eq!(session(after), one.session());
}

#[test]
fn a8_any_sequence_of_appends_gives_what_one_reading_gives() {
    for home in VERSIONS.map(|version| Home::of(&[version])) {
        for unit in units(&home) {
            let bytes = std::fs::read(&unit.path).expect("reads");
            let whole = claude().summarise(&unit, None);
            std::fs::write(&unit.path, b"").expect("empties");
            let mut progress = None;
            let mut last = None;
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                let mut file = std::fs::OpenOptions::new().append(true).open(&unit.path).expect("opens");
                file.write_all(line).expect("appends");
                let grown = units(&home).into_iter().find(|grown| grown.path == unit.path).expect("found");
                let summarised = claude().summarise(&grown, progress.as_ref());
                progress = Some(summarised.progress.clone());
                last = Some(summarised);
            }
            let Some(last) = last else { continue };
            assert_eq!(last.notes, whole.notes);
            let (mut last, whole) = (session(last), session(whole));
            last.last_activity = whole.last_activity;
            assert_eq!(last, whole);
        }
    }
}

#[test]
fn a12_half_a_line_waits_for_the_rest() {
    let one = One::new(&[user("1", None, "hello")]);
    let before = one.summarise();
    let mut reading = claude().open(&one.session()).expect("opens");
    let line = text(&[say("2", "1", "the whole answer")]);
    let (head, tail) = line.split_at(line.len() / 2);
    one.append(head);
    let half = claude().summarise(&one.unit(), Some(&before.progress));
    assert!(half.issues.is_empty());
    assert_eq!(reading.refresh(), Refreshed::Same);
    assert!(reading.issues().is_empty());
    let progress = half.progress.clone();
    assert_eq!(session(half).messages, 1);
    one.append(tail);
    let done = claude().summarise(&one.unit(), Some(&progress));
    assert_eq!(session(done).messages, 2);
    assert_eq!(reading.refresh(), Refreshed::Grown { from: 1 });
    assert_eq!(reading.read(1..2, TextLimit::NONE)[0].text, "the whole answer");
}

#[test]
fn h14_a_last_line_without_newline_counts_when_it_is_whole() {
    let mut bytes = text(&[user("1", None, "hello"), say("2", "1", "answer")]);
    bytes.pop();
    let one = One::raw(&bytes);
    let before = one.summarise();
    assert_eq!(one.texts(), ["hello", "answer"]);
    one.append(b"\n");
    one.append(&text(&[say("3", "2", "more")]));
    let after = session(claude().summarise(&one.unit(), Some(&before.progress)));
    assert_eq!((after.messages, after.unreadable), (3, 0));
}

#[test]
fn a13_a_rewritten_or_replaced_file_is_read_again() {
    let one = One::new(&[user("1", None, "hello"), say("2", "1", "answer")]);
    let before = one.summarise();
    let mut reading = claude().open(&one.session()).expect("opens");
    let other =
        [user("8", None, "something else entirely, and longer"), say("9", "8", "indeed"), say("10", "9", "yes")];
    std::fs::write(&one.path, text(&other)).expect("rewrites in place");
    assert_eq!(session(claude().summarise(&one.unit(), Some(&before.progress))), one.session());
    assert_eq!(reading.refresh(), Refreshed::Reset);
    assert_eq!(reading.read(0..9, TextLimit::NONE)[0].text, "something else entirely, and longer");

    // Changed in place without a trace in its size, and gone on with as if nothing had been.
    let before = one.summarise();
    let bytes = String::from_utf8(std::fs::read(&one.path).expect("reads")).expect("text");
    std::fs::write(&one.path, bytes.replacen("something else", "SOMETHING ELSE", 1)).expect("rewrites");
    one.append(&text(&[say("11", "10", "more")]));
    let after = session(claude().summarise(&one.unit(), Some(&before.progress)));
    assert_eq!(&*after.title.text, "SOMETHING ELSE entirely, and longer");
    assert_eq!(reading.refresh(), Refreshed::Reset);

    let before = one.summarise();
    let fresh = one.path.with_extension("new");
    std::fs::write(&fresh, text(&[user("1", None, "renamed over")])).expect("writes");
    std::fs::rename(&fresh, &one.path).expect("renames");
    assert_eq!(&*session(claude().summarise(&one.unit(), Some(&before.progress))).title.text, "renamed over");
    assert_eq!(reading.refresh(), Refreshed::Reset);
    std::fs::remove_file(&one.path).expect("removes");
    assert_eq!(reading.refresh(), Refreshed::Gone);
}

#[test]
fn a14_resume_goes_to_the_directory_of_the_records() {
    let one = One::new(&[
        user("1", None, "hello"),
        record("2", Some("1"), "user", json!({"cwd": "/elsewhere", "message": {"content": "b"}})),
    ]);
    let launch = claude().resume(&one.session(), &["--model".into(), "opus".into()]);
    assert_eq!(launch.cwd, Path::new("/home/u/my-app_v1.2"));
    assert_eq!(launch.args, ["--resume", "aaaaaaaa-0000-4000-8000-000000000000", "--model", "opus"]);
}

#[test]
fn a24_what_cannot_be_read_is_named() {
    let one = One::new(&[user("1", None, "hello")]);
    std::fs::create_dir(one.path.with_file_name("folder.jsonl")).expect("folder");
    std::os::unix::fs::symlink("/nowhere", one.path.with_file_name("dangling.jsonl")).expect("link");
    let found = claude().discover(&claude().roots(&one.home.environment())[0]);
    assert_eq!((found.units.len(), found.issues.len()), (1, 2));

    let mut gone = one.unit();
    gone.path = one.path.with_file_name("gone.jsonl");
    assert_eq!(claude().summarise(&gone, None).sessions, Sessions::All(Vec::new()));
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
fn h3_the_newest_branch_is_shown_and_the_others_counted() {
    let mut lines = vec![
        user("1", None, "hello"),
        say("2", "1", "answer"),
        user("3", Some("2"), "a question taken back"),
        say("4", "3", "answered in vain"),
        user("5", Some("2"), "a better question"),
        say("6", "5", "answered"),
    ];
    let one = One::new(&lines);
    let session = one.session();
    assert_eq!(one.texts(), ["hello", "answer", "a better question", "answered"]);
    assert_eq!((session.messages, session.turns, session.tip.as_deref()), (4, 2, Some("6")));
    assert_eq!(claude().open(&session).expect("opens").branches(), 2);

    lines.push(json!({"type": "last-prompt", "leafUuid": "4"}));
    let one = One::new(&lines);
    assert_eq!(one.texts(), ["hello", "answer", "a question taken back", "answered in vain"]);
    assert_eq!(one.session().tip.as_deref(), Some("4"));

    // Told late, of a record that the conversation has passed.
    lines.pop();
    lines.push(json!({"type": "last-prompt", "leafUuid": "5"}));
    assert_eq!(One::new(&lines).session().tip.as_deref(), Some("6"));
}

#[test]
fn h3_a_branch_that_appears_while_it_is_read_replaces_the_end() {
    let one = One::new(&[
        user("1", None, "hello"),
        say("2", "1", "answer"),
        user("3", Some("2"), "old"),
        say("4", "3", "end"),
    ]);
    let before = one.summarise();
    let mut reading = claude().open(&one.session()).expect("opens");
    one.append(&text(&[user("5", Some("2"), "new")]));
    let after = claude().summarise(&one.unit(), Some(&before.progress));
    assert_eq!(session(after).messages, 3);
    assert_eq!(reading.refresh(), Refreshed::Reset);
    assert_eq!((reading.len(), reading.branches()), (3, 2));
    // What extends the new branch is an append again.
    let before = one.summarise();
    one.append(&text(&[say("6", "5", "more")]));
    let after = claude().summarise(&one.unit(), Some(&before.progress));
    assert!(after.bytes_read < 1000);
    assert_eq!(session(after), one.session());
    assert_eq!(reading.refresh(), Refreshed::Grown { from: 3 });
}

#[test]
fn h3_calls_made_at_once_are_no_branches() {
    // Each result follows its own call, so the tree forks; the next reply follows only the last of them.
    let lines = [
        user("1", None, "hello"),
        call("2", "1", "m", "a"),
        call("3", "2", "m", "b"),
        answer("4", "2", "a", "of a"),
        call("5", "3", "m", "c"),
        answer("6", "5", "c", "of c"),
        answer("7", "3", "b", "of b"),
        say("8", "4", "done"),
        say("9", "8", "really"),
    ];
    for end in 1..=lines.len() {
        let one = One::new(&lines[..end]);
        let session = one.session();
        let shown = lines[..end].iter().filter(|line| line["message"]["content"][0]["type"] != "tool_result").count();
        assert_eq!(one.texts().len(), shown, "{end} lines");
        assert_eq!(claude().open(&session).expect("opens").branches(), 1);
    }
    // The same in a conversation that has other branches.
    let mut branched = lines.to_vec();
    branched.insert(1, say("0", "1", "taken back"));
    let one = One::new(&branched);
    assert_eq!(one.texts(), ["hello", "a", "b", "c", "done", "really"]);
    assert_eq!(claude().open(&one.session()).expect("opens").branches(), 2);

    let one = One::new(&lines);
    let outputs: Vec<_> =
        read(&one.session()).into_iter().filter_map(|entry| entry.tool).map(|tool| tool.output).collect();
    assert_eq!(outputs, ["of a", "of b", "of c"]);
}

#[test]
fn h4_sub_agents_are_reached_from_their_calls_and_their_usage_is_their_parents() {
    for (version, parent, agent) in [
        ("claude/2.0.76", "22e22bb8-95a4-495e-a612-04a08b5d5dde", "agent-a6a8980"),
        ("claude/2.1.329", "dda70f64-33a7-4428-98ee-38edd9c3b46d", "agent-a281a1f8f034ebd09"),
    ] {
        let home = Home::of(&[version]);
        let sessions = sessions(&home);
        let tools: Vec<_> = read(&sessions[parent]).into_iter().filter_map(|entry| entry.tool).collect();
        let started: Vec<_> = tools.iter().filter_map(|tool| tool.subagent.as_deref()).collect();
        assert_eq!(started, [agent]);
        let sub = &sessions[agent];
        assert!(sub.flags.subagent);
        assert_eq!(sub.parent.as_deref(), Some(parent));
        let unit = units(&home).into_iter().find(|unit| unit.path == sub.path).expect("found");
        let notes = claude().summarise(&unit, None).notes;
        assert_eq!(notes, [Note::Usage { id: parent.into(), tokens: sub.tokens }]);
        assert!(sub.tokens.output > 0 && claude().refuses(sub).is_some());
    }
}

#[test]
fn h4_a_side_file_names_a_sub_agent_that_has_not_reported_yet() {
    let home = Home::of(&["claude/2.1.329"]);
    let parent = "dda70f64-33a7-4428-98ee-38edd9c3b46d";
    let path = home.path().join(format!(".claude/projects/-home-dev-web-ui-v2/{parent}.jsonl"));
    let lines = std::fs::read_to_string(&path).expect("reads");
    let until: String = lines.split_inclusive('\n').take_while(|line| !line.contains("async_launched")).collect();
    std::fs::write(&path, until).expect("cuts");
    let tool = read(&sessions(&home)[parent]).into_iter().filter_map(|entry| entry.tool).next_back().expect("a call");
    assert_eq!((tool.status, tool.subagent.as_deref()), (ToolStatus::Pending, Some("agent-a281a1f8f034ebd09")));
}

#[test]
fn h5_forks_are_known_and_do_not_count_what_they_copied() {
    let home = Home::of(&["claude/2.1.329"]);
    let sessions = sessions(&home);
    for (fork, origin) in [
        ("4eaa0a1b-3a42-4962-96f8-7909b54e13c1", "143b81a6-05d8-46ab-96c8-d1c2291634d1"),
        ("20304183-e372-4cf9-a32c-ff8eafb51a71", "3ec5520e-1682-4254-bb9e-c8a3949e1a60"),
    ] {
        assert!(sessions[fork].flags.fork);
        assert_eq!(sessions[fork].forked_from.as_deref(), Some(origin));
        let own: Vec<_> = read(&sessions[fork]).into_iter().filter_map(|entry| entry.tokens).collect();
        assert_eq!(sessions[fork].tokens, *own.last().expect("one reply of its own"));
    }
    assert_eq!(sessions.values().filter(|session| session.flags.fork).count(), 2);
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
    assert_eq!(summarised.notes, [Note::TitleOfTip { tip: "elsewhere".into(), title: "of another".into() }]);
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
    assert!(claude().discover(&claude().roots(&environment)[0]).units.is_empty());
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
        let glance = claude().glance(&unit).into_iter().next().expect("a row");
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

#[test]
fn h17_live_signs_are_believed_only_of_the_process_that_left_them() {
    let home = Home::of(&["claude/2.1.329"]);
    let root = &claude().roots(&home.environment())[0];
    assert!(claude().live(root).is_empty(), "the fixtures' processes are gone");
    let pid = std::process::id();
    let start = salon::stdx::process::start_time(pid);
    let put = |start: &str, rest: Value| {
        let mut sign = json!({"pid": pid, "sessionId": "one", "procStart": start});
        sign.as_object_mut().expect("object").extend(rest.as_object().expect("object").clone());
        std::fs::write(root.path.join(format!("sessions/{pid}.json")), sign.to_string()).expect("writes");
    };
    if let Some(start) = start {
        put("1", json!({"status": "busy"}));
        assert!(claude().live(root).is_empty(), "the id was used again");
        for (told, state) in [("busy", State::Working), ("waiting", State::NeedsYou), ("idle", State::Idle)] {
            put(
                &start,
                json!({"status": told, "waitingFor": "permission prompt", "statusUpdatedAt": 1_795_255_753_302_i64}),
            );
            let signs = claude().live(root);
            assert_eq!((signs.len(), signs[0].state, signs[0].pid), (1, state, Some(pid)));
            assert_eq!(signs[0].waiting_for.is_some(), state == State::NeedsYou);
        }
    }
    std::fs::write(root.path.join("sessions/half.json"), "{\"pid\":").expect("writes");
    claude().live(root);
}

#[test]
fn tools_say_what_they_did() {
    let home = Home::of(&VERSIONS);
    let sessions = sessions(&home);
    let tools = |id: &str| read(&sessions[id]).into_iter().filter_map(|entry| entry.tool).collect::<Vec<_>>();

    let page = tools("ffe44014-9a27-4c2e-b3d4-21fa22335233");
    assert!(matches!(&page[0].action, Action::Edit(changes) if matches!(changes[0].change, Change::Write(_))));
    assert_eq!(page[1].action, Action::Read { path: "/home/dev/web_ui.v2/about.html".into() });
    let Action::Edit(changes) = &page[2].action else { panic!("an edit") };
    let patch = "@@ -1,1 +1,1 @@\n-<h1>About</h1>\n\\ No newline at end of file\n+<h1>Contact</h1>\n\\ No newline at end of file\n";
    assert_eq!(changes[0].change, Change::Patch(patch.into()));

    let driven = tools("ecb23d04-1c2c-482e-b243-a4eb88ad9dcb");
    let statuses: Vec<_> = driven.iter().map(|tool| tool.status).collect();
    assert_eq!(statuses, [ToolStatus::Done, ToolStatus::Denied, ToolStatus::Denied]);
    assert!(matches!(driven[0].action, Action::Command { exit_code: Some(0), .. }));

    let typed = tools("0eb326a8-825c-4422-af12-0fa163f5428a");
    let failed = typed.iter().find(|tool| tool.status == ToolStatus::Failed).expect("a failed write");
    assert_eq!(&*failed.name, "Write");

    let todo = read(&sessions["fac7100f-dd96-4445-8b4f-b5750268529b"]);
    let plan = todo.iter().find(|entry| entry.kind == EntryKind::Plan).expect("a plan");
    assert_eq!(plan.text, "- [x] First step\n- [~] Second step");
}

#[test]
fn notices_say_what_happened() {
    let home = Home::of(&["claude/2.1.329"]);
    let sessions = sessions(&home);
    let mut reading = claude().open(&sessions["1b2f6378-e804-4ead-81a1-ab606c44489c"]).expect("opens");
    let entries = reading.read(0..9, TextLimit::NONE);
    let levels: Vec<_> = entries.iter().map(|entry| entry.level).collect();
    assert_eq!(levels, [Level::Info, Level::Warning, Level::Warning, Level::Error]);
    assert_eq!((reading.marks(Marks::Prompts), reading.marks(Marks::Errors)), (vec![0], vec![3]));

    let compacted = read(&sessions["143b81a6-05d8-46ab-96c8-d1c2291634d1"]);
    let boundaries: Vec<_> = compacted.iter().filter(|entry| entry.level == Level::Boundary).collect();
    assert_eq!(boundaries.len(), 2);
    assert!(boundaries[0].text.starts_with("Conversation compacted on request"));

    let failed = call("2", "1", "m", "a");
    let result = user(
        "3",
        Some("2"),
        json!([{"type": "tool_result", "tool_use_id": "a", "is_error": true, "content": "Exit code 3\nno"}]),
    );
    let one = One::new(&[user("1", None, "hello"), failed, result]);
    let mut reading = claude().open(&one.session()).expect("opens");
    assert_eq!(reading.marks(Marks::Errors), [1]);
    let tool = reading.read(1..2, TextLimit::NONE).remove(0).tool.expect("a tool");
    assert!(matches!(tool.action, Action::Command { exit_code: Some(3), .. }));
    assert_eq!(reading.raw(1).split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count(), 2);
}
