//! The scripted agents: built where they are missing or stale, put under the names of the real ones, and ended with the
//! test that has them.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Home, lives};

/// The scripted agents, under the names of the real ones, in a folder that can be the whole `PATH`.
///
/// Dropped, it ends those that still live and what they started: a test that fails leaves nothing behind either.
pub struct Agents {
    dir: tempfile::TempDir,
}

impl Agents {
    /// These agents, and what they need of the system.
    pub fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        for name in names {
            std::os::unix::fs::symlink(fake_agent(), dir.path().join(name)).expect("a link");
        }
        let sleep = ["/usr/bin/sleep", "/bin/sleep"].into_iter().find(|path| Path::new(path).exists());
        std::os::unix::fs::symlink(sleep.expect("sleep"), dir.path().join("sleep")).expect("a link");
        Self { dir }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The folder as a text, for `PATH`.
    pub fn search_path(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }

    /// What the agents wrote into the log at `FAKE_LOG`, which tests put here.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Where they write it.
    pub fn log_file(&self) -> PathBuf {
        self.path().join("fake.log")
    }

    /// How each process was started.
    pub fn starts(&self) -> Vec<Value> {
        self.log().into_iter().filter(|record| record["started"].is_string()).collect()
    }

    /// Processes that were started, by their ids.
    pub fn started(&self) -> Vec<u32> {
        self.ids("pid")
    }

    /// Processes that these started in turn.
    pub fn grandchildren(&self) -> Vec<u32> {
        self.ids("grandchild")
    }

    /// Prompts that reached an agent, in order.
    pub fn prompts(&self) -> Vec<String> {
        let told = self.log().into_iter().filter_map(|record| record["prompt"].as_str().map(str::to_owned));
        told.collect()
    }

    /// Fails where one of them, or what it started, still lives.
    pub fn assert_none_lives(&self) {
        let left = self.started().into_iter().chain(self.grandchildren()).filter(|pid| lives(*pid));
        let left: Vec<u32> = left.collect();
        assert!(left.is_empty(), "agents are left: {left:?}");
    }

    /// Starts one of them in a home, to speak with it.
    pub fn speak(&self, home: &Home, name: &str, args: &[String], vars: &[(&str, PathBuf)]) -> Spoken {
        let mut command = Command::new(self.path().join(name));
        command
            .args(args)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", self.path())
            .env("FAKE_LOG", self.log_file())
            .envs(vars.iter().map(|(name, value)| (name, value)))
            .current_dir(home.path());
        Spoken::with(&mut command)
    }

    fn ids(&self, field: &str) -> Vec<u32> {
        let ids = self.log().into_iter().filter_map(|record| record[field].as_u64());
        ids.filter_map(|pid| u32::try_from(pid).ok()).collect()
    }

    /// Whether a process writes, or would write, into this log: nobody else's has it in its environment.
    fn is_ours(&self, pid: u32) -> bool {
        let log = self.log_file().into_os_string().into_encoded_bytes();
        // Where the system does not tell, a process is left alone: its id may be another's by now.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|var| var.strip_prefix(b"FAKE_LOG=") == Some(&log))
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for pid in self.started().into_iter().chain(self.grandchildren()).filter(|pid| self.is_ours(*pid)) {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            // One that ended a moment ago is no failure.
            pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok());
        }
    }
}

/// A scripted agent to which lines are written and from which lines are heard. Dropped, it is killed.
pub struct Spoken {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
}

impl Spoken {
    fn with(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Lines of garbage are no UTF-8.
            stdout.split(b'\n').map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines }
    }

    /// Writes a line. One that refuses its session may be gone already.
    pub fn write(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")).ok();
    }

    /// The next line.
    pub fn hear(&self) -> Vec<u8> {
        self.lines.recv_timeout(Duration::from_secs(20)).expect("it says more")
    }

    /// Closes its stdin: what it says until it ends, its exit code, and what it wrote to stderr.
    pub fn leave(mut self) -> (Vec<Vec<u8>>, Option<i32>, String) {
        self.stdin = None;
        let said = self.lines.iter().collect();
        let mut stderr = String::new();
        self.child.stderr.take().expect("stderr").read_to_string(&mut stderr).expect("read");
        (said, self.child.wait().expect("reaped").code(), stderr)
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a child, which may have ended, and reaps it.
pub fn end(child: &mut Child) {
    // std does not signal one that it has reaped; both fail only where it is gone.
    child.kill().ok();
    child.wait().ok();
}

/// The scripted agent, as it is written down now.
///
/// `cargo test` builds it beside the tests, `cargo test --test it` does not: then the first test that needs it does.
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
    // The folder of the profile `dev` has another name than the profile.
    if let Some(name) = profile.file_name().filter(|name| *name != "debug") {
        cargo.arg("--profile").arg(name);
    }
    let told = match cargo.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() && program.is_file() => return Ok(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let program = program.display();
    Err(format!("the scripted agent {program} {why}, and `cargo build --example fake-agent` failed:\n{told}"))
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
