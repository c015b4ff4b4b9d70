//! Notifications to the user, and path completion.

use std::sync::mpsc::channel;

use salon::runtime::desktop_notification::sequence;
use salon::runtime::path_completion::{self, CompletionRequest};

#[test]
fn text_of_an_agent_cannot_escape_the_notification() {
    let sequence = sequence("api", "done\x1b\\\x1b]52;c;aGk=\x07\nmore", false, |_| None);
    assert_eq!(sequence.matches('\x1b').count(), 2, "{sequence:?}");
    assert!(sequence.starts_with("\x1b]9;api: done"), "{sequence:?}");
    assert!(!sequence.contains(['\x07', '\n']), "{sequence:?}");
}

#[test]
fn the_bell_follows_the_notification_and_tmux_passes_it_through() {
    let plain = sequence("a;b", "c", true, |name| (name == "TERM").then(|| "foot".to_owned()));
    assert_eq!(plain, "\x1b]777;notify;a,b;c\x1b\\\x07");
    let tmux = sequence("a", "b", false, |name| (name == "TMUX").then(|| "/run/tmux".to_owned()));
    assert!(tmux.starts_with("\x1bPtmux;\x1b\x1b]9;"), "{tmux:?}");
}

fn complete(request: CompletionRequest) -> Vec<String> {
    let (answer, answers) = channel();
    let requests = path_completion::start(move |_, found| answer.send(found).is_ok());
    requests.send(request).expect("the thread");
    answers.recv().expect("an answer")
}

#[test]
fn ignored_files_are_omitted_and_fuzzy_matches_found() {
    let dir = tempfile::tempdir().expect("a directory");
    for path in [".git/config", "src/main.rs", "src/deep/server.rs", "target/debug/x", ".env"] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, "").expect("a file");
    }
    std::fs::write(dir.path().join(".gitignore"), "target\n").expect("a file");
    let files = |query: &str| complete(CompletionRequest::Files { below: dir.path().into(), query: query.into() });
    assert_eq!(files(""), [".env", "src/", ".gitignore", "src/deep/", "src/main.rs", "src/deep/server.rs"]);
    assert_eq!(files("sdsrv"), ["src/deep/server.rs"]);
    assert!(files("zzz").is_empty());
}

#[test]
fn directories_complete_by_prefix_first() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["api", "map-pi", ".hidden", "web"] {
        std::fs::create_dir(dir.path().join(name)).expect("a directory");
    }
    let names = |query: &str| -> Vec<String> {
        let request = CompletionRequest::Directories { query: format!("~/{query}"), home: dir.path().into() };
        complete(request).iter().filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
    };
    assert_eq!(names("api"), ["api", "map-pi"]);
    assert_eq!(names("ap"), ["api", "map-pi"]);
    assert_eq!(names(""), ["api", "map-pi", "web"]);
    assert_eq!(names(".h"), [".hidden"]);
}
