//! A child process in a group of its own, with all three pipes served.
//!
//! stdout comes as whole lines, stderr is always drained and its end kept, stdin is written by a task so that a child
//! that does not read cannot block us. Stopping is orderly: stdin is closed, then the group gets TERM, then KILL.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::domain::launch::Launch;
use crate::domain::run::Failure;

/// Longest line that is taken from an agent; a longer one ends the run, for nothing sensible is that long.
pub const LONGEST_LINE: usize = 64 << 20;

/// Bytes of stderr that are kept.
const STDERR_TAIL: usize = 32 << 10;

/// How long what a child left behind in its pipes may take to arrive.
const LEFTOVER: Duration = Duration::from_millis(200);

/// How long a child may take to leave at each step.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// After its stdin was closed.
    pub close: Duration,
    /// After TERM.
    pub term: Duration,
    /// After KILL, for the system to reap it.
    pub kill: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { close: Duration::from_millis(300), term: Duration::from_secs(5), kill: Duration::from_secs(1) }
    }
}

/// What a child did.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// It wrote a line to stdout; without the newline. The last one may have had none.
    Line(Vec<u8>),
    /// It closed stdout, or wrote a line that is too long.
    Closed,
    /// It is gone, and reaped.
    Exited(Exit),
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The end of what it wrote to stderr.
    pub stderr: String,
}

/// A running child. Dropping it kills its group.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    stdin: Option<mpsc::UnboundedSender<Vec<u8>>>,
    stop: Option<oneshot::Sender<Patience>>,
    guard: GroupGuard,
    /// Lines that were queued for stdin.
    queued: u64,
    /// Lines of which at least one byte was written.
    begun: Arc<AtomicU64>,
}

/// What a child's environment is made of.
#[derive(Clone, Default)]
pub struct ChildEnvironment {
    /// All variables; nothing is inherited.
    pub vars: Vec<(String, String)>,
}

impl std::fmt::Debug for ChildEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The values hold keys.
        f.debug_list().entries(self.vars.iter().map(|(name, _)| name)).finish()
    }
}

/// A line that was queued for a child's stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Process {
    /// Starts a program in a process group of its own. Its output arrives in the channel, [`Output::Exited`] last.
    pub fn spawn(launch: &Launch, environment: &ChildEnvironment) -> Result<(Self, mpsc::Receiver<Output>), Failure> {
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .env_clear()
            .envs(environment.vars.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if !launch.cwd.as_os_str().is_empty() {
            command.current_dir(&launch.cwd);
        }
        let mut child = command.spawn().map_err(|error| cannot_start(launch, &error))?;
        let pid = child.id().ok_or_else(|| Failure::Other(format!("{} ended at once", launch.program)))?;
        let guard = GroupGuard { group: Some(pid) };
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::Other(format!("{} has no pipes", launch.program)));
        };
        let (to_stdin, lines) = mpsc::unbounded_channel();
        let (outputs, receiver) = mpsc::channel(256);
        let (stop, stopped) = oneshot::channel();
        let begun = Arc::new(AtomicU64::new(0));
        let pipes = Pipes {
            writer: tokio::spawn(write_lines(stdin, lines, begun.clone())),
            reader: tokio::spawn(read_lines(stdout, outputs.clone())),
            errors: tokio::spawn(keep_tail(stderr)),
        };
        tokio::spawn(watch(child, pid, stopped, pipes, outputs));
        Ok((Self { pid, stdin: Some(to_stdin), stop: Some(stop), guard, queued: 0, begun }, receiver))
    }

    /// Its process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Queues a line for its stdin. `None`: its stdin is closed.
    pub fn send(&mut self, line: Vec<u8>) -> Option<Ticket> {
        self.stdin.as_ref()?.send(line).ok()?;
        self.queued += 1;
        Some(Ticket(self.queued))
    }

    /// Whether any byte of a line went out. Certain only after [`Output::Exited`].
    pub fn wrote(&self, line: Ticket) -> bool {
        self.begun.load(Ordering::Acquire) >= line.0
    }

    /// Closes its stdin: most agents end in good order then.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Ends it and its group, patiently. [`Output::Exited`] tells when it is done.
    pub fn stop(&mut self, patience: Patience) {
        self.close_stdin();
        if let Some(stop) = self.stop.take() {
            // An error means that it is gone already.
            stop.send(patience).ok();
        }
    }

    /// Ends it and its group at once.
    pub fn kill(&self) {
        if let Some(group) = self.guard.group {
            signal_group(group, rustix::process::Signal::KILL);
        }
    }

    /// It was reaped: its group id may belong to somebody else from now on.
    pub fn reaped(&mut self) {
        self.guard.group = None;
    }
}

/// Kills the group when dropped: on a panic, and when a runtime is torn down.
#[derive(Debug)]
struct GroupGuard {
    group: Option<u32>,
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            signal_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn cannot_start(launch: &Launch, error: &std::io::Error) -> Failure {
    let gone = !launch.cwd.as_os_str().is_empty() && !launch.cwd.is_dir();
    if gone {
        return Failure::Other(format!("the directory {} is gone", launch.cwd.display()));
    }
    if error.kind() == std::io::ErrorKind::NotFound {
        return Failure::NotInstalled;
    }
    Failure::Other(format!("{} could not be started: {error}", launch.program))
}

/// The tasks that serve a child's pipes.
struct Pipes {
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
    errors: JoinHandle<String>,
}

/// Waits for the end of a child, hurrying it along when asked to, and tells how it ended when its pipes are empty.
async fn watch(
    mut child: tokio::process::Child,
    pid: u32,
    stopped: oneshot::Receiver<Patience>,
    mut pipes: Pipes,
    outputs: mpsc::Sender<Output>,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        Ok(patience) = stopped => end(&mut child, pid, patience).await,
    };
    // What is not written now never will be: from here on it is certain what was.
    pipes.writer.abort();
    drop(pipes.writer.await);
    // What is left of the group (a grandchild that holds our pipes, or ignores us) ends with its leader.
    signal_group(pid, rustix::process::Signal::TERM);
    if tokio::time::timeout(LEFTOVER, &mut pipes.reader).await.is_err() {
        signal_group(pid, rustix::process::Signal::KILL);
        if tokio::time::timeout(LEFTOVER, &mut pipes.reader).await.is_err() {
            // Somebody who left the group holds the pipe. It is not ours any more.
            pipes.reader.abort();
        }
    }
    let stderr = match tokio::time::timeout(LEFTOVER, pipes.errors).await {
        Ok(Ok(tail)) => tail,
        _ => String::new(),
    };
    let code = status.ok().and_then(|status| status.code());
    // Nobody listens any more: then nobody needs to know.
    outputs.send(Output::Exited(Exit { code, stderr })).await.ok();
}

/// Closed stdin, then TERM, then KILL, each with its patience.
async fn end(
    child: &mut tokio::process::Child,
    pid: u32,
    patience: Patience,
) -> std::io::Result<std::process::ExitStatus> {
    use rustix::process::Signal;
    if let Ok(status) = tokio::time::timeout(patience.close, child.wait()).await {
        return status;
    }
    signal_group(pid, Signal::TERM);
    if let Ok(status) = tokio::time::timeout(patience.term, child.wait()).await {
        return status;
    }
    signal_group(pid, Signal::KILL);
    match tokio::time::timeout(patience.kill, child.wait()).await {
        Ok(status) => status,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

/// Signals a process group that we started. A group that is gone already is no error.
pub fn signal_group(group: u32, signal: rustix::process::Signal) {
    let group = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        rustix::process::kill_process_group(group, signal).ok();
    }
}

/// Writes lines as they come; `begun` counts those of which a byte went out.
async fn write_lines(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<Vec<u8>>, begun: Arc<AtomicU64>) {
    let mut count = 0;
    while let Some(mut line) = lines.recv().await {
        line.push(b'\n');
        count += 1;
        let mut rest = &line[..];
        while !rest.is_empty() {
            match stdin.write(rest).await {
                Ok(written @ 1..) => rest = &rest[written..],
                Ok(0) | Err(_) => return,
            }
            begun.store(count, Ordering::Release);
        }
    }
}

async fn read_lines(stdout: impl AsyncRead + Unpin, outputs: mpsc::Sender<Output>) {
    let mut reader = BufReader::with_capacity(64 << 10, stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LONGEST_LINE as u64;
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) || line.len() >= LONGEST_LINE {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if outputs.send(Output::Line(std::mem::take(&mut line))).await.is_err() {
            return;
        }
    }
    outputs.send(Output::Closed).await.ok();
}

/// Reads to the end and keeps the last [`STDERR_TAIL`] bytes as text.
async fn keep_tail(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut tail = VecDeque::with_capacity(STDERR_TAIL);
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        tail.extend(&chunk[..count]);
        let excess = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..excess);
    }
    let bytes: Vec<u8> = tail.into();
    crate::stdx::text::sanitise(&String::from_utf8_lossy(&bytes)).trim().to_owned()
}
