//! Connection to a remote source: a program such as ssh in a process group of its own, whose pipes carry the protocol.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::failure::{self, TransportEnd};
use super::file_copies::{self, FileCopies};
use super::labels::SentLabels;
use super::{RemoteOptions, command};
use crate::domain::remote::{RemoteFailure, RemoteSource};
use crate::serve::index_message::IndexCall;
use crate::serve::message::Call;
use crate::serve::{Client, ServedEvent};

/// Maximum wait for the first message: a slow login, and the start of salon.
const HELLO_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum wait for the first copies of files.
const COPIES_TIMEOUT: Duration = Duration::from_secs(40);

/// Maximum wait for the exit code and the messages of a program whose pipe is closed.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// Maximum bytes of messages that are kept: the last ones name the reason of a failure.
const MAX_MESSAGES: usize = 4 << 10;

/// Maximum bytes that a source may send in [`FLOOD_PERIOD`], because it may be damaged or hostile.
const MAX_PERIOD_BYTES: u64 = 128 << 20;

/// Period in which bytes are counted.
const FLOOD_PERIOD: Duration = Duration::from_secs(10);

/// Open connection. Dropping it ends the program.
#[derive(Debug)]
pub(super) struct Link {
    pub client: Client,
    pub events: mpsc::Receiver<ServedEvent>,
    pub transport: TransportProcess,
    /// Copies of files, if there is no salon.
    pub copies: Option<FileCopies>,
    /// Labels that the first calls sent.
    pub labels: SentLabels,
}

/// Program that carries a connection.
#[derive(Debug)]
pub(super) struct TransportProcess {
    child: Child,
    program: String,
    messages: Arc<Mutex<Vec<u8>>>,
    /// Task that reads the messages.
    reader: JoinHandle<()>,
}

/// Connects to a source: to salon there, else to a script that reads files.
pub(super) async fn connect(source: &RemoteSource, options: &RemoteOptions) -> Result<Link, RemoteFailure> {
    match connect_to_salon(source, options).await {
        Err(RemoteFailure::Missing) => match command::script(source, file_copies::SCRIPT) {
            Some(argv) => connect_to_script(&argv, source, options).await,
            None => Err(RemoteFailure::Missing),
        },
        connected => connected,
    }
}

async fn connect_to_salon(source: &RemoteSource, options: &RemoteOptions) -> Result<Link, RemoteFailure> {
    let argv = command::serve(source);
    let (mut transport, pipes) = TransportProcess::start(&argv)
        .map_err(|error| RemoteFailure::Unreachable(format!("cannot start {}: {error}", command::program(&argv))))?;
    let reader = Metered { inner: pipes.0, since: Instant::now(), bytes: 0 };
    let (calls, labels) = first_calls(source, options);
    match Client::over(Box::new(reader), Box::new(pipes.1), (HELLO_TIMEOUT, calls)).await {
        Ok((client, events)) => Ok(Link { client, events, transport, copies: None, labels }),
        Err(error) => Err(failure::classify(&error, &transport.end().await)),
    }
}

/// Calls that begin each connection: they start the index, name the labels of its sessions, and request the list.
fn first_calls(source: &RemoteSource, options: &RemoteOptions) -> (Vec<Call>, SentLabels) {
    let start = IndexCall::Start { host: source.name.to_string() };
    let mut labels = SentLabels::default();
    let label = labels.changes(&source.name, options);
    (vec![Call::Index(start), Call::Index(label), Call::Index(IndexCall::List)], labels)
}

/// Connects to a script, and to the index of the copies here.
async fn connect_to_script(
    argv: &[String],
    source: &RemoteSource,
    options: &RemoteOptions,
) -> Result<Link, RemoteFailure> {
    let (mut transport, (stdout, stdin)) = TransportProcess::start(argv).map_err(|_| RemoteFailure::Missing)?;
    let reader = Metered { inner: stdout, since: Instant::now(), bytes: 0 };
    let copied = timeout(COPIES_TIMEOUT, file_copies::connect(reader, stdin, (&source.name, options))).await;
    let copied = copied.map_err(|_| io::Error::from(io::ErrorKind::TimedOut)).flatten();
    let (copies, reader, writer) = match copied {
        Ok(copied) => copied,
        Err(error) => {
            let end = transport.end().await;
            tracing::info!(%error, ?end, "files cannot be read without salon");
            return Err(RemoteFailure::Missing);
        }
    };
    let (calls, labels) = first_calls(source, options);
    match Client::over(reader, writer, (HELLO_TIMEOUT, calls)).await {
        Ok((client, events)) => Ok(Link { client, events, transport, copies: Some(copies), labels }),
        Err(error) => Err(failure::classify(&error, &transport.end().await)),
    }
}

impl TransportProcess {
    fn start(argv: &[String]) -> io::Result<(Self, (tokio::process::ChildStdout, tokio::process::ChildStdin))> {
        let (program, args) = argv.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut command = Command::new(program);
        command.args(args).process_group(0).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("it has no pipes"));
        };
        let messages = Arc::default();
        let reader = tokio::spawn(keep_messages(stderr, Arc::clone(&messages)));
        Ok((Self { child, program: command::program(argv), messages, reader }, (stdout, stdin)))
    }

    /// Waits shortly for the program's end, and returns what it reported.
    pub(super) async fn end(&mut self) -> TransportEnd {
        let code = timeout(END_TIMEOUT, self.child.wait()).await.ok();
        let code = code.and_then(Result::ok).and_then(|status| status.code());
        if !self.reader.is_finished() {
            // The last message may be the reason. A process that outlives the program may keep the pipe open.
            timeout(END_TIMEOUT, &mut self.reader).await.ok();
        }
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = String::from_utf8_lossy(&messages).into_owned();
        TransportEnd { program: self.program.clone(), code, messages }
    }
}

impl Drop for TransportProcess {
    fn drop(&mut self) {
        // A program that has ended has no id any more.
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // An error means that it has just ended.
            rustix::process::kill_process_group(group, rustix::process::Signal::TERM).ok();
        }
    }
}

/// Keeps the end of a program's messages, until it closes them.
async fn keep_messages(mut stderr: ChildStderr, kept: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let excess = kept.len().saturating_sub(MAX_MESSAGES);
        kept.drain(..excess);
    }
}

/// Reader that fails when too much is sent.
struct Metered<R> {
    inner: R,
    since: Instant,
    bytes: u64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            let now = Instant::now();
            if now - this.since > FLOOD_PERIOD {
                (this.since, this.bytes) = (now, 0);
            }
            this.bytes += count as u64;
            if this.bytes > MAX_PERIOD_BYTES {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "it sends too much")));
            }
        }
        polled
    }
}
