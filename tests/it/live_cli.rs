//! Runs from the command line: one turn without a terminal, and control by other processes.

mod acp;
mod configured;
mod elsewhere;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::{Agent, SessionKey};
use salon::store::registry::{self, ProcessId};
use salon::store::{Store, outbox};
use serde_json::Value;

use crate::support::{Agents, Home, clock, end, wait_until};

/// Home directory with a project, and scripted agents.
struct Stage {
    home: Home,
    agents: Agents,
}

impl Stage {
    fn new() -> Self {
        Self::with(&["claude", "codex", "opencode", "gemini", "qwen", "goose"])
    }

    fn with(agents: &[&str]) -> Self {
        let home = Home::empty();
        std::fs::create_dir(home.path().join("project")).expect("a project");
        Self { home, agents: Agents::of(agents) }
    }

    /// Replaces the configuration file.
    fn configure(&self, text: &str) {
        std::fs::write(self.home.path().join("config.toml"), text).expect("the configuration");
    }

    fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    fn salon(&self, args: &[&str]) -> Command {
        let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
        salon
            .args(args)
            .current_dir(self.project())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", self.agents.path())
            .env("FAKE_LOG", self.agents.log_file())
            .env("SALON_CONFIG_DIR", self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        salon
    }

    /// Starts a command that keeps running.
    fn spawn(&self, args: &[&str]) -> Running {
        Running(self.salon(args).spawn().expect("salon"))
    }

    fn run(&self, args: &[&str]) -> Output {
        self.salon(args).output().expect("salon")
    }

    /// Id of the newest session.
    fn session(&self) -> String {
        let list = json(&self.run(&["list", "--json", "--hidden"]));
        list["sessions"][0]["id"].as_str().expect("a session").to_owned()
    }
}

/// Running salon process; killed on drop.
struct Running(Child);

impl Running {
    /// Reads events until the agent has the prompt and is working.
    fn wait_for_prompt(&mut self) {
        let mut lines = BufReader::new(self.0.stdout.as_mut().expect("stdout")).lines();
        let working = |line: &String| line.contains("\"type\":\"state\"") && line.contains("\"session\":\"");
        lines.find(|line| line.as_ref().is_ok_and(working)).expect("a turn that works").expect("a line");
    }

    fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).expect("signalled");
    }

    /// Waits for the exit and returns the exit code.
    fn wait(&mut self) -> Option<i32> {
        self.0.wait().expect("salon").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn events(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("an event a line")).collect()
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn new_without_a_terminal_streams_the_answer_and_leaves_no_process() {
    let stage = Stage::new();
    let output = stage.run(&["new", "say Four sessions were found."]);
    assert_eq!(text(&output.stdout), "Four sessions were found.\n", "{output:?}");
    assert_eq!(output.status.code(), Some(0));
    stage.agents.assert_all_exited();
    let queue = json(&stage.run(&["queue", "--json"]));
    assert_eq!(queue["prompts"], Value::Array(Vec::new()), "delivered prompts are not in the queue");
}

#[test]
fn a_tool_call_is_printed_once_with_its_input() {
    let stage = Stage::new();
    for agent in ["claude", "codex", "opencode"] {
        let output = stage.run(&["new", "--agent", agent, "run ls\nask rm x\nsay done"]);
        let stderr = text(&output.stderr);
        let calls = |what: &str| stderr.lines().filter(|line| line.ends_with(what) && !line.contains("denied")).count();
        assert_eq!((calls(": ls"), calls(": rm x")), (1, 1), "{agent}: {stderr}");
        assert_eq!(stderr.lines().count(), 3, "{agent}: two calls and a denial: {stderr}");
    }
}

#[test]
fn b16_a_prompt_reaches_the_agent_unchanged() {
    let stage = Stage::new();
    for prompt in ["--help", "$(touch x) `y` \"z\" 'q'", "-rf\nsecond line\n\nlast"] {
        let mut child = stage.salon(&["new", "-"]).stdin(Stdio::piped()).spawn().expect("salon");
        std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), prompt.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("salon");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(stage.agents.prompts().last().map(String::as_str), Some(prompt));
    }
}

#[test]
fn events_are_objects_with_the_documented_fields() {
    let stage = Stage::new();
    let output = stage.run(&["new", "--json", "think hm\nrun ls\nplan one | two\nsay done"]);
    let events = events(&output);
    for event in &events {
        for field in ["epoch", "n", "time", "turn", "type"] {
            assert!(event.get(field).is_some(), "{field} is missing: {event}");
        }
    }
    events.iter().for_each(assert_is_documented);
    let numbers: Vec<_> = events.iter().filter_map(|event| event["n"].as_u64()).collect();
    assert!(numbers.is_sorted() && !numbers.is_empty(), "{numbers:?}");
    assert_eq!(of_type(&events, "prompt").len(), 1);
    assert_eq!(of_type(&events, "turn_end").len(), 1, "B27: exactly one");
    assert_eq!(of_type(&events, "turn_end")[0]["outcome"], "done");
    assert!(of_type(&events, "tool").iter().any(|tool| tool["status"] == "done"));
    assert!(!of_type(&events, "thinking").is_empty() && !of_type(&events, "plan").is_empty());
    assert!(of_type(&events, "usage").iter().any(|usage| usage["tokens"]["output"].as_u64() > Some(0)));
    let session = stage.session();
    assert!(
        of_type(&events, "state").iter().any(|state| state["session"] == *session),
        "B11: the session's id is reported"
    );
}

/// Asserts that README.md has a row for the event's type that lists all of its fields.
fn assert_is_documented(event: &Value) {
    let kind = format!("`{}`", event["type"].as_str().expect("a type"));
    let mut rows =
        include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let (_, row) = rows.find(|(kinds, _)| kinds.split(", ").any(|of| of == kind)).unwrap_or_else(|| panic!("{kind}"));
    for field in event.as_object().expect("an object").keys() {
        let of_all = ["epoch", "n", "time", "turn", "type"].contains(&field.as_str());
        assert!(of_all || row.contains(&format!("`{field}`")), "{field} of {kind} is not documented: {row}");
    }
}

#[test]
fn b20_approvals_are_denied_and_reported_by_default() {
    let stage = Stage::new();
    let output = stage.run(&["new", "ask rm -rf build\nsay went on"]);
    assert!(text(&output.stderr).contains("denied: Bash: rm -rf build"), "{output:?}");
    assert_eq!(text(&output.stdout), "went on\n");
    let output = stage.run(&["new", "--json", "--approve", "once", "ask make\nsay ok"]);
    let events = events(&output);
    events.iter().for_each(assert_is_documented);
    assert!(of_type(&events, "tool").iter().any(|tool| tool["status"] == "done"), "{events:?}");
    assert_eq!(of_type(&events, "approval").iter().filter(|approval| approval["open"] == true).count(), 1);
}

#[test]
fn an_approval_that_waits_is_answered_by_another_process() {
    let stage = Stage::new();
    let mut child = stage.spawn(&["new", "--approve", "wait", "ask make install\nsay installed"]);
    let mut stderr = BufReader::new(child.0.stderr.take().expect("stderr")).lines();
    let asked = stderr.find(|line| line.as_ref().is_ok_and(|line| line.contains("waiting for"))).expect("a question");
    let asked = asked.expect("a line");
    let run = asked.split('`').nth(1).and_then(|command| command.split(' ').next_back()).expect("a run").to_owned();
    // The approval is printed a moment before it is in `state.db`.
    let list = || json(&stage.run(&["approve", &run, "--list", "--json"]))["approvals"][0]["text"].clone();
    let text = std::iter::repeat_with(list).take(200).find(|text| !text.is_null());
    assert_eq!(text, Some(Value::from("Bash: make install")));
    let answered = stage.run(&["approve", &run]);
    assert_eq!(answered.status.code(), Some(0), "{answered:?}");
    let mut answer = String::new();
    child.0.stdout.take().expect("stdout").read_to_string(&mut answer).expect("the answer");
    assert_eq!(answer, "installed\n");
    assert_eq!(child.wait(), Some(0));
    assert_eq!(stage.run(&["approve", &run]).status.code(), Some(1), "no approval is open any more");
}

#[test]
fn c16_send_continues_the_same_session_in_its_own_directory() {
    let stage = Stage::new();
    stage.run(&["new", "say first"]);
    let session = stage.session();
    let elsewhere = stage.home.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a directory");
    let output = stage.salon(&["send", &session, "say second"]).current_dir(&elsewhere).output().expect("salon");
    assert_eq!(text(&output.stdout), "second\n", "{output:?}");
    let starts: Vec<_> = stage.agents.log().into_iter().filter(|record| record["started"] == "claude").collect();
    let resumed = starts.last().expect("a start");
    assert!(resumed["args"].to_string().contains(&session), "{resumed}");
    let project = stage.project().canonicalize().expect("a path");
    assert_eq!(resumed["cwd"].as_str(), project.to_str(), "B17");
    let shown = json(&stage.run(&["show", &session, "--json"]));
    let prompts =
        shown["entries"].as_array().expect("entries").iter().filter(|entry| entry["kind"] == "prompt").count();
    assert_eq!(prompts, 2, "one session");
}

#[test]
fn b10_an_unknown_session_is_an_error_and_nothing_is_started() {
    let stage = Stage::new();
    for args in [&["send", "no-such-session", "hi"][..], &["attach", "no-such-session"], &["stop", "no-such-session"]] {
        let mut args = args.to_vec();
        args.push("--json");
        let output = stage.run(&args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(json(&output)["error"]["code"], "not_found");
    }
    assert!(stage.agents.log().is_empty());
}

#[test]
fn b30_a_session_of_another_salon_is_busy_with_its_pid() {
    let stage = Stage::new();
    stage.run(&["new", "say first"]);
    let session = stage.session();
    let mut holder = stage.spawn(&["send", "--json", &session, "hang"]);
    holder.wait_for_prompt();
    let refused = stage.run(&["send", "--json", &session, "say me too"]);
    let error = &json(&refused)["error"];
    assert_eq!(error["code"], "busy", "{refused:?}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(&holder.0.id().to_string())), "{error}");
    let refused = stage.run(&["stop", "--json", &session]);
    assert_eq!(json(&refused)["error"]["code"], "busy");
    holder.interrupt();
    assert_eq!(holder.wait(), Some(130));
    stage.agents.assert_all_exited();
}

#[test]
fn d17_an_interrupt_ends_the_turn_and_the_agent_with_all_its_processes() {
    let stage = Stage::new();
    let mut child = stage.spawn(&["new", "--json", "grandchild\nhang"]);
    child.wait_for_prompt();
    wait_until("a grandchild", || !stage.agents.grandchildren().is_empty());
    child.interrupt();
    assert_eq!(child.wait(), Some(130));
    stage.agents.assert_all_exited();
}

#[test]
fn a_long_prompt_from_stdin_arrives_whole_or_not_at_all() {
    let stage = Stage::new();
    for (size, arrives) in [(3 << 20, true), (17 << 20, false)] {
        let mut child = stage.salon(&["new", "-"]).stdin(Stdio::piped()).spawn().expect("salon");
        let mut stdin = child.stdin.take().expect("stdin");
        let prompt = format!("say {}", "x".repeat(size));
        // An error means that the command has refused it.
        std::io::Write::write_all(&mut stdin, prompt.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().expect("salon");
        assert_eq!(output.status.success(), arrives, "{:?}", text(&output.stderr));
        let sizes: Vec<_> = stage.agents.prompts().iter().map(String::len).collect();
        assert_eq!(sizes, [(3 << 20) + 4], "of {size}");
    }
}

#[test]
fn a_reader_that_is_gone_leaves_no_prompt_and_missed_notes_end_no_turn() {
    let stage = Stage::new();
    let mut child = stage.spawn(&["new", "--json", "say never"]);
    drop(child.0.stdout.take());
    child.wait();
    assert_eq!(json(&stage.run(&["queue", "--json"]))["prompts"], Value::Array(Vec::new()), "it is not sent later");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let refused = stage.salon(&["new", "--json", "say never"]).stdout(full).status().expect("salon");
    assert_eq!(refused.code(), Some(1));
    assert_eq!(json(&stage.run(&["queue", "--json"]))["prompts"], Value::Array(Vec::new()), "it is not sent later");
    let mut child = stage.spawn(&["new", "ask make\nsay made"]);
    drop(child.0.stderr.take());
    let mut answer = String::new();
    child.0.stdout.take().expect("stdout").read_to_string(&mut answer).expect("read");
    assert_eq!((answer.as_str(), child.wait()), ("made\n", Some(0)));
    stage.agents.assert_all_exited();
}

#[test]
fn an_interrupt_before_the_agent_is_ready_takes_the_prompt_back() {
    let stage = Stage::new();
    let mut salon = stage.salon(&["new", "say never"]);
    let child = salon.env("FAKE_START", "wait 60000").spawn().expect("salon");
    wait_until("the agent is starting", || !stage.agents.starts().is_empty());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signalled");
    let output = child.wait_with_output().expect("salon");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(text(&output.stderr).contains("the prompt was not delivered"), "{output:?}");
    stage.agents.assert_all_exited();
    assert_eq!(json(&stage.run(&["queue", "--json"]))["prompts"], Value::Array(Vec::new()), "it is not sent later");
}

#[test]
fn b13_a_crash_is_reported_with_the_last_output_of_the_agent() {
    let stage = Stage::new();
    let output = stage.run(&["new", "crash 3"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("code 3") && stderr.contains("told to crash"), "{stderr}");
}

#[test]
fn an_agent_that_is_not_installed_is_unavailable() {
    let stage = Stage::new();
    let output = stage.salon(&["new", "--json", "hi"]).env("PATH", "/nowhere").output().expect("salon");
    assert_eq!(json(&output)["error"]["code"], "unavailable", "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn d24_the_queue_lists_what_a_killed_salon_left_and_releases_nothing_by_itself() {
    let stage = Stage::new();
    let mut child = stage.spawn(&["new", "--json", "hang"]);
    child.wait_for_prompt();
    end(&mut child.0);
    // The next salon stops leftover processes of the killed one.
    stage.run(&["new", "say next"]);
    stage.agents.assert_all_exited();
    assert_eq!(stage.agents.prompts(), ["hang", "say next"], "D8: it is not sent again");
}

#[test]
fn stop_stops_leftover_processes_of_a_killed_salon() {
    let stage = Stage::new();
    stage.run(&["new", "say first"]);
    let session = stage.session();
    let mut child = stage.spawn(&["send", "--json", &session, "deaf\nhang"]);
    child.wait_for_prompt();
    end(&mut child.0);
    let stopped = json(&stage.run(&["stop", "--json", &session]));
    // An agent that did not ignore signals yet ended with its salon.
    assert!(stopped["ended"].as_array().is_some_and(|ended| ended.len() <= 1), "{stopped}");
    stage.agents.assert_all_exited();
}

#[test]
fn f10_a_hangup_and_a_quit_signal_end_the_agent() {
    use rustix::process::Signal;
    for signal in [Signal::HUP, Signal::QUIT] {
        let stage = Stage::new();
        let mut salon = stage.spawn(&["new", "--json", "say x\nstubborn\nhang"]);
        salon.wait_for_prompt();
        wait_until("a grandchild", || !stage.agents.grandchildren().is_empty());
        salon.signal(signal);
        assert_eq!(salon.wait(), Some(130), "{signal:?}");
        stage.agents.assert_all_exited();
    }
}

#[test]
fn own_sessions_are_listed_although_their_agent_calls_them_headless() {
    let stage = Stage::new();
    let new = stage.salon(&["new", "say x"]).env("FAKE_ENTRYPOINT", "sdk-cli").output().expect("salon");
    assert_eq!(new.status.code(), Some(0), "{new:?}");
    let list = json(&stage.run(&["list", "--json"]));
    assert_eq!(list["sessions"].as_array().map(Vec::len), Some(1), "{list}");
    std::fs::remove_dir_all(stage.home.path().join(".local/share/salon")).expect("the registry");
    let list = json(&stage.run(&["list", "--json"]));
    assert_eq!((list["sessions"].as_array().map(Vec::len), &list["hidden"]["headless"]), (Some(0), &Value::from(1)));
}

#[test]
fn text_that_an_agent_showed_and_did_not_store_is_kept_and_marked() {
    let stage = Stage::new();
    let prompt = format!("say one two three {}", "and more ".repeat(500));
    let mut salon = stage.salon(&["new", "--json", "--agent", "codex", &prompt]);
    let mut salon = Running(salon.env("FAKE_PACE", "20").spawn().expect("salon"));
    let mut lines = BufReader::new(salon.0.stdout.as_mut().expect("stdout")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"type\":\"text\"") && line.contains("three")));
    salon.interrupt();
    assert_eq!(salon.wait(), Some(130));
    let show = || json(&stage.run(&["show", "--json", &stage.session()]));
    let texts = |show: &Value| -> Vec<(String, String)> {
        let entries = show["entries"].as_array().expect("entries").iter();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        entries.map(|entry| (text(entry, "kind"), text(entry, "text"))).collect()
    };
    let shown = texts(&show());
    let at = shown.iter().position(|(kind, text)| kind == "text" && text.contains("one two three"));
    let at = at.unwrap_or_else(|| panic!("it is kept: {shown:?}"));
    assert!(shown[at + 1].1.contains("not in Codex's own record"), "and marked: {shown:?}");
    let session = stage.session();
    assert_eq!(stage.run(&["send", &session, "say four"]).status.code(), Some(0));
    let after = texts(&show());
    let position = |words: &str| after.iter().position(|(_, text)| text.contains(words)).expect("an entry");
    assert!(position("one two three") < position("say four"), "in its place: {after:?}");
    assert!(position("say four") < after.iter().rposition(|(_, text)| text.contains("four")).expect("the answer"));
}

#[test]
fn a_failure_is_printed_once_and_a_denial_is_no_message_of_the_user() {
    let stage = Stage::new();
    for agent in ["claude", "codex", "opencode"] {
        let failed = stage.run(&["new", "--agent", agent, "fail 429 slow down"]);
        let stderr = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(stderr.matches("slow down").count(), 1, "{agent}: {stderr}");
        let denied = stage.run(&["new", "--agent", agent, "ask rm -rf /"]);
        assert!(String::from_utf8_lossy(&denied.stderr).contains("denied"), "{agent}: {denied:?}");
        let log = stage.agents.log().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(!log.contains("turn/steer") && !log.contains("available to answer"), "{agent}: {log}");
    }
}

#[test]
fn notices_stay_where_they_were_shown() {
    let stage = Stage::new();
    let failed = stage.run(&["new", "--agent", "claude", "say before\ncrash 3"]);
    assert_eq!(failed.status.code(), Some(1));
    let session = stage.session();
    assert_eq!(stage.run(&["send", &session, "say after"]).status.code(), Some(0));
    let show = json(&stage.run(&["show", "--json", &session]));
    let texts: Vec<String> = { show["entries"].as_array().expect("entries").iter() }
        .map(|entry| {
            format!("{}: {}", entry["kind"].as_str().unwrap_or_default(), entry["text"].as_str().unwrap_or_default())
        })
        .collect();
    let at = |start: &str| {
        texts.iter().position(|text| text.starts_with(start)).unwrap_or_else(|| panic!("{start} in {texts:?}"))
    };
    assert!(at("notice: Claude Code: exited with code 3") > at("text: before"), "{texts:?}");
    assert!(at("notice: Claude Code: exited with code 3") < at("prompt: say after"), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains("exited with code 3")).count(), 1, "{texts:?}");
}

/// Leaves prompts in the queue of a session, as a salon that was killed does. Returns their ids.
fn leave_prompts(stage: &Stage, session: &str, texts: &[&str]) -> Vec<String> {
    let (_, id) = session.split_once(':').unwrap_or(("claude", session));
    let store = Store::open(&stage.home.path().join(".local/share/salon/state.db"), clock()).expect("state.db").store;
    let left = store.with(|db| {
        let run = registry::find_by_session(db, &SessionKey::new(Agent::Claude, id))?.expect("a recorded run").id;
        let dead = ProcessId { pid: 999_999_999, start: 1 };
        registry::take_lease(db, &run, dead, |_| true)?.expect("free");
        texts.iter().map(|text| outbox::enqueue(db, &run, text, clock())).collect::<rusqlite::Result<Vec<_>>>()
    });
    left.expect("left").iter().map(|id| id.0.to_string()).collect()
}

#[test]
fn f9_send_shows_and_delivers_the_prompts_that_wait() {
    let stage = Stage::new();
    stage.run(&["new", "say first"]);
    let session = stage.session();
    leave_prompts(&stage, &session, &["say second", "say third"]);
    let output = stage.run(&["send", &session, "say fourth"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "second\nthird\nfourth\n", "{output:?}");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("say second") && stderr.contains("say third"), "{stderr}");
    assert_eq!(stage.agents.prompts(), ["say first", "say second", "say third", "say fourth"]);
    // Without a prompt, only what waits is delivered.
    leave_prompts(&stage, &session, &["say fifth"]);
    let output = stage.run(&["send", &session]);
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("fifth\n", Some(0)), "{output:?}");
    assert_eq!(stage.run(&["send", &session]).status.code(), Some(2), "nothing waits");
}

#[test]
fn f9_a_prompt_released_without_a_salon_stays_released() {
    let stage = Stage::new();
    stage.run(&["new", "say first"]);
    let session = stage.session();
    let ids = leave_prompts(&stage, &session, &["say second", "say third"]);
    // Another salon holds what the dead one left.
    stage.run(&["new", "say elsewhere"]);
    assert_eq!(stage.run(&["queue", "--release", &ids[0]]).status.code(), Some(0));
    stage.run(&["new", "say elsewhere"]);
    let queue = json(&stage.run(&["queue", "--json"]));
    let states: Vec<_> = queue["prompts"].as_array().expect("prompts").iter().map(|prompt| &prompt["state"]).collect();
    assert_eq!(states, ["held", "pending"], "{queue}");
    let output = stage.run(&["send", &session, "say fourth"]);
    assert_eq!(text(&output.stdout), "second\nthird\nfourth\n", "{output:?}");
    for (option, id, state) in [("--cancel", &*ids[0], "was delivered"), ("--release", "999", "is not in a queue")] {
        let refused = stage.run(&["queue", option, id]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(text(&refused.stderr).contains(&format!("prompt {id} {state}")), "{refused:?}");
    }
}

#[test]
fn f9_a_prompt_that_may_have_been_delivered_is_sent_only_on_request() {
    let stage = Stage::new();
    stage.run(&["new", "say first"]);
    let session = stage.session();
    let ids = leave_prompts(&stage, &session, &["say second"]);
    let store = Store::open(&stage.home.path().join(".local/share/salon/state.db"), clock()).expect("state.db").store;
    let id = PromptId(ids[0].parse().expect("an id"));
    let sending = store.with(|db| outbox::advance(db, id, &[PromptState::Pending], PromptState::Sending, None));
    assert!(sending.expect("sending"));
    drop(store);
    let refused = stage.run(&["send", "--json", &session, "say third"]);
    assert_eq!(json(&refused)["error"]["code"], "busy", "{refused:?}");
    assert_eq!(stage.agents.prompts(), ["say first"]);
    let output = stage.run(&["send", &session]);
    assert_eq!(text(&output.stdout), "second\n", "{output:?}");
    assert_eq!(stage.agents.prompts(), ["say first", "say second"]);
}
