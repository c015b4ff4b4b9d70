//! Command line, from the view of a script: JSON shapes, exit codes, stdout and stderr.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::Home;

const OPENCODE: &str = "opencode/1.18.33";
const CLAUDE: &str = "claude/2.1.329";

#[test]
fn a1_list_gives_every_session_newest_first_with_all_its_fields() {
    let home = Home::of(&[OPENCODE, CLAUDE]);
    let list = json(&run(&home, &["list", "--json", "--hidden"]));
    assert_eq!(list["schema_version"], 1);
    let sessions = list["sessions"].as_array().expect("sessions");
    assert_eq!(list["total"], sessions.len());
    let times: Vec<_> = sessions.iter().map(|session| session["last_activity"].as_str()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    for agent in ["claude", "opencode"] {
        assert!(sessions.iter().any(|session| session["agent"] == agent), "no {agent}");
    }
    let fields = [
        "id",
        "agent",
        "title",
        "title_source",
        "workspace",
        "cwd",
        "branch",
        "model",
        "started_at",
        "last_activity",
        "turns",
        "messages",
        "tokens",
        "cost_usd",
        "bytes",
        "path",
        "state",
        "flags",
        "parent",
        "forked_from",
    ];
    for session in sessions {
        let session = session.as_object().expect("a session");
        // Only agents that delete old sessions have a time for that.
        assert_eq!(session.keys().filter(|key| *key != "purge_at").count(), fields.len());
        assert!(fields.iter().all(|field| session.contains_key(*field)), "{session:?}");
    }
}

#[test]
fn hidden_sessions_are_counted_and_shown_when_asked_for() {
    let home = Home::of(&[OPENCODE]);
    let shown = json(&run(&home, &["list", "--json"]));
    let all = json(&run(&home, &["list", "--json", "--hidden"]));
    let hidden: u64 = ["subagent", "headless", "empty", "archived", "purged", "elsewhere"]
        .iter()
        .map(|reason| shown["hidden"][reason].as_u64().expect("a count"))
        .sum();
    assert!(hidden > 0);
    assert_eq!(shown["total"].as_u64().expect("total") + hidden, all["total"].as_u64().expect("total"));
}

#[test]
fn list_pages_from_the_top_and_its_filters_narrow() {
    let home = Home::of(&[OPENCODE, CLAUDE]);
    let ids = |args: &[&str]| -> Vec<String> {
        let list = json(&run(&home, &[&["list", "--json", "--hidden"], args].concat()));
        let sessions = list["sessions"].as_array().expect("sessions");
        sessions.iter().map(|session| session["id"].as_str().expect("id").to_owned()).collect()
    };
    let all = ids(&[]);
    assert_eq!(ids(&["--limit", "3"]), all[..3]);
    assert_eq!(ids(&["--limit", "3", "--offset", "2"]), all[2..5]);
    assert_eq!(ids(&["--offset", "100000"]), Vec::<String>::new());
    let (claude, opencode) = (ids(&["--agent", "claude"]), ids(&["--agent", "opencode"]));
    assert_eq!(claude.len() + opencode.len(), all.len());
    assert_eq!(ids(&["--agent", "claude,opencode"]), all);
    assert_eq!(ids(&["--since", "2026-11-22"]), Vec::<String>::new());
    assert_eq!(ids(&["--since", "20w", "--until", "2027-01-01"]), all);
    let below: Vec<_> = ids(&["--dir", "/home/dev/web_ui.v2"]);
    assert!(!below.is_empty() && below.len() < all.len());
}

#[test]
fn a6_pages_of_a_transcript_count_from_its_end() {
    let home = Home::of(&[OPENCODE]);
    let id = longest(&home);
    let whole = json(&run(&home, &["show", &id, "--json"]));
    let total = usize::try_from(whole["total"].as_u64().expect("total")).expect("total");
    let numbers = |args: &[&str]| -> Vec<usize> {
        let shown = json(&run(&home, &[&["show", &id, "--json"], args].concat()));
        assert_eq!(shown["total"], total);
        let entries = shown["entries"].as_array().expect("entries");
        entries.iter().map(|entry| usize::try_from(entry["n"].as_u64().expect("n")).expect("n")).collect()
    };
    assert!(total > 6, "the fixture is too short for this test");
    assert_eq!(numbers(&[]), (1..=total).collect::<Vec<_>>());
    assert_eq!(numbers(&["--limit", "3"]), [total - 2, total - 1, total]);
    assert_eq!(numbers(&["--limit", "3", "--offset", "3"]), [total - 5, total - 4, total - 3]);
    let last = (total - 1).to_string();
    assert_eq!(numbers(&["--limit", "3", "--offset", &last]), [1]);
    assert_eq!(numbers(&["--limit", "3", "--offset", &total.to_string()]), Vec::<usize>::new());
    assert_eq!(whole["session"]["messages"], total);
    for field in ["n", "kind", "role", "time", "text", "tool", "tokens", "truncated"] {
        assert!(whole["entries"][0].as_object().expect("an entry").contains_key(field), "{field}");
    }
}

#[test]
fn a_session_is_named_by_its_id_a_prefix_of_it_or_its_title() {
    let home = Home::of(&[OPENCODE]);
    let id = "ses_e0286ab2cffeDj0Ik6DQZ0T5vk";
    for name in [id, "ses_e0286ab2", "opencode:ses_e0286ab2", "Renamed in lab", "opencode:Renamed in lab"] {
        assert_eq!(json(&run(&home, &["show", name, "--json"]))["session"]["id"], id, "{name}");
    }
    let short = run(&home, &["show", "ses_e02", "--json"]);
    assert_eq!((code(&short), json(&short)["error"]["code"].as_str()), (1, Some("not_found")));
    let other = run(&home, &["show", "claude:ses_e0286ab2", "--json"]);
    assert_eq!((code(&other), json(&other)["error"]["code"].as_str()), (1, Some("not_found")));
    let many = run(&home, &["show", "Mock title of the session", "--json"]);
    assert_eq!((code(&many), json(&many)["error"]["code"].as_str()), (2, Some("ambiguous")));
    let candidates = json(&many)["error"]["candidates"].as_array().expect("candidates").clone();
    assert!(candidates.len() > 1 && candidates.iter().all(|name| name.as_str().expect("id").starts_with("opencode:")));
}

#[test]
fn wrong_usage_is_reported_as_text_or_as_one_object() {
    let home = Home::empty();
    for args in [&["lisst"][..], &["list", "--limit", "x"], &["show"], &["list", "--agent", "nobody"]] {
        let output = run(&home, args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
        let output = run(&home, &[args, &["--json"]].concat());
        assert_eq!(code(&output), 2, "{args:?}");
        let error = &json(&output)["error"];
        assert_eq!(error["code"], "usage", "{args:?}");
        assert!(!error["message"].as_str().expect("message").is_empty());
    }
}

#[test]
fn without_a_terminal_the_screen_does_not_open() {
    let home = Home::empty();
    let output = run(&home, &[]);
    assert_eq!(code(&output), 2);
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("Usage: salon"));
}

#[test]
fn an_empty_home_is_not_an_error() {
    let home = Home::empty();
    let output = run(&home, &["list", "--json"]);
    assert_eq!(code(&output), 0);
    assert_eq!(json(&output)["total"], 0);
    assert_eq!(code(&run(&home, &["list"])), 0);
}

#[test]
fn output_to_a_pipe_is_uncut_and_tab_separated() {
    let home = Home::of(&[OPENCODE]);
    let output = run(&home, &["list"]);
    let lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(
        lines.len(),
        usize::try_from(json(&run(&home, &["list", "--json"]))["total"].as_u64().expect("n")).expect("n")
    );
    assert!(lines.iter().all(|line| line.split('\t').count() == 7), "{lines:?}");
    assert!(text(&output.stderr).contains("hidden: "), "hidden sessions are reported on stderr");
}

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let home = Home::of(&[OPENCODE]);
    let mut child = salon(&home, &["show", &longest(&home), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("salon starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("salon ends");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(code(&output), 0);
}

#[test]
fn h34_the_cache_may_be_deleted_at_any_time() {
    let home = Home::of(&[OPENCODE, CLAUDE]);
    let first = run(&home, &["list", "--json"]).stdout;
    assert_eq!(run(&home, &["list", "--json"]).stdout, first, "from the cache");
    std::fs::remove_dir_all(home.path().join(".cache/salon")).expect("there is a cache");
    assert_eq!(run(&home, &["list", "--json"]).stdout, first, "without it");
}

#[test]
fn show_prints_markdown_and_the_records_themselves() {
    let home = Home::of(&[OPENCODE]);
    let id = longest(&home);
    let markdown = text(&run(&home, &["show", &id, "--markdown"]).stdout);
    assert!(markdown.starts_with("# ") && markdown.contains("\n## Prompt"), "{markdown}");
    let raw = text(&run(&home, &["show", &id, "--raw", "--limit", "1"]).stdout);
    assert!(raw.lines().next().is_some_and(|line| serde_json::from_str::<Value>(line).is_ok()), "{raw}");
}

#[test]
fn a14_resume_prints_the_command_in_the_sessions_own_directory_with_arguments_verbatim() {
    let home = Home::of(&[OPENCODE]);
    let id = "ses_e0286ab2cffeDj0Ik6DQZ0T5vk";
    let printed = run(&home, &["resume", id, "--print", "--", "--model", "a b", "--json"]);
    let expected = format!("cd /home/dev/shop-api && opencode --session={id} --model 'a b' --json\n");
    assert_eq!(text(&printed.stdout), expected);
    let printed = json(&run(&home, &["resume", id, "--print", "--json"]));
    assert_eq!(printed["program"], "opencode");
    assert_eq!(printed["args"], serde_json::json!([format!("--session={id}")]));
    assert_eq!(printed["cwd"], "/home/dev/shop-api");
}

#[test]
fn resume_becomes_the_agent_and_ends_with_its_code() {
    let home = Home::of(&[OPENCODE]);
    let bin = program(&home, "opencode", "#!/bin/sh\npwd\nprintf '[%s]' \"$@\"\nenv\nexit 7\n");
    let dir = home.path().join("a project");
    std::fs::create_dir(&dir).expect("a directory");
    let args = ["resume", "ses_e0286ab2", "--cwd", &dir.to_string_lossy(), "--", "--x", "y z"];
    let output = salon(&home, &args)
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("CLAUDECODE", "1")
        .env("CLAUDE_CODE_ENTRYPOINT", "cli")
        .env("CLAUDE_CODE_SSE_PORT", "1")
        .env("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "5")
        .env("HTTPS_PROXY", "proxy.invalid")
        .output()
        .expect("salon runs");
    let stdout = text(&output.stdout);
    assert_eq!(code(&output), 7);
    assert!(stdout.starts_with(&format!("{}\n", dir.canonicalize().expect("path").display())), "{stdout}");
    assert!(stdout.contains("[--session=ses_e0286ab2cffeDj0Ik6DQZ0T5vk][--x][y z]"), "{stdout}");
    // H39: variables that mark a nested start are removed, and nothing else.
    for gone in ["CLAUDECODE=", "CLAUDE_CODE_ENTRYPOINT=", "CLAUDE_CODE_SSE_PORT="] {
        assert!(!stdout.contains(gone), "{gone}");
    }
    assert!(stdout.contains("HTTPS_PROXY=proxy.invalid") && stdout.contains("CLAUDE_CODE_MAX_OUTPUT_TOKENS=5"));
}

#[test]
fn resume_reports_obstacles_before_anything_starts() {
    let home = Home::of(&[OPENCODE]);
    let id = "ses_e0286ab2";
    let gone = run(&home, &["resume", id, "--json"]);
    assert_eq!((code(&gone), json(&gone)["error"]["code"].as_str()), (1, Some("unavailable")));
    assert!(json(&gone)["error"]["message"].as_str().expect("message").contains("/home/dev/shop-api is gone"));
    let here = home.path().to_string_lossy().into_owned();
    let missing = run(&home, &["resume", id, "--cwd", &here, "--json"]);
    assert_eq!((code(&missing), json(&missing)["error"]["code"].as_str()), (1, Some("unavailable")));
    assert!(json(&missing)["error"]["message"].as_str().expect("message").contains("not on PATH"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_session_that_is_open_elsewhere_is_resumed_only_by_force() {
    let home = Home::of(&[CLAUDE]);
    let bin = program(&home, "claude", "#!/bin/sh\necho started\n");
    let list = json(&run(&home, &["list", "--json", "--hidden", "--agent", "claude"]));
    let id = list["sessions"][0]["id"].as_str().expect("a session").to_owned();
    open_elsewhere(&home, &id);
    let here = home.path().to_string_lossy().into_owned();
    let resume = |more: &[&str]| {
        let args = [&["resume", &id, "--cwd", &here, "--json"], more].concat();
        salon(&home, &args).env("PATH", format!("{}:/usr/bin:/bin", bin.display())).output().expect("salon runs")
    };
    let busy = resume(&[]);
    assert_eq!((code(&busy), json(&busy)["error"]["code"].as_str()), (1, Some("busy")));
    let message = json(&busy)["error"]["message"].as_str().expect("message").to_owned();
    assert!(message.contains(&std::process::id().to_string()), "pid of the owner: {message}");
    assert_eq!(text(&resume(&["--force"]).stdout), "started\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_session_in_the_background_is_attached_to() {
    let home = Home::of(&[CLAUDE]);
    let bin = program(&home, "claude", "#!/bin/sh\necho \"$@\"\n");
    let list = json(&run(&home, &["list", "--json", "--hidden", "--agent", "claude"]));
    let id = list["sessions"][0]["id"].as_str().expect("a session").to_owned();
    open_in(&home, &id, "bg");
    let here = home.path().to_string_lossy().into_owned();
    let args = ["resume", &id, "--cwd", &here];
    let opened = salon(&home, &args).env("PATH", format!("{}:/usr/bin:/bin", bin.display())).output();
    assert_eq!(text(&opened.expect("salon runs").stdout), format!("attach {id}\n"));
}

#[test]
fn doctor_reports_roots_programs_cache_and_watch() {
    let home = Home::of(&[OPENCODE, CLAUDE]);
    let bin = program(&home, "claude", "#!/bin/sh\necho '9.8.7 (Claude Code)'\n");
    program(&home, "codex", "#!/bin/sh\nexit 1\n");
    let report = salon(&home, &["doctor", "--json"]).env("PATH", &bin).output().expect("salon runs");
    let report = json(&report);
    let agents = report["agents"].as_array().expect("agents");
    let version = |name: &str| agents.iter().find(|agent| agent["agent"] == name).expect("the agent").clone();
    assert_eq!(version("claude")["version"], "9.8.7");
    assert_eq!(version("codex")["version"], Value::Null);
    assert!(version("codex")["program"].is_string());
    assert_eq!(version("goose")["program"], Value::Null);
    let roots = report["roots"].as_array().expect("roots");
    let found = |name: &str| roots.iter().any(|root| root["agent"] == name && root["found"] == true);
    assert!(found("claude") && found("opencode") && !found("goose"), "{roots:?}");
    let all = json(&run(&home, &["list", "--json", "--hidden"]));
    assert_eq!(report["cache"]["sessions"], all["total"]);
    assert!(["native", "poll"].contains(&report["watch"]["kind"].as_str().expect("a kind")));
    assert_eq!(code(&run(&home, &["doctor"])), 0);
}

#[test]
fn config_prints_every_key_with_default_and_description() {
    let home = Home::empty();
    let file = home.path().join("my.toml");
    std::fs::write(&file, "theme = \"light\"\nnonsense = 1\n").expect("a file");
    let file = file.to_string_lossy().into_owned();
    let config = json(&run(&home, &["config", "--json", "--config", &file]));
    let settings = config["settings"].as_array().expect("settings");
    assert!(settings.iter().all(|setting| !setting["description"].as_str().expect("words").is_empty()));
    let theme = settings.iter().find(|setting| setting["key"] == "theme").expect("theme");
    assert_eq!((&theme["value"], &theme["default"]), (&"light".into(), &"auto".into()));
    assert!(config["issues"][0]["reason"].as_str().expect("reason").contains("nonsense"));
    // The text output is itself a valid configuration with the same effect.
    let printed = text(&run(&home, &["config", "--config", &file]).stdout);
    let again = home.path().join("again.toml");
    std::fs::write(&again, printed).expect("a file");
    let again = json(&run(&home, &["config", "--json", "--config", &again.to_string_lossy()]));
    assert_eq!(again["settings"], config["settings"]);
    assert_eq!(again["issues"], serde_json::json!([]));
}

#[test]
fn missing_agents_and_sessions_are_named() {
    let home = Home::empty();
    let report = text(&run(&home, &["doctor"]).stdout);
    assert!(!report.contains("No problems"), "{report}");
    assert!(report.contains("No agent is on PATH") && report.contains("No sessions were found"), "{report}");
    let refused = run(&home, &["new", "--agent", "codex", "hello"]);
    assert_eq!(code(&refused), 1);
    let expected = "salon: Codex is not installed: \"codex\" was not found on PATH; --agent selects another one\n";
    assert_eq!(text(&refused.stderr), expected);
}

#[test]
fn common_options_have_a_letter() {
    let home = Home::of(&[CLAUDE]);
    let long = run(&home, &["list", "--json", "--limit", "1", "--agent", "claude"]);
    let short = run(&home, &["list", "-j", "-n1", "-aclaude"]);
    assert!(code(&short) == 0 && json(&short)["sessions"].as_array().is_some_and(|found| found.len() == 1));
    assert_eq!(text(&short.stdout), text(&long.stdout));
    let help = text(&run(&home, &["list", "--help"]).stdout);
    let global = help.split("Global options:").nth(1).expect("a section of its own");
    assert!(global.contains("--config") && !global.contains("--json"), "{help}");
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let home = Home::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&home, &["completions", shell]).stdout);
        assert!(script.contains("doctor") && script.contains("salon session-ids"), "{shell}");
        assert!(script.contains("salon query-words"), "{shell}");
    }
    let page = text(&run(&home, &["man"]).stdout);
    for word in ["SALON LIST", "SALON RESUME", "SALON_CONFIG_DIR", "\\-\\-markdown"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn bash_completes_commands_agents_directories_and_ids() {
    let home = Home::of(&["claude/2.1.329"]);
    std::fs::create_dir_all(home.path().join("bin")).expect("a directory");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_salon"), home.path().join("bin/salon")).expect("a link");
    let complete = |words: &[&str]| {
        let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len() - 1;
        let script = format!(
            "source <(salon completions bash); COMP_WORDS=({line}); COMP_CWORD={last}; \
             _salon_with_ids salon '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words[last],
            words[last - 1]
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &script]).env_clear().current_dir(home.path()).stdin(Stdio::null());
        bash.env("HOME", home.path()).env("PATH", format!("{}/bin:/usr/bin:/bin", home.path().display()));
        text(&bash.output().expect("bash runs").stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(complete(&["salon", "do"]).contains(&"doctor".to_owned()));
    assert_eq!(complete(&["salon", "list", "--agent", "ge"]), ["gemini"]);
    let all = text(&run(&home, &["session-ids"]).stdout);
    let (id, _) = all.lines().next().and_then(|line| line.split_once('\t')).expect("a session with a title");
    assert_eq!(complete(&["salon", "show", &id[..10]]), [id]);
    assert_eq!(complete(&["salon", "send", "-j", &id[..10]]), [id]);
    assert!(!complete(&["salon", "send", id, ""]).contains(&id.to_owned()), "only the first argument is an id");
    assert!(complete(&["salon", "show", "--ma"]).contains(&"--markdown".to_owned()));
    for command in ["diff", "export", "trash", "rewind"] {
        assert_eq!(complete(&["salon", command, &id[..10]]), [id], "{command}");
    }
    assert_eq!(complete(&["salon", "search", "bra"]), ["branch:"]);
    assert_eq!(complete(&["salon", "list", "agent", ":", "cl"]), ["claude"], "bash splits words at colons");
    assert!(complete(&["salon", "list", "is", ":"]).contains(&"live".to_owned()));
    assert_eq!(complete(&["salon", "export", "--query", "agent", ":", "cl"]), ["claude"]);
}

#[test]
fn a_configuration_that_is_named_and_missing_is_a_usage_error() {
    let home = Home::empty();
    let missing = run(&home, &["--config", "nowhere.toml", "list"]);
    let said = text(&missing.stderr);
    assert_eq!((missing.status.code(), text(&missing.stdout)), (Some(2), String::new()), "{said}");
    assert!(said.contains("--config nowhere.toml: there is no such file; salon config prints one"), "{said}");
    let refused = run(&home, &["--config", "nowhere.toml", "list", "--json"]);
    assert_eq!((refused.status.code(), &json(&refused)["error"]["code"]), (Some(2), &"usage".into()));
}

#[test]
fn doctor_names_each_mistake_in_the_configuration() {
    let home = Home::of(&["claude/2.1.329"]);
    std::fs::write(home.path().join("c.toml"), "colour = 1\n\n[limits]\nruns = \"many\"\n").expect("a file");
    let output = run(&home, &["--config", "c.toml", "doctor"]);
    let shown = text(&output.stdout);
    assert!(shown.contains("c.toml:1: colour: unknown setting, ignored"), "{shown}");
    assert!(shown.contains("c.toml:4: limits.runs: \"many\" is not a number above 0"), "{shown}");
    assert!(shown.contains("No agent is on PATH") && !shown.contains("No problems found"), "{shown}");
}

/// Command with its own home directory, a fixed clock, and no other variables.
pub fn salon(home: &Home, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).env_clear().current_dir(home.path()).stdin(Stdio::null());
    command.env("HOME", home.path()).env("PATH", "/nowhere").env("SALON_NOW", "2026-11-21T12:00:00Z").env("TZ", "UTC");
    command
}

pub fn run(home: &Home, args: &[&str]) -> Output {
    salon(home, args).output().expect("salon runs")
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Parses the JSON object on stdout.
pub fn json(output: &Output) -> Value {
    let stdout = text(&output.stdout);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{}", text(&output.stderr)))
}

fn longest(home: &Home) -> String {
    let list = json(&run(home, &["list", "--json"]));
    let sessions = list["sessions"].as_array().expect("sessions");
    let longest = sessions.iter().max_by_key(|session| session["messages"].as_u64()).expect("a session");
    longest["id"].as_str().expect("id").to_owned()
}

/// Creates a program in its own directory; returns the directory.
fn program(home: &Home, name: &str, script: &str) -> PathBuf {
    let bin = home.path().join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let file = bin.join(name);
    std::fs::write(&file, script).expect("a script");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    bin
}

/// Writes Claude's status file: this process has the session open.
fn open_elsewhere(home: &Home, id: &str) {
    open_in(home, id, "interactive");
}

/// Writes Claude's status file for a kind of process.
fn open_in(home: &Home, id: &str, kind: &str) {
    let pid = std::process::id();
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let after_name = stat.rsplit_once(')').expect("a name").1;
    let started = after_name.split_whitespace().nth(19).expect("the start time");
    let status = serde_json::json!({
        "pid": pid, "sessionId": id, "cwd": "/home/dev/shop-api", "startedAt": 1, "procStart": started,
        "status": "idle", "kind": kind, "entrypoint": "cli",
    });
    let dir: &Path = &home.path().join(".claude/sessions");
    std::fs::create_dir_all(dir).expect("a folder");
    std::fs::write(dir.join(format!("{pid}.json")), status.to_string()).expect("a sign");
}

#[test]
fn a_mistake_in_the_query_of_a_list_is_said() {
    let home = Home::of(&[CLAUDE]);
    for (query, said) in [("agent:nope", "column 7: must be one of claude"), ("cost:>1", "column 1: unknown filter")] {
        let output = run(&home, &["list", query]);
        let errors = text(&output.stderr);
        assert_eq!(code(&output), 0);
        assert!(errors.contains(said), "{errors}");
        assert!(!errors.contains("problem"), "the doctor knows nothing of it: {errors}");
        let issues = json(&run(&home, &["list", query, "--json"]))["issues"].to_string();
        assert!(issues.contains(said), "{issues}");
    }
}

#[test]
fn a_session_that_is_not_found_is_refused_with_a_next_step() {
    let home = Home::of(&[CLAUDE]);
    let list = json(&run(&home, &["list", "--json"]));
    let start = list["sessions"][0]["id"].as_str().expect("id")[..4].to_owned();
    let errors = |args: &[&str]| text(&run(&home, args).stderr);
    assert!(errors(&["show", &start]).contains("at least 8 characters"), "{}", errors(&["show", &start]));
    assert!(errors(&["show", &format!("claude:{start}")]).contains("at least 8 characters"));
    for (args, next) in [
        (&["show", "unheard of"][..], "salon list --hidden"),
        (&["restore", "unheard of"], "salon trash --list"),
        (&["worktree", "show", "unheard of"], "salon worktree list"),
        (&["source", "test", "unheard-of"], "salon source list"),
    ] {
        assert!(errors(args).contains(next), "{}", errors(args));
    }
}

#[test]
fn an_empty_result_is_said_on_stderr() {
    let home = Home::of(&[CLAUDE]);
    for args in [
        &["queue"][..],
        &["trash", "--list"],
        &["trash", "--empty"],
        &["keep", "--list"],
        &["worktree", "list"],
        &["worktree", "prune"],
        &["source", "list"],
        &["star", "--query", "unheardof"],
    ] {
        let output = run(&home, args);
        assert_eq!((code(&output), &*output.stdout), (0, &b""[..]), "{args:?}");
        assert!(text(&output.stderr).starts_with("salon: "), "{args:?}: {}", text(&output.stderr));
    }
    let output = run(&home, &["queue", "--json"]);
    assert_eq!(text(&output.stderr), "", "the object says it");
}

#[test]
fn a_database_that_cannot_be_used_is_a_problem() {
    let home = Home::of(&[CLAUDE]);
    assert_eq!(json(&run(&home, &["doctor", "--json"]))["issues"], serde_json::json!([]));
    let data = home.path().join(".local/share/salon");
    assert!(!data.exists(), "looking creates nothing");
    std::fs::create_dir_all(&data).expect("a directory");
    let damaged = "no database, but long enough to be looked at\n".repeat(9);
    std::fs::write(data.join("state.db"), &damaged).expect("written");
    let issues = json(&run(&home, &["doctor", "--json"]))["issues"].clone();
    assert!(issues.to_string().contains("is damaged"), "{issues}");
    assert_eq!(std::fs::read_to_string(data.join("state.db")).expect("left alone"), damaged);
    let replaced = run(&home, &["queue"]);
    assert!(
        text(&replaced.stderr).contains("was damaged, so that a new one was created"),
        "{}",
        text(&replaced.stderr)
    );
    assert_eq!(text(&run(&home, &["queue"]).stderr), "salon: no prompt is queued\n", "once");
    std::fs::remove_dir_all(&data).expect("removed");
    std::fs::write(&data, "in the way").expect("written");
    let issues = json(&run(&home, &["doctor", "--json"]))["issues"].clone();
    let path = data.join("state.db");
    assert!(
        issues.as_array().expect("issues").iter().any(|issue| issue["path"] == path.to_str().expect("a path")),
        "{issues}"
    );
}
