//! The scripted agents: built if missing or stale, installed under the names of the real agents, and ended with their
//! test.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Home, is_alive};

/// Directory with scripted agents under the names of the real ones; can be the whole `PATH`.
///
/// Dropping it kills their remaining processes and descendants, so that a failed test leaves nothing behind.
pub struct Agents {
    dir: tempfile::TempDir,
}

impl Agents {
    /// Installs these agents and the system programs that they need.
    pub fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        for name in names {
            std::os::unix::fs::symlink(fake_agent(), dir.path().join(name)).expect("a link");
        }
        let sleep = ["/usr/bin/sleep", "/bin/sleep"].into_iter().find(|path| Path::new(path).exists());
        std::os::unix::fs::symlink(sleep.expect("sleep"), dir.path().join("sleep")).expect("a link");
        Self { dir }
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Path of the directory as text, for `PATH`.
    pub fn search_path(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }

    /// Records that the agents wrote to the log at `FAKE_LOG`, which tests place here.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Path of the log.
    pub fn log_file(&self) -> PathBuf {
        self.path().join("fake.log")
    }

    /// Log records of process starts.
    pub fn starts(&self) -> Vec<Value> {
        self.log().into_iter().filter(|record| record["started"].is_string()).collect()
    }

    /// Pids of started processes.
    pub fn started(&self) -> Vec<u32> {
        self.ids("pid")
    }

    /// Pids of the processes that these started.
    pub fn grandchildren(&self) -> Vec<u32> {
        self.ids("grandchild")
    }

    /// Prompts that reached an agent, in order.
    pub fn prompts(&self) -> Vec<String> {
        let prompts = self.log().into_iter().filter_map(|record| record["prompt"].as_str().map(str::to_owned));
        prompts.collect()
    }

    /// Asserts that all agents and their descendants have exited.
    pub fn assert_all_exited(&self) {
        let left = self.started().into_iter().chain(self.grandchildren()).filter(|pid| is_alive(*pid));
        let left: Vec<u32> = left.collect();
        assert!(left.is_empty(), "agents are left: {left:?}");
    }

    /// Starts an agent in a home, with pipes to it.
    pub fn spawn(&self, home: &Home, name: &str, args: &[String], vars: &[(&str, PathBuf)]) -> FakeAgent {
        let mut command = Command::new(self.path().join(name));
        command
            .args(args)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", self.path())
            .env("FAKE_LOG", self.log_file())
            .envs(vars.iter().map(|(name, value)| (name, value)))
            .current_dir(home.path());
        FakeAgent::with(&mut command)
    }

    fn ids(&self, field: &str) -> Vec<u32> {
        let ids = self.log().into_iter().filter_map(|record| record[field].as_u64());
        ids.filter_map(|pid| u32::try_from(pid).ok()).collect()
    }

    /// True if a process has this log in its environment, which no other process has.
    fn is_ours(&self, pid: u32) -> bool {
        let log = self.log_file().into_os_string().into_encoded_bytes();
        // If the system does not tell, the process is left alone, because its pid may have been reused.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|var| var.strip_prefix(b"FAKE_LOG=") == Some(&log))
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for pid in self.started().into_iter().chain(self.grandchildren()).filter(|pid| self.is_ours(*pid)) {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            // A process that has just ended is not an error.
            pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok());
        }
    }
}

/// A scripted agent with pipes to its stdin and stdout. Killed on drop.
pub struct FakeAgent {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
}

impl FakeAgent {
    fn with(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Lines of garbage are not valid UTF-8.
            stdout.split(b'\n').map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines }
    }

    /// Writes a line. An agent that refuses its session may have exited already.
    pub fn write(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")).ok();
    }

    /// Returns the next line.
    pub fn read_line(&self) -> Vec<u8> {
        self.lines.recv_timeout(Duration::from_secs(20)).expect("it says more")
    }

    /// Closes stdin. Returns the remaining output, the exit code and stderr.
    pub fn close(mut self) -> (Vec<Vec<u8>>, Option<i32>, String) {
        self.stdin = None;
        let output = self.lines.iter().collect();
        let mut stderr = String::new();
        self.child.stderr.take().expect("stderr").read_to_string(&mut stderr).expect("read");
        (output, self.child.wait().expect("reaped").code(), stderr)
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a child, which may have ended, and reaps it.
pub fn end(child: &mut Child) {
    // std does not signal a reaped child; both calls fail only if it has ended.
    child.kill().ok();
    child.wait().ok();
}

/// Path of the scripted agent, built from its current source.
///
/// `cargo test` builds it with the tests. `cargo test --test it` does not, so that the first test that needs it builds
/// it.
pub fn fake_agent() -> &'static Path {
    static BUILT: LazyLock<Result<PathBuf, String>> = LazyLock::new(build);
    BUILT.as_deref().unwrap_or_else(|why| panic!("{why}"))
}

fn build() -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| format!("this test's program: {error}"))?;
    let profile = test.ancestors().nth(2).ok_or("the test lies in no target directory")?;
    let program = profile.join("examples/fake-agent");
    let why = match modified(&program) {
        Some(built) if built >= newest_source() => return Ok(program),
        Some(_) => "is older than its sources in tests/fake",
        None => "is not built",
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--example", "fake-agent"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if let Some(target) = profile.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    // The directory of the profile `dev` has another name than the profile.
    if let Some(name) = profile.file_name().filter(|name| *name != "debug") {
        cargo.arg("--profile").arg(name);
    }
    let error = match cargo.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() && program.is_file() => return Ok(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let program = program.display();
    Err(format!("the scripted agent {program} {why}, and `cargo build --example fake-agent` failed:\n{error}"))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn newest_source() -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("the agent's sources") {
            let path = entry.expect("directory entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                newest = newest.max(modified(&path).expect("a source"));
            }
        }
    }
    newest
}
