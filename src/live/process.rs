//! A child process in its own process group, with a task for each pipe.
//!
//! Stdout arrives as whole lines. Stderr is always drained, and its tail is kept. A task writes stdin, so that a child
//! that does not read cannot block salon.
//!
//! Stopping is graceful: close stdin, then TERM, then KILL, to the whole group. Members that outlive their leader are
//! ended in the same way.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::group;
use crate::domain::launch::Launch;
use crate::domain::run::RunFailure;
use crate::domain::secrets::{self, SecretCounts};

/// Maximum bytes per stdout line, because an unbounded line would exhaust memory. A longer line is skipped.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// Maximum bytes of stderr kept per child, because only its end explains a failure.
const STDERR_TAIL_BYTES: usize = 32 << 10;

/// Maximum wait for the rest of a pipe after its child ended, because a grandchild may keep it open.
const PIPE_DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// Grace periods for stopping a child.
#[derive(Clone, Copy, Debug)]
pub struct GracePeriods {
    /// Wait after closing stdin.
    pub close: Duration,
    /// Wait after TERM.
    pub term: Duration,
    /// Wait after KILL until the child is reaped.
    pub kill: Duration,
}

impl Default for GracePeriods {
    fn default() -> Self {
        Self { close: Duration::from_millis(300), term: Duration::from_secs(5), kill: Duration::from_secs(1) }
    }
}

/// An event from a child process.
#[derive(Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// A line of stdout without its newline.
    Line(Vec<u8>),
    /// A line of more than [`MAX_LINE_BYTES`] bytes was skipped.
    LineTooLong,
    /// End of stdout.
    Closed,
    /// The child was reaped.
    Exited(ProcessExit),
}

/// Exit of a child process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessExit {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Tail of stderr.
    pub stderr: String,
    /// True if salon ended a process that did not respond any more: open turns are interrupted.
    pub unresponsive: bool,
}

impl ProcessExit {
    /// Creates the exit of a process that ended by itself or on request.
    pub fn new(code: Option<i32>, stderr: String) -> Self {
        Self { code, stderr, unresponsive: false }
    }
}

/// A running child process. Dropping it kills its group.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    stdin: Option<mpsc::UnboundedSender<Vec<u8>>>,
    stop: Option<oneshot::Sender<GracePeriods>>,
    guard: GroupGuard,
    /// Number of lines queued for stdin.
    queued: u64,
    /// Number of lines of which at least one byte was written.
    begun: Arc<AtomicU64>,
}

/// Environment of a child process.
#[derive(Clone, Default)]
pub struct ChildEnvironment {
    /// All variables; nothing is inherited.
    pub vars: Vec<(String, String)>,
}

impl std::fmt::Debug for ChildEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The values contain API keys.
        f.debug_list().entries(self.vars.iter().map(|(name, _)| name)).finish()
    }
}

/// Sequence number of a line queued for stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StdinLineId(u64);

impl Process {
    /// Spawns a program in its own process group. Events arrive in the channel, [`ProcessEvent::Exited`] last.
    pub fn spawn(
        launch: &Launch,
        environment: &ChildEnvironment,
    ) -> Result<(Self, mpsc::Receiver<ProcessEvent>), RunFailure> {
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
        let pid = child.id().ok_or_else(|| RunFailure::Other(format!("{} exited at once", launch.program)))?;
        let guard = GroupGuard { group: Some(pid) };
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(RunFailure::Other(format!("{} has no pipes", launch.program)));
        };
        let (to_stdin, lines) = mpsc::unbounded_channel();
        let (events, receiver) = mpsc::channel(256);
        let (stop, stopped) = oneshot::channel();
        let begun = Arc::new(AtomicU64::new(0));
        let pipes = Pipes {
            writer: tokio::spawn(write_lines(stdin, lines, begun.clone())),
            reader: tokio::spawn(read_lines(stdout, events.clone())),
            errors: tokio::spawn(keep_tail(stderr)),
        };
        tokio::spawn(watch(child, pid, stopped, pipes, events));
        Ok((Self { pid, stdin: Some(to_stdin), stop: Some(stop), guard, queued: 0, begun }, receiver))
    }

    /// Returns the process id, which is also the group id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Queues a line for stdin. Returns `None` if stdin is closed.
    pub fn send(&mut self, line: Vec<u8>) -> Option<StdinLineId> {
        self.stdin.as_ref()?.send(line).ok()?;
        self.queued += 1;
        Some(StdinLineId(self.queued))
    }

    /// Returns true if at least one byte of a line was written. Final only after [`ProcessEvent::Exited`].
    pub fn wrote(&self, line: StdinLineId) -> bool {
        self.begun.load(Ordering::Acquire) >= line.0
    }

    /// Closes stdin, on which most agents exit gracefully.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Stops the group gracefully. [`ProcessEvent::Exited`] follows.
    pub fn stop(&mut self, grace: GracePeriods) {
        self.close_stdin();
        if let Some(stop) = self.stop.take() {
            // An error means that the child has already ended.
            stop.send(grace).ok();
        }
    }

    /// Kills the group at once.
    pub fn kill(&self) {
        if let Some(group) = self.guard.group {
            group::signal(group, rustix::process::Signal::KILL);
        }
    }

    /// Disarms the guard after the child was reaped: the system may reuse its group id.
    pub fn reaped(&mut self) {
        self.guard.group = None;
    }
}

/// Kills the group when dropped: on a panic, and when the async runtime shuts down.
#[derive(Debug)]
struct GroupGuard {
    group: Option<u32>,
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            group::signal(group, rustix::process::Signal::KILL);
        }
    }
}

fn cannot_start(launch: &Launch, error: &std::io::Error) -> RunFailure {
    let missing = !launch.cwd.as_os_str().is_empty() && !launch.cwd.is_dir();
    if missing {
        return RunFailure::Other(format!("the directory {} does not exist", launch.cwd.display()));
    }
    if error.kind() == std::io::ErrorKind::NotFound {
        return RunFailure::NotInstalled;
    }
    RunFailure::Other(format!("{} could not be started: {error}", launch.program))
}

/// Tasks that serve a child's pipes.
struct Pipes {
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
    errors: JoinHandle<String>,
}

/// Waits for the child to exit, stops it on request, and reports the exit once its pipes are empty.
async fn watch(
    mut child: tokio::process::Child,
    pid: u32,
    stopped: oneshot::Receiver<GracePeriods>,
    mut pipes: Pipes,
    events: mpsc::Sender<ProcessEvent>,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        Ok(grace) = stopped => end(&mut child, pid, grace).await,
    };
    // Unwritten lines are discarded, so that `begun` is final from here on.
    pipes.writer.abort();
    drop(pipes.writer.await);
    // The rest of the group (for example a grandchild that holds the pipes) ends with its leader.
    group::end_rest(pid).await;
    if tokio::time::timeout(PIPE_DRAIN_TIMEOUT, &mut pipes.reader).await.is_err() {
        // A process that left the group holds the pipe; it is not ours to signal.
        pipes.reader.abort();
    }
    let stderr = match tokio::time::timeout(PIPE_DRAIN_TIMEOUT, pipes.errors).await {
        Ok(Ok(tail)) => tail,
        _ => String::new(),
    };
    let code = status.ok().and_then(|status| status.code());
    // An error means that the receiver is gone.
    events.send(ProcessEvent::Exited(ProcessExit::new(code, stderr))).await.ok();
}

/// Waits for exit on closed stdin, then sends TERM, then KILL, with a grace period each.
async fn end(
    child: &mut tokio::process::Child,
    pid: u32,
    grace: GracePeriods,
) -> std::io::Result<std::process::ExitStatus> {
    use rustix::process::Signal;
    if let Ok(status) = tokio::time::timeout(grace.close, child.wait()).await {
        return status;
    }
    group::signal(pid, Signal::TERM);
    if let Ok(status) = tokio::time::timeout(grace.term, child.wait()).await {
        return status;
    }
    group::signal(pid, Signal::KILL);
    match tokio::time::timeout(grace.kill, child.wait()).await {
        Ok(status) => status,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

/// Writes queued lines. `begun` counts lines of which at least one byte was written.
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

async fn read_lines(stdout: impl AsyncRead + Unpin, events: mpsc::Sender<ProcessEvent>) {
    let mut reader = BufReader::with_capacity(64 << 10, stdout);
    let mut line = Vec::new();
    loop {
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            break;
        }
        let ended = line.pop_if(|byte| *byte == b'\n').is_some();
        let line = std::mem::take(&mut line);
        let event = if line.len() > MAX_LINE_BYTES { ProcessEvent::LineTooLong } else { ProcessEvent::Line(line) };
        if !ended && event == ProcessEvent::LineTooLong {
            skip_line(&mut reader).await;
        }
        if events.send(event).await.is_err() {
            return;
        }
    }
    events.send(ProcessEvent::Closed).await.ok();
}

/// Reads up to the end of the line without keeping it. An error shows with the next read.
async fn skip_line(reader: &mut (impl AsyncBufRead + Unpin)) {
    while let Ok(bytes @ [_, ..]) = reader.fill_buf().await {
        let end = memchr::memchr(b'\n', bytes);
        let count = end.map_or(bytes.len(), |at| at + 1);
        reader.consume(count);
        if end.is_some() {
            return;
        }
    }
}

/// Reads to the end and returns the last [`STDERR_TAIL_BYTES`] bytes as text.
async fn keep_tail(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut tail = VecDeque::with_capacity(STDERR_TAIL_BYTES);
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        tail.extend(&chunk[..count]);
        let excess = tail.len().saturating_sub(STDERR_TAIL_BYTES);
        tail.drain(..excess);
    }
    let bytes: Vec<u8> = tail.into();
    let text = crate::stdx::text::sanitise(&String::from_utf8_lossy(&bytes)).trim().to_owned();
    secrets::mask(&text, &mut SecretCounts::default()).into_owned()
}
