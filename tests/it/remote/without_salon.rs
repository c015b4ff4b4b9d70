//! Machines without salon: a POSIX shell reads the files there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::command_line::run_there;
use super::screen::window;
use super::{Peer, json, run};
use crate::support::Home;

const FIXTURES: [&str; 2] = ["claude/2.1.329", "codex/0.169.0"];

/// Sessions of a list by their ids, without what depends on the machine. Those with these ids are without counts, which
/// are lower bounds.
fn sessions(list: &Value, long: &[String]) -> BTreeMap<String, Value> {
    let row = |session: &Value| {
        let is_long = long.iter().any(|id| session["id"] == **id);
        let mut fields = vec!["agent", "title", "cwd", "last_activity", "branch", "model"];
        fields.extend(["turns", "messages", "tokens"].iter().filter(|_| !is_long));
        let fields: Vec<_> = fields.into_iter().map(|field| session[field].clone()).collect();
        (session["id"].as_str().expect("an id").to_owned(), Value::from(fields))
    };
    list["sessions"].as_array().expect("sessions").iter().map(row).collect()
}

/// Makes the applets of busybox the only programs of a machine. Returns false where it is not installed.
fn only_busybox(peer: &Peer) -> bool {
    let dir = peer.dir.path().join("applets");
    std::fs::create_dir(&dir).expect("a directory");
    let installed = Command::new("busybox").args(["--install", "-s"]).arg(&dir).stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        println!("skipped: busybox is not installed");
        return false;
    }
    std::fs::write(peer.dir.path().join("env"), format!("export PATH='{}'\n", dir.display())).expect("written");
    true
}

/// A list, a search and a test of a machine without salon, compared with what salon would list there.
fn check(peer: &Peer) {
    let home = Home::empty();
    let there = run_there(peer, &["list", "--json", "--hidden"]);
    let size = |session: &Value| std::fs::metadata(session["path"].as_str().expect("a path")).expect("a file").len();
    let all = there["sessions"].as_array().expect("sessions");
    let id = |session: &Value| session["id"].as_str().expect("an id").to_owned();
    let mut long: Vec<_> = all.iter().filter(|session| size(session) > 48 << 10).map(id).collect();
    // Codex stores what a fork has from its origin only there.
    let origin = |session: &Value| long.iter().any(|id| session["forked_from"] == **id);
    let forks: Vec<_> = all.iter().filter(|session| origin(session)).map(id).collect();
    long.extend(forks);
    let there = sessions(&there, &long);
    assert!(there.len() > 20 && (1..6).contains(&long.len()), "{long:?}");
    json(&home, peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let tested = json(&home, peer, &["source", "test", "--json"]);
    assert_eq!(tested["sources"][0]["state"], "limited", "{tested}");
    for round in ["from the machine", "from copies"] {
        let list = json(&home, peer, &["list", "--json", "--hidden"]);
        assert_eq!(sessions(&list, &long), there, "{round}");
        assert!(list["sessions"].as_array().expect("sessions").iter().all(|session| session["host"] == "box"));
        let reasons = list["issues"].to_string();
        assert!(reasons.contains("box is limited") && reasons.contains("salon source install"), "{reasons}");
    }
    let found = json(&home, peer, &["search", "--json", "hello"]);
    assert!(!found["hits"].as_array().expect("hits").is_empty());
    // A file that is gone is gone from the list.
    let gone = peer.home().join(".claude/projects/-home-dev-shop-api/0eb326a8-825c-4422-af12-0fa163f5428a.jsonl");
    std::fs::remove_file(gone).expect("removed");
    let list = sessions(&json(&home, peer, &["list", "--json", "--hidden"]), &[]);
    assert!(!list.contains_key("0eb326a8-825c-4422-af12-0fa163f5428a") && !list.is_empty());
}

#[test]
fn sessions_that_are_files_are_listed_and_searched_by_the_shell_of_the_machine() {
    check(&Peer::of(&FIXTURES).without_salon());
}

#[test]
fn sessions_that_are_files_are_listed_and_searched_by_busybox() {
    let peer = Peer::of(&FIXTURES).without_salon();
    if only_busybox(&peer) {
        check(&peer);
    }
}

#[test]
fn a_machine_that_cannot_read_files_has_no_salon() {
    let (home, peer) = (Home::empty(), Peer::of(&FIXTURES).without_salon());
    // Of the programs that are needed there is only the shell.
    let dir = peer.dir.path().join("shell-only");
    std::fs::create_dir(&dir).expect("a directory");
    std::os::unix::fs::symlink("/bin/sh", dir.join("sh")).expect("a link");
    std::fs::write(peer.dir.path().join("env"), format!("export PATH='{}'\n", dir.display())).expect("written");
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let output = run(&home, &peer, &["source", "test", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["sources"][0]["state"], "no salon there", "{report}");
}

/// A session of Claude Code that is longer than what a list copies of it.
struct LongSession {
    path: PathBuf,
    records: usize,
}

impl LongSession {
    fn new(peer: &Peer) -> Self {
        let path = peer.home().join(".claude/projects/-project/22222222-0000-4000-8000-000000000001.jsonl");
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("created");
        let mut session = Self { path, records: 0 };
        session.append("The first prompt of all");
        for number in 1..1200 {
            session.append(&format!("text number {number} of a long conversation, {}", "and so on ".repeat(20)));
        }
        session
    }

    fn append(&mut self, text: &str) {
        let uuid = |number: usize| format!("11111111-0000-4000-8000-{number:012}");
        let kind = if self.records.is_multiple_of(2) { "user" } else { "assistant" };
        let parent = self.records.checked_sub(1).map(uuid);
        let record = json!({"type": kind, "uuid": uuid(self.records), "parentUuid": parent,
            "sessionId": "22222222-0000-4000-8000-000000000001", "cwd": "/src/project", "version": "2.1.329",
            "timestamp": format!("2026-11-20T10:{:02}:{:02}.000Z", self.records / 60, self.records % 60),
            "message": {"id": format!("msg_{}", self.records), "role": kind,
                "content": [{"type": "text", "text": text}]}});
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.path).expect("the file");
        writeln!(file, "{record}").expect("written");
        self.records += 1;
    }
}

#[test]
fn a_long_session_is_listed_by_its_ends_and_read_as_a_whole_once_it_is_opened() {
    let (home, peer) = (Home::empty(), Peer::of(&[]).without_salon());
    let mut session = LongSession::new(&peer);
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let list = json(&home, &peer, &["list", "--json", "--hidden"]);
    assert_eq!(list["sessions"][0]["title"], "The first prompt of all", "{list}");
    assert!(list["sessions"][0]["messages"].as_u64().expect("a number") < 1200, "nothing more is copied for a list");
    let mut window = window(&home, &peer);
    window.wait_for_text("box limited");
    window.wait_for_text("The first prompt of all");
    window.send("\r");
    window.wait_for_text("text number 1199");
    // Neither the beginning nor the end of the file contains it.
    window.send("/number 600\r");
    window.wait_for_text("text number 600");
    session.append("It goes on over there");
    window.send("G");
    window.wait_for_text("It goes on over there");
    let copies = home.path().join(".cache/salon/remote/box.copies/home/.claude/projects/-project");
    let copied = std::fs::read_dir(copies).expect("copies").flatten().next().expect("a copy");
    assert_eq!(std::fs::read(copied.path()).expect("a copy"), std::fs::read(&session.path).expect("the original"));
}

#[test]
fn a_transcript_of_a_machine_without_salon_is_printed_from_a_whole_copy() {
    let (home, peer) = (Home::empty(), Peer::of(&FIXTURES).without_salon());
    LongSession::new(&peer);
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let long = "claude:22222222-0000-4000-8000-000000000001";
    for (id, args) in [
        (long, &["--json"][..]),
        (long, &["--json", "--limit=3", "--offset=600"]),
        ("claude:0eb326a8-825c-4422-af12-0fa163f5428a", &["--json"]),
        ("0eb326a8", &["--json", "--limit=2"]),
    ] {
        let there = run_there(&peer, &[&["show"], args, &[id]].concat());
        let here = json(&home, &peer, &[&["show"], args, &[&*format!("box:{id}")]].concat());
        assert!(there["total"].as_u64().expect("a number") > 1, "{there}");
        assert_eq!(here["session"]["host"], "box");
        for field in ["total", "entries", "branches", "issues"] {
            assert_eq!(here[field], there[field], "{id} {args:?} {field}");
        }
    }
    let name = format!("box:{long}");
    let raw = run(&home, &peer, &["show", "--raw", "--limit=1", &name]);
    assert!(String::from_utf8_lossy(&raw.stdout).contains("text number 1199"), "{raw:?}");
    assert!(raw.stdout.starts_with(b"{"), "what a login prints is no part of it");
    assert!(raw.stderr.is_empty(), "{}", String::from_utf8_lossy(&raw.stderr));
    let unknown = run(&home, &peer, &["show", "box:no-such-session"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no session matches"), "{unknown:?}");
    // While a window has the copies, there are others for a moment.
    let window = window(&home, &peer);
    window.wait_for_text("The first prompt of all");
    let beside = json(&home, &peer, &["show", "--json", &name]);
    assert_eq!(beside["total"], 1200);
}
