//! Agents' programs on this machine: where they are on `PATH`, what version they say they are.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a program may take to tell its version: some need seconds to start cold.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most that is read of what a program prints as its version.
const VERSION_BYTES: u64 = 4096;

/// The file that a shell would start for `program`, seen from `path` (the value of `PATH`).
pub fn find(program: &str, path: Option<&str>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|file| is_executable(file));
    }
    std::env::split_paths(path?).map(|dir| dir.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Asks programs for their versions, all at once; `None` for one that does not say in time.
pub fn versions(programs: &[(PathBuf, &[&str])]) -> Vec<Option<String>> {
    thread::scope(|scope| {
        let asked: Vec<_> = programs.iter().map(|(file, args)| scope.spawn(|| version(file, args))).collect();
        asked.into_iter().map(|answer| answer.join().ok().flatten()).collect()
    })
}

fn version(file: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new(file);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    super::children::prepare(&mut command);
    let mut child = command.spawn().ok()?;
    let stdout = child.stdout.take()?;
    let (sender, answer) = mpsc::channel();
    // On a thread of its own, as a grandchild may keep the pipe open for longer than anybody wants to wait.
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(VERSION_BYTES).read_to_string(&mut text);
        // Nobody listens once the time is up.
        drop(sender.send(read.ok().map(|_| text)));
    });
    let text = answer.recv_timeout(PATIENCE).ok().flatten();
    super::children::end(&mut child);
    number(&text?)
}

/// The part of `codex-cli 0.169.0` or `2.1.329 (Claude Code)` that is the version.
fn number(text: &str) -> Option<String> {
    let begins_with_digit = |word: &&str| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let word = text.split_whitespace().find(begins_with_digit)?;
    Some(crate::stdx::text::one_line(word.trim_start_matches('v')))
}
