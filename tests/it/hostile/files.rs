//! Special files and huge files at every path that salon reads: no command waits or uses all memory, and each says so.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::Home;

/// Replacement of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Pipe,
    Device,
    Socket,
    Directory,
    Huge,
}

const ALL: [Special; 5] = [Special::Pipe, Special::Device, Special::Socket, Special::Directory, Special::Huge];

impl Special {
    fn put(self, path: &Path) {
        let _ = std::fs::remove_file(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        match self {
            Self::Pipe => {
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
                    .expect("a pipe");
            }
            Self::Device => symlink("/dev/zero", path).expect("a link"),
            Self::Socket => {
                // The path of a socket is short; the name in a long directory is relative to it.
                let short = tempfile::tempdir().expect("a directory");
                let link = short.path().join("d");
                symlink(path.parent().expect("a parent"), &link).expect("a link");
                drop(UnixListener::bind(link.join(path.file_name().expect("a name"))).expect("a socket"));
            }
            Self::Directory => std::fs::create_dir(path).expect("a directory"),
            Self::Huge => std::fs::File::create(path).and_then(|file| file.set_len(5 << 30)).expect("a sparse file"),
        }
    }
}

/// Runs a command with 4 GB of address space and a minute of time.
fn salon(home: &Home, args: &[&str]) -> (Value, bool) {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 4000000; exec timeout -k 1 60 \"$0\" \"$@\"", env!("CARGO_BIN_EXE_salon")])
        .args(args)
        .env_clear()
        .envs([("HOME", home.path().as_os_str()), ("PATH", "/usr/bin:/bin".as_ref())])
        .env("SALON_CONFIG_DIR", home.path().join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("salon starts");
    let _ = child.stdin.take();
    let output = child.wait_with_output().expect("salon ends");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {:?} {error}", output.status);
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), output.status.success())
}

/// Puts each kind at `path` of a home, lists the sessions, and returns the issues about the path.
fn each_kind(path: &str, prepare: impl Fn(&Home), reported: bool) {
    for special in ALL {
        let home = Home::empty();
        prepare(&home);
        let path = home.path().join(path);
        special.put(&path);
        let (list, done) = salon(&home, &["list", "--json", "--hidden"]);
        assert!(done, "{special:?} at {}: {list}", path.display());
        let issues = list["issues"].as_array().expect("issues");
        let about = |issue: &&Value| issue["path"].as_str().is_some_and(|issue| Path::new(issue).starts_with(&path));
        let said = issues.iter().any(|issue| about(&issue) || issue["reason"].to_string().contains("regular file"));
        let said = said || issues.iter().any(|issue| issue["reason"].to_string().contains("larger than"));
        assert!(said || !reported, "{special:?} at {}: no issue in {issues:?}", path.display());
        // A transcript has no limit of size: a search reads all of it, in constant memory, but not in a test's time.
        if special != Special::Huge || path.extension().is_none_or(|ending| ending != "jsonl") {
            salon(&home, &["search", "needle", "--json"]);
        }
    }
}

fn write(home: &Home, path: &str, text: &str) -> PathBuf {
    let path = home.path().join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(&path, text).expect("a file");
    path
}

fn claude_session(home: &Home) {
    let cwd = home.path().join("work/app");
    std::fs::create_dir_all(&cwd).expect("a directory");
    let record = json!({"type": "user", "uuid": "11111111-1111-4111-8111-111111111111", "parentUuid": null,
        "sessionId": "s", "cwd": cwd, "timestamp": "2026-11-21T09:00:00.000Z",
        "message": {"role": "user", "content": "a needle"}});
    write(home, ".claude/projects/-work-app/s.jsonl", &format!("{record}\n"));
    write(home, ".claude/projects/-work-app/s/subagents/agent-a.jsonl", &format!("{record}\n"));
}

#[test]
fn f6_a_claude_process_record() {
    each_kind(".claude/sessions/1.json", claude_session, true);
}

#[test]
fn f6_a_claude_sidecar() {
    each_kind(".claude/projects/-work-app/s/subagents/agent-a.meta.json", claude_session, true);
}

#[test]
fn f6_a_git_file_of_a_sessions_directory() {
    each_kind("work/app/.git", claude_session, false);
}

#[test]
fn f6_a_git_file_of_a_parent_directory() {
    each_kind("work/.git", claude_session, false);
}

#[test]
fn f6_a_common_directory_of_a_worktree() {
    let prepare = |home: &Home| {
        claude_session(home);
        write(home, "work/app/.git", &format!("gitdir: {}", home.path().join("git").display()));
    };
    each_kind("git/commondir", prepare, false);
}

#[test]
fn f6_a_qwen_process_record() {
    each_kind(".qwen/sessions/1.json", |_| (), true);
}

#[test]
fn f6_a_qwen_sidecar() {
    each_kind(".qwen/projects/p/subagents/s/agent-a.meta.json", |_| (), false);
}

fn gemini_chat(home: &Home) {
    let chat = json!({"sessionId": "g", "messages": [{"id": "m", "type": "user", "content": "a needle"}]});
    write(home, ".gemini/tmp/app/chats/session-2026-11-21T10-00-19e24f82.json", &chat.to_string());
}

#[test]
fn f6_geminis_table_of_projects() {
    each_kind(".gemini/projects.json", gemini_chat, true);
}

#[test]
fn f6_geminis_project_root() {
    each_kind(".gemini/tmp/app/.project_root", gemini_chat, true);
}

#[test]
fn f6_a_gemini_chat() {
    each_kind(".gemini/tmp/app/chats/session-2026-11-21T10-00-19e24f83.json", gemini_chat, false);
}

#[test]
fn f6_codex_thread_names() {
    each_kind(".codex/session_index.jsonl", |_| (), false);
}

fn opencode_session(home: &Home) {
    let storage = ".local/share/opencode/storage";
    let session = json!({"id": "ses_a", "directory": "/work", "title": "t", "time": {"created": 1, "updated": 2}});
    write(home, &format!("{storage}/session/p/ses_a.json"), &session.to_string());
    let message = json!({"id": "msg_a", "sessionID": "ses_a", "role": "user", "time": {"created": 1}});
    write(home, &format!("{storage}/message/ses_a/msg_a.json"), &message.to_string());
    let part = json!({"id": "prt_a", "messageID": "msg_a", "sessionID": "ses_a", "type": "text", "text": "a needle"});
    write(home, &format!("{storage}/part/msg_a/prt_a.json"), &part.to_string());
}

#[test]
fn f6_an_opencode_session() {
    each_kind(".local/share/opencode/storage/session/p/ses_a.json", opencode_session, true);
}

#[test]
fn f6_an_opencode_message() {
    each_kind(".local/share/opencode/storage/message/ses_a/msg_b.json", opencode_session, true);
}

#[test]
fn f6_an_opencode_part() {
    each_kind(".local/share/opencode/storage/part/msg_a/prt_b.json", opencode_session, true);
}

#[test]
fn f6_a_database_and_its_log() {
    each_kind(".local/share/opencode/opencode.db", |_| (), true);
    each_kind(".local/share/goose/sessions/sessions.db", |_| (), true);
    let fixture = |home: &Home| {
        let made = Home::of(&["opencode/1.18.33"]);
        crate::support::copy_tree(&made.path().join(".local"), &home.path().join(".local"));
        let _ = std::fs::remove_file(home.path().join(".local/share/opencode/opencode.db-shm"));
    };
    each_kind(".local/share/opencode/opencode.db-wal", fixture, false);
}

#[test]
fn f6_a_transcript() {
    each_kind(".claude/projects/-work-app/other.jsonl", claude_session, false);
    each_kind(".codex/sessions/2026/11/21/rollout-2026-11-21T10-00-00-x.jsonl", |_| (), false);
}

#[test]
fn f6_the_configuration_file() {
    for special in ALL {
        let home = Home::empty();
        special.put(&home.path().join("config/config.toml"));
        // The defaults are used, as with a mistake in the file.
        let (listed, done) = salon(&home, &["list", "--json"]);
        assert!(done, "{special:?}: {listed}");
        assert!(listed["issues"].to_string().contains("config.toml"), "{listed}");
    }
}
