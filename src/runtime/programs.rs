//! Versions of agent programs.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Timeout of a version query, because some programs take seconds for a cold start.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum bytes of version output that are read.
const VERSION_BYTES: u64 = 4096;

/// Queries the versions of programs in parallel; `None` for one that does not answer in time.
pub fn versions(programs: &[(PathBuf, &[&str])]) -> Vec<Option<String>> {
    thread::scope(|scope| {
        let handles: Vec<_> = programs.iter().map(|(file, args)| scope.spawn(|| version(file, args))).collect();
        handles.into_iter().map(|output| output.join().ok().flatten()).collect()
    })
}

fn version(file: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new(file);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    super::children::prepare(&mut command);
    let mut child = command.spawn().ok()?;
    let stdout = child.stdout.take()?;
    let (sender, output) = mpsc::channel();
    // Read on a thread, because a grandchild may keep the pipe open after the timeout.
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(VERSION_BYTES).read_to_string(&mut text);
        // An error means that the timeout has expired.
        drop(sender.send(read.ok().map(|_| text)));
    });
    let text = output.recv_timeout(VERSION_TIMEOUT).ok().flatten();
    super::children::end(&mut child);
    number(&text?)
}

/// Extracts the version from `codex-cli 0.169.0` or `2.1.329 (Claude Code)`.
fn number(text: &str) -> Option<String> {
    let begins_with_digit = |word: &&str| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let word = text.split_whitespace().find(begins_with_digit)?;
    Some(crate::stdx::text::one_line(word.trim_start_matches('v')))
}
