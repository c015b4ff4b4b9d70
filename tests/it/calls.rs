//! What calls the user, and what completes what is typed.

use std::sync::mpsc::channel;

use salon::runtime::call::call;
use salon::runtime::paths::{self, Question};

#[test]
fn what_an_agent_says_cannot_leave_the_notification() {
    let told = call("api", "done\x1b\\\x1b]52;c;aGk=\x07\nmore", false, |_| None);
    assert_eq!(told.matches('\x1b').count(), 2, "{told:?}");
    assert!(told.starts_with("\x1b]9;api: done"), "{told:?}");
    assert!(!told.contains(['\x07', '\n']), "{told:?}");
}

#[test]
fn the_bell_is_beside_the_notification_and_tmux_hands_it_on() {
    let told = call("a;b", "c", true, |name| (name == "TERM").then(|| "foot".to_owned()));
    assert_eq!(told, "\x1b]777;notify;a,b;c\x1b\\\x07");
    let told = call("a", "b", false, |name| (name == "TMUX").then(|| "/run/tmux".to_owned()));
    assert!(told.starts_with("\x1bPtmux;\x1b\x1b]9;"), "{told:?}");
}

fn asked(question: Question) -> Vec<String> {
    let (answer, answers) = channel();
    let questions = paths::start(move |_, found| answer.send(found).is_ok());
    questions.send(question).expect("the thread");
    answers.recv().expect("an answer")
}

#[test]
fn files_that_git_ignores_are_left_out_and_abbreviations_match() {
    let dir = tempfile::tempdir().expect("a directory");
    for path in [".git/config", "src/main.rs", "src/deep/server.rs", "target/debug/x", ".env"] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, "").expect("a file");
    }
    std::fs::write(dir.path().join(".gitignore"), "target\n").expect("a file");
    let files = |query: &str| asked(Question::Files { below: dir.path().into(), query: query.into() });
    assert_eq!(files(""), [".env", "src/", ".gitignore", "src/deep/", "src/main.rs", "src/deep/server.rs"]);
    assert_eq!(files("sdsrv"), ["src/deep/server.rs"]);
    assert!(files("zzz").is_empty());
}

#[test]
fn directories_complete_by_their_beginning_first() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["api", "map-pi", ".hidden", "web"] {
        std::fs::create_dir(dir.path().join(name)).expect("a directory");
    }
    let names = |query: &str| -> Vec<String> {
        let question = Question::Directories { query: format!("~/{query}"), home: dir.path().into() };
        asked(question).iter().filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
    };
    assert_eq!(names("api"), ["api", "map-pi"]);
    assert_eq!(names("ap"), ["api", "map-pi"]);
    assert_eq!(names(""), ["api", "map-pi", "web"]);
    assert_eq!(names(".h"), [".hidden"]);
}
