//! Command line at its edges: what is refused, what is written into, and shapes that are alike in all commands.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use serde_json::Value;

use super::cli::{code, json, run, text};
use super::export::{self, ID};
use crate::support::Home;

const OPENCODE: &str = "opencode/1.18.33";

/// Exit code, code and message of an error.
fn error(home: &Home, args: &[&str]) -> (i32, String, String) {
    let output = run(home, &[args, &["--json"]].concat());
    let report = json(&output)["error"].clone();
    let field = |name: &str| report[name].as_str().unwrap_or_else(|| panic!("{name}: {report}")).to_owned();
    (code(&output), field("code"), field("message"))
}

#[test]
fn an_export_goes_into_pipes_and_through_links_and_a_dash_is_stdout() {
    let home = export::home();
    let at = |name: &str| home.path().join(name);
    let to = |name: &str, args: &[&str]| {
        let path = at(name);
        run(&home, &[&["export", ID, "--output", path.to_str().expect("UTF-8")], args].concat())
    };
    let document = text(&run(&home, &["export", ID]).stdout);
    assert_eq!(text(&run(&home, &["export", ID, "--output", "-"]).stdout), document);
    assert!(!at("-").exists(), "no file has the name of stdout");
    assert_eq!(error(&home, &["export", ID, "--output", "-"]).1, "usage", "stdout has no room for a report");

    let mode = 0o600.into();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let reader = std::thread::spawn({
        let pipe = at("pipe");
        move || fs::read_to_string(pipe)
    });
    let output = to("pipe", &["--force"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let is_pipe = fs::symlink_metadata(at("pipe")).expect("there").file_type().is_fifo();
    assert!(is_pipe, "the pipe was replaced");
    assert_eq!(reader.join().expect("a reader").expect("text"), document);

    fs::write(at("target.md"), "old").expect("written");
    for (link, target) in [("link.md", "target.md"), ("new.md", "made.md")] {
        std::os::unix::fs::symlink(target, at(link)).expect("a link");
        assert_eq!(code(&to(link, &[])), 1, "{link} is not replaced unasked");
        assert_eq!(code(&to(link, &["--force"])), 0, "{link}");
        assert!(at(link).is_symlink(), "{link} was replaced");
        assert_eq!(fs::read_to_string(at(target)).expect("there"), document, "{target}");
    }
}

#[test]
fn numbers_of_entries_and_turns_that_do_not_exist_are_not_found() {
    let home = export::home();
    for number in ["0", "99"] {
        for option in ["--at", "--since"] {
            let (exit, code, message) = error(&home, &["file", ID, "cart.rs", option, number]);
            assert_eq!((exit, &*code), (1, "not_found"), "{option} {number}");
            assert!(message.contains(&format!("no entry {number}; {ID} has ")), "{message}");
        }
        let (exit, code, message) = error(&home, &["diff", ID, "--turn", number]);
        assert_eq!((exit, &*code), (1, "not_found"), "{number}");
        assert!(message.contains(&format!("no turn {number}; {ID} has ")), "{message}");
    }
    assert_eq!(code(&run(&home, &["diff", ID, "--turn", "1"])), 0);
}

#[test]
fn the_name_of_an_agent_narrows_and_does_not_count_as_a_part_of_the_id() {
    let home = export::home();
    assert_eq!(code(&run(&home, &["trash", ID])), 0);
    for short in ["claude:0", "claude:0d9c7e9"] {
        assert_eq!(error(&home, &["restore", short]).1, "not_found", "{short}");
    }
    assert_eq!(error(&home, &["restore", "codex:0d9c7e9a"]).1, "not_found");
    for name in ["CLAUDE:0d9c7e9a", "0d9c7e9a", &format!("claude:{ID}")] {
        assert_eq!(code(&run(&home, &["restore", name])), 0, "{name}");
        assert_eq!(code(&run(&home, &["trash", ID])), 0);
    }
}

#[test]
fn wrong_usage_names_what_is_missing() {
    let home = Home::empty();
    assert!(error(&home, &["rename"]).2.contains("<ID"), "{:?}", error(&home, &["rename"]));
    let (exit, code, message) = error(&home, &["demo"]);
    assert_eq!((exit, &*code), (2, "usage"), "{message}");
    assert!(message.contains("terminal"), "{message}");
    assert_eq!(code_of_export(&home), 0);
}

fn code_of_export(home: &Home) -> i32 {
    let output = run(home, &["annotations", "export", "--json"]);
    assert_eq!(json(&output)["annotations"], serde_json::json!([]));
    code(&output)
}

#[test]
fn sessions_have_one_shape_in_all_commands() {
    let home = Home::of(&["claude/2.1.329", OPENCODE]);
    let list = json(&run(&home, &["list", "--json"]));
    for agent in ["claude", "opencode"] {
        let sessions = list["sessions"].as_array().expect("sessions");
        let listed = sessions.iter().find(|session| session["agent"] == agent).expect("a session");
        let id = listed["id"].as_str().expect("an id");
        assert!(listed.as_object().is_some_and(|fields| fields.contains_key("purge_at")), "{listed}");
        assert_eq!(listed["purge_at"].is_null(), agent == "opencode", "{listed}");
        let search = json(&run(&home, &["search", &format!("agent:{agent}"), "--json"]));
        let hits = search["hits"].as_array().expect("hits");
        let found = hits.iter().map(|hit| &hit["session"]).find(|session| session["id"] == id);
        let shown = json(&run(&home, &["show", id, "--json"]));
        let diff = json(&run(&home, &["diff", id, "--json"]));
        for session in [&shown["session"], &diff["session"], found.expect("a hit")] {
            assert_eq!(session["purge_at"], listed["purge_at"], "{session}");
        }
    }
    let stats = json(&run(&home, &["stats", "agent:nope", "--json"]));
    assert!(stats["issues"].to_string().contains("must be one of"), "{stats}");
    assert_eq!(json(&run(&home, &["stats", "--json"]))["issues"], Value::Array(Vec::new()));
}

#[test]
fn a_prompt_into_a_directory_that_is_gone_names_a_command_that_exists() {
    let home = Home::of(&[OPENCODE]);
    let (exit, code, message) = error(&home, &["send", "ses_e0286ab2", "hi"]);
    assert_eq!((exit, &*code), (1, "unavailable"));
    assert!(message.contains("is gone") && message.contains("salon relocate opencode:ses_e0286ab2"), "{message}");
    assert!(!message.contains("--cwd"), "{message}");
    assert!(error(&home, &["resume", "ses_e0286ab2"]).2.contains("--cwd DIR"));
}

#[test]
fn colours_are_written_into_a_pipe_when_they_are_asked_for() {
    let home = export::home();
    let plain = |args: &[&str]| text(&run(&home, args).stdout);
    for args in [&["list"][..], &["search", "picture"], &["doctor"]] {
        let (without, with) = (plain(args), plain(&[args, &["--color", "always"]].concat()));
        assert!(!without.contains('\u{1b}') && with.contains("\u{1b}["), "{args:?}: {with}");
        let codes = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
        let stripped = codes.iter().fold(with, |text, code| text.replace(code, ""));
        // The age of the cache changes.
        let lines =
            |text: &str| text.lines().filter(|line| !line.contains("cache")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&stripped), lines(&without), "{args:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_problem_and_is_not_replaced() {
    let home = export::home();
    let config = Home::empty();
    let file = config.path().join("config.toml");
    let salon = |args: &[&str]| {
        super::cli::salon(&home, args).env("SALON_CONFIG_DIR", config.path()).output().expect("salon runs")
    };
    let problems = || {
        let list = salon(&["list", "--json"]);
        assert_eq!((code(&list), json(&list)["total"].as_u64()), (0, Some(1)), "{}", text(&list.stderr));
        json(&list)["issues"].to_string()
    };
    fs::write(&file, "=").expect("written");
    assert!(problems().contains("config.toml"));
    fs::write(&file, b"# caf\xe9\n").expect("written");
    assert!(problems().contains("not valid UTF-8"), "{}", problems());
    let add = salon(&["source", "add", "box", "--ssh", "box"]);
    assert_eq!(code(&add), 1, "{}", text(&add.stderr));
    assert_eq!(fs::read(&file).expect("there"), b"# caf\xe9\n");
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("created");
    assert!(problems().contains("config.toml"), "{}", problems());
    let named = salon(&["list", "--config", file.to_str().expect("UTF-8")]);
    assert_eq!(code(&named), 1, "a file that was named must be readable");
}
