//! Service to one client of another machine: the sessions of this one, and the runs of its background process.
//!
//! Runs outlive the connection, because their process does. Messages about runs pass unchanged in both directions; the
//! background process is started by the first call that needs it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::VERSION;
use super::connection::{MAX_PENDING_LINES, decode, greet, reply, send, write_lines};
use super::hub::Line;
use super::index_message::IndexCall;
use super::index_service::IndexService;
use super::message::{Call, ClientMessage, PROTOCOL, Reply, ServerMessage, encode};
use super::message_reader::MessageReader;
use super::packed;
use super::work_message::{WorkCall, WorkReply};
use crate::domain::run::{Refusal, RunFailure};
use crate::index::IndexOptions;

/// Executor of requests about files. Gets the id of the background process, whose runs the client knows. Blocks. The error
/// is a text for the user.
pub type Work = Arc<dyn Fn(WorkCall, Option<u32>) -> Result<WorkReply, String> + Send + Sync>;

/// Maximum wait for the first message of the background process.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// Connection to the background process.
struct Background {
    reader: MessageReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    pid: Option<u32>,
}

/// Serves a client until it disconnects. `connect` connects to the background process; with `true` it starts one if there
/// is none.
pub async fn serve_shared<F: Future<Output = Option<UnixStream>>>(
    options: IndexOptions,
    (reader, writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin + Send + 'static),
    (connect, work): (impl Fn(bool) -> F, Work),
) {
    let refusal = "the background process did not start";
    serve(options, (reader, writer), (connect, Some(work)), refusal).await;
}

/// Serves copies of the sessions of a machine without salon until the client disconnects: the index of `home`, with its
/// cache. Runs are refused.
pub async fn serve_copies(
    (home, cache_dir): (PathBuf, PathBuf),
    (zone, clock): (Option<TimeZone>, fn() -> Instant),
    streams: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin + Send + 'static),
) {
    let options = IndexOptions { cache_dir: Some(cache_dir), zone, ..IndexOptions::of_home(home, clock) };
    let refusal = "there is no salon on that machine, which could run agents; copy this one with: salon source install";
    serve(options, streams, (|_| std::future::ready(None), None), refusal).await;
}

async fn serve<F: Future<Output = Option<UnixStream>>>(
    options: IndexOptions,
    (reader, writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin + Send + 'static),
    (connect, work): (impl Fn(bool) -> F, Option<Work>),
    refusal: &str,
) {
    let (lines, outgoing) = mpsc::channel(MAX_PENDING_LINES);
    let writing = tokio::spawn(write_lines(writer, outgoing));
    let ended = relay(&options, MessageReader::new(reader), &lines, (connect, work, refusal)).await;
    if let Err(reason) = ended {
        send(&lines, &ServerMessage::Bye { reason }).await;
    }
    drop(lines);
    // An error means that the task panicked.
    writing.await.ok();
}

/// Passes messages on. An error is the reason for closing the connection.
async fn relay<F: Future<Output = Option<UnixStream>>>(
    options: &IndexOptions,
    mut reader: MessageReader<impl AsyncRead + Unpin>,
    lines: &mpsc::Sender<Line>,
    (connect, work, refusal): (impl Fn(bool) -> F, Option<Work>, &str),
) -> Result<(), String> {
    greet(&mut reader, lines, || "update it there".to_owned()).await?;
    let mut index = None;
    let (finished, mut done) = mpsc::channel(1);
    // Reason why the last attempt to reach the background process failed.
    let mut failure = None;
    let mut background = match attach(connect(false).await).await {
        Ok(background) => background,
        Err(reason) => {
            // Sessions are served all the same.
            send(lines, &ServerMessage::Notice { run: None, text: reason.clone(), error: true }).await;
            failure = Some(reason);
            None
        }
    };
    if background.is_none() {
        send(lines, &ServerMessage::Recorded(Vec::new())).await;
        send(lines, &ServerMessage::Ready).await;
    }
    loop {
        tokio::select! {
            line = reader.next() => match line {
                Ok(Some(line)) => {
                    let ClientMessage { id, call, token: _ } = decode(&line)?;
                    if let Call::Index(call) = call {
                        reply(lines, id, index_call(options, &mut index, call, lines)).await;
                        continue;
                    }
                    if let Call::Work(call) = call {
                        match work.clone() {
                            Some(work) => {
                                let pid = background.as_ref().and_then(|background| background.pid);
                                let work = move |call| work(call, pid);
                                drop(tokio::spawn(execute(work, (id, call), lines.clone(), finished.clone())));
                            }
                            None => reply(lines, id, refused(refusal)).await,
                        }
                        continue;
                    }
                    if background.is_none() && needs_runs(&call) {
                        (background, failure) = match attach(connect(true).await).await {
                            Ok(attached) => (attached, None),
                            Err(reason) => (None, Some(reason)),
                        };
                    }
                    if let Some(background) = &mut background {
                        background.write(line).await?;
                    } else {
                        let refusal = failure.as_deref().unwrap_or(refusal);
                        reply(lines, id, without_runs(&call, refusal)).await;
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            },
            line = next_line(&mut background) => match line {
                // An error means that the client is gone, which the reader notices too.
                Some(line) => drop(lines.send(line).await),
                None => return Err("the background process has ended".to_owned()),
            },
            Some(()) = done.recv() => {
                if let Some(index) = &index {
                    IndexService::load_user_data(index);
                }
            }
            () = lines.closed() => return Ok(()),
        }
    }
}

fn index_call(
    options: &IndexOptions,
    index: &mut Option<IndexService>,
    call: IndexCall,
    lines: &mpsc::Sender<Line>,
) -> Reply {
    index.get_or_insert_with(|| IndexService::start(options, &call, lines)).execute(call)
}

/// Executes a request about files, which may change what the index must load again.
async fn execute(
    work: impl FnOnce(WorkCall) -> Result<WorkReply, String> + Send + 'static,
    (id, call): (u64, WorkCall),
    lines: mpsc::Sender<Line>,
    finished: mpsc::Sender<()>,
) {
    let result = tokio::task::spawn_blocking(move || work(call)).await;
    let body = match result {
        Ok(Ok(result)) => Reply::Work(Box::new(result)),
        Ok(Err(reason)) => refused(&reason),
        Err(_) => refused("the request failed"),
    };
    if let Some(line) = packed::line(&ServerMessage::Reply { id, body }) {
        // Errors mean that the client is gone.
        lines.send(line).await.ok();
        finished.send(()).await.ok();
    }
}

fn refused(reason: &str) -> Reply {
    Reply::Refused(Refusal::Failed(RunFailure::Other(reason.to_owned())))
}

/// Returns true for calls that concern a run which may exist, or which begin one.
fn needs_runs(call: &Call) -> bool {
    match call {
        Call::OpenRun { .. }
        | Call::OpenRecorded { .. }
        | Call::Submit { .. }
        | Call::Request(_)
        | Call::Queue { .. }
        | Call::Models { .. } => true,
        Call::Hello { .. }
        | Call::Watch { .. }
        | Call::Unwatch { .. }
        | Call::Since { .. }
        | Call::Backends
        | Call::DraftChanged { .. }
        | Call::Index(_)
        | Call::Work(_)
        | Call::Shutdown => false,
    }
}

/// Reply to a call without a background process.
fn without_runs(call: &Call, refusal: &str) -> Reply {
    match call {
        Call::Backends => Reply::Backends(Vec::new()),
        Call::Since { .. } => Reply::Replay(None),
        call if needs_runs(call) => refused(refusal),
        _ => Reply::Done,
    }
}

/// Begins the protocol with the background process; `None` if there is none. It has the same version unless salon was
/// updated meanwhile; the error is its reason to refuse this one.
async fn attach(stream: Option<UnixStream>) -> Result<Option<Background>, String> {
    let Some(stream) = stream else { return Ok(None) };
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| pid.try_into().ok());
    let (reader, writer) = stream.into_split();
    let mut background = Background { reader: MessageReader::new(reader), writer, pid };
    match timeout(HELLO_TIMEOUT, background.greet()).await {
        Ok(greeted) => greeted.map(|is_there| is_there.then_some(background)),
        Err(_) => Err("the background process does not answer".to_owned()),
    }
}

impl Background {
    /// Exchanges the versions. Returns false if the process has just ended.
    async fn greet(&mut self) -> Result<bool, String> {
        let hello =
            ClientMessage { id: 0, call: Call::Hello { protocol: PROTOCOL, version: VERSION.to_owned() }, token: None };
        let Ok(line) = encode(&hello) else { return Ok(false) };
        if self.writer.write_all(line.as_bytes()).await.is_err() {
            return Ok(false);
        }
        let mut refusal = String::new();
        while let Ok(Some(line)) = self.reader.next().await {
            match serde_json::from_slice(&line) {
                Ok(ServerMessage::Hello { protocol: PROTOCOL, .. }) => return Ok(true),
                Ok(ServerMessage::Hello { version, .. }) => {
                    refusal = format!("salon {version} runs sessions in the background, and cannot talk to {VERSION}");
                }
                Ok(ServerMessage::Bye { reason }) => return Err(reason),
                _ => {}
            }
        }
        if refusal.is_empty() { Ok(false) } else { Err(refusal) }
    }

    async fn write(&mut self, mut line: Vec<u8>) -> Result<(), String> {
        line.push(b'\n');
        self.writer.write_all(&line).await.map_err(|error| format!("the background process: {error}"))
    }
}

/// Waits for the next line of the background process; for ever if there is none. Cancel safe.
async fn next_line(background: &mut Option<Background>) -> Option<Line> {
    let Some(background) = background else { return std::future::pending().await };
    let line = background.reader.next().await.ok()??;
    let mut line = String::from_utf8(line).ok()?;
    line.push('\n');
    Some(Arc::from(line))
}
