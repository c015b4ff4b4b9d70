//! Client of `salon serve`: sends calls, and receives changes and watched events.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::VERSION;
use super::index_message::IndexMessage;
use super::message::{Call, ClientMessage, PROTOCOL, Reply, ServerMessage, encode};
use super::message_reader::MessageReader;
use super::packed;
use super::socket::{check_length, is_own_user};
use crate::domain::run::{Refusal, RunId, RunInfo};
use crate::domain::run_event::{Replay, RingCursor};
use crate::live::LiveEvent;

/// Maximum wait for the answer to the first message, because a server that hangs must not delay a window.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum bytes before the first message, because a login may print a message of the day.
const MAX_PREAMBLE: usize = 64 << 10;

/// Maximum events that wait for a window; then the server waits.
const MAX_PENDING_EVENTS: usize = 256;

/// Reason why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server is running.
    #[error("no salon serve is running")]
    NotRunning,
    /// The server has another protocol version.
    #[error(
        "salon {version} (pid {pid}) runs sessions in the background and cannot talk to salon {VERSION}{}; to stop it now: salon serve --stop",
        reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default()
    )]
    Incompatible {
        /// Process id of the server.
        pid: u32,
        /// Version of its program.
        version: String,
        /// Version of its protocol.
        protocol: u32,
        /// Its own explanation, which says if it makes room for this salon.
        reason: Option<String>,
    },
    /// The connection failed.
    #[error("salon serve does not answer: {0}")]
    Failed(#[from] io::Error),
}

/// Event from the server.
#[derive(Debug)]
pub enum ServedEvent {
    /// Change of state.
    Live(LiveEvent),
    /// The current state was sent; changes follow.
    Ready,
    /// Events of a watched run.
    Replay(RunId, Replay),
    /// Message of the index of the server's machine.
    Index(IndexMessage),
    /// The connection is lost; nothing follows. Contains the reason.
    Lost(String),
}

/// Direction of a connection from the server.
pub type ServeReader = Box<dyn AsyncRead + Send + Unpin>;

/// Direction of a connection to the server.
pub type ServeWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// Handle of a connection. The connection is closed with the last handle.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::UnboundedSender<Command>,
    pid: u32,
}

#[derive(Debug)]
enum Command {
    Call(Box<Call>, Option<u64>, Option<oneshot::Sender<Reply>>),
    /// Return the state of a run and its changes, once the state is known.
    View(RunId, oneshot::Sender<watch::Receiver<ViewedRun>>),
}

/// State of a run at the server. Each event and each change of state increments the version.
#[derive(Clone, Debug)]
struct ViewedRun {
    info: Arc<RunInfo>,
    version: u64,
}

impl Client {
    /// Connects to the server of a socket. The current state arrives as events.
    pub async fn connect(socket: &Path) -> Result<(Self, mpsc::Receiver<ServedEvent>), ConnectError> {
        check_length(socket)?;
        let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ConnectError::NotRunning,
            _ => ConnectError::Failed(error),
        })?;
        if !is_own_user(&stream) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the socket belongs to another user").into());
        }
        let (reader, writer) = stream.into_split();
        Self::over(Box::new(reader), Box::new(writer), (HELLO_TIMEOUT, Vec::new())).await
    }

    /// Uses the two directions of a connection to a server. `timeout` is the maximum wait for its first message. The calls
    /// are sent without that wait, because links are slow; a server of another version ignores them.
    pub async fn over(
        reader: ServeReader,
        mut writer: ServeWriter,
        (timeout, calls): (Duration, Vec<Call>),
    ) -> Result<(Self, mpsc::Receiver<ServedEvent>), ConnectError> {
        let mut reader = MessageReader::new(reader);
        let next_id = calls.len() as u64;
        let pid = tokio::time::timeout(timeout, greet(&mut reader, &mut writer, calls))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let (commands, receiver) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::channel(MAX_PENDING_EVENTS);
        let connection = Connection {
            events,
            replies: HashMap::new(),
            views: HashMap::new(),
            runs: HashMap::new(),
            pending: Vec::new(),
        };
        tokio::spawn(connection.run(reader, (writer, next_id), receiver));
        Ok((Self { commands, pid }, event_receiver))
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a call and waits for its reply. A lost connection is a refusal.
    pub async fn call(&self, call: Call) -> Result<Reply, Refusal> {
        self.call_with(call, None).await
    }

    /// Like [`call`](Self::call), for a call that may be repeated with the same token after [`Refusal::Offline`].
    pub async fn call_with(&self, call: Call, token: Option<u64>) -> Result<Reply, Refusal> {
        let (sender, reply) = oneshot::channel();
        self.commands.send(Command::Call(Box::new(call), token, Some(sender))).map_err(|_| lost())?;
        match reply.await {
            Ok(Reply::Refused(refusal)) => Err(refusal),
            Ok(reply) => Ok(reply),
            Err(_) => Err(lost()),
        }
    }

    /// Sends a call whose reply says nothing.
    pub fn send(&self, call: Call) {
        // An error means that the connection is lost, which is an event of its own.
        self.commands.send(Command::Call(Box::new(call), None, None)).ok();
    }

    async fn since(&self, run: &RunId, cursor: RingCursor) -> Option<Replay> {
        match self.call(Call::Since { run: run.clone(), cursor }).await {
            Ok(Reply::Replay(replay)) => replay,
            _ => None,
        }
    }

    /// Attaches a viewer to a run of the server, after its newest event.
    pub async fn view(&self, run: &RunId) -> Option<ServedViewer> {
        let held = self.since(run, RingCursor::default()).await?;
        let (sender, viewed) = oneshot::channel();
        self.commands.send(Command::View(run.clone(), sender)).ok()?;
        let state = viewed.await.ok()?;
        self.send(Call::Watch { run: run.clone(), cursor: held.cursor });
        Some(ServedViewer { client: self.clone(), run: run.clone(), state, start: held.cursor })
    }
}

/// Refusal of a call whose connection is lost.
pub(super) fn lost() -> Refusal {
    Refusal::Offline("the connection to salon serve is lost".to_owned())
}

/// A viewer of a run of the server.
#[derive(Debug)]
pub struct ServedViewer {
    client: Client,
    run: RunId,
    state: watch::Receiver<ViewedRun>,
    start: RingCursor,
}

impl ServedViewer {
    /// Returns the latest known state.
    pub fn info(&self) -> Arc<RunInfo> {
        self.state.borrow().info.clone()
    }

    /// Position at which the viewer attached.
    pub fn start(&self) -> RingCursor {
        self.start
    }

    /// Waits for a change of state or a new event. Returns false if the connection is lost.
    pub async fn changed(&mut self) -> bool {
        self.state.changed().await.is_ok()
    }

    /// Returns the events after a cursor; `None` if the run has ended.
    pub async fn since(&self, cursor: RingCursor) -> Option<Replay> {
        self.client.since(&self.run, cursor).await
    }
}

/// Exchanges the versions. Returns the process id of the server. What a login prints before the first message is skipped.
async fn greet(
    reader: &mut MessageReader<ServeReader>,
    writer: &mut ServeWriter,
    calls: Vec<Call>,
) -> Result<u32, ConnectError> {
    let hello =
        ClientMessage { id: 0, call: Call::Hello { protocol: PROTOCOL, version: VERSION.to_owned() }, token: None };
    let mut text = encode(&hello).map_err(io::Error::from)?;
    for (id, call) in (1..).zip(calls) {
        text.push_str(&encode(&ClientMessage { id, call, token: None }).map_err(io::Error::from)?);
    }
    writer.write_all(text.as_bytes()).await?;
    writer.flush().await?;
    let mut skipped = 0;
    loop {
        let line = reader.next().await?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        match serde_json::from_slice(&line) {
            Ok(ServerMessage::Hello { protocol: PROTOCOL, pid, .. }) => return Ok(pid),
            Ok(ServerMessage::Hello { pid, version, protocol }) => {
                let reason = match reader.next().await {
                    Ok(Some(line)) => match serde_json::from_slice(&line) {
                        Ok(ServerMessage::Bye { reason }) => Some(reason),
                        _ => None,
                    },
                    Ok(None) | Err(_) => None,
                };
                return Err(ConnectError::Incompatible { pid, version, protocol, reason });
            }
            _ => skipped += line.len() + 1,
        }
        if skipped > MAX_PREAMBLE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it sends something else than messages").into());
        }
    }
}

/// State of a connection.
struct Connection {
    events: mpsc::Sender<ServedEvent>,
    replies: HashMap<u64, oneshot::Sender<Reply>>,
    views: HashMap<RunId, watch::Sender<ViewedRun>>,
    runs: HashMap<RunId, Arc<RunInfo>>,
    /// Viewers of runs whose state has not arrived yet.
    pending: Vec<(RunId, oneshot::Sender<watch::Receiver<ViewedRun>>)>,
}

impl Connection {
    async fn run(
        mut self,
        mut reader: MessageReader<ServeReader>,
        (mut writer, mut id): (ServeWriter, u64),
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let reason = loop {
            let step = tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Call(call, token, reply)) => {
                        id += 1;
                        self.replies.extend(reply.map(|reply| (id, reply)));
                        write(&mut writer, &ClientMessage { id, call: *call, token }).await
                    }
                    Some(Command::View(run, sender)) => {
                        match self.view(&run) {
                            // An error means that the caller no longer waits.
                            Some(view) => drop(sender.send(view)),
                            None => self.pending.push((run, sender)),
                        }
                        Ok(())
                    }
                    None => return,
                },
                line = reader.next() => match line {
                    Ok(Some(line)) => self.receive(&line).await,
                    Ok(None) => Err("salon serve has ended".to_owned()),
                    Err(error) => Err(error.to_string()),
                },
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        // An error means that the receiver is gone as well.
        self.events.send(ServedEvent::Lost(reason)).await.ok();
    }

    fn view(&mut self, run: &RunId) -> Option<watch::Receiver<ViewedRun>> {
        let info = self.runs.get(run)?.clone();
        let view = self.views.entry(run.clone()).or_insert_with(|| watch::channel(ViewedRun { info, version: 0 }).0);
        Some(view.subscribe())
    }

    /// Handles a message. An error is the reason for the end of the connection.
    async fn receive(&mut self, line: &[u8]) -> Result<(), String> {
        let message = packed::decode(line).map_err(|error| format!("salon serve sent no message: {error}"))?;
        let event = match message {
            ServerMessage::Reply { id, body } => {
                if let Some(reply) = self.replies.remove(&id) {
                    // An error means that the caller no longer waits.
                    reply.send(body).ok();
                }
                return Ok(());
            }
            ServerMessage::Hello { .. } => return Ok(()),
            ServerMessage::Ready => ServedEvent::Ready,
            ServerMessage::Bye { reason } => return Err(reason),
            ServerMessage::Run(info) => {
                self.runs.insert(info.id.clone(), info.clone());
                self.notify(&info.id, Some(&info));
                self.answer_pending(&info.id);
                ServedEvent::Live(LiveEvent::Run(info))
            }
            ServerMessage::Recorded(sessions) => ServedEvent::Live(LiveEvent::Recorded(sessions)),
            ServerMessage::Gone(run) => {
                self.runs.remove(&run);
                self.views.remove(&run);
                ServedEvent::Live(LiveEvent::Gone(run))
            }
            ServerMessage::Queued { run, prompts } => {
                self.notify(&run, None);
                ServedEvent::Live(LiveEvent::Queued(run, prompts))
            }
            ServerMessage::Notice { run, text, error } => ServedEvent::Live(LiveEvent::Notice { run, text, error }),
            ServerMessage::Index(message) => ServedEvent::Index(message),
            ServerMessage::Packed(_) => return Err("salon serve sent a message within a compressed one".to_owned()),
            ServerMessage::Replay { run, replay } => {
                self.notify(&run, None);
                ServedEvent::Replay(run, replay)
            }
        };
        // An error means that only calls are of interest.
        self.events.send(event).await.ok();
        Ok(())
    }

    fn answer_pending(&mut self, run: &RunId) {
        for (_, sender) in self.pending.extract_if(.., |(pending, _)| pending == run).collect::<Vec<_>>() {
            if let Some(view) = self.view(run) {
                // An error means that the caller no longer waits.
                sender.send(view).ok();
            }
        }
    }

    fn notify(&self, run: &RunId, info: Option<&Arc<RunInfo>>) {
        let Some(view) = self.views.get(run) else { return };
        view.send_modify(|viewed| {
            viewed.version += 1;
            if let Some(info) = info {
                viewed.info = info.clone();
            }
        });
    }
}

async fn write(writer: &mut ServeWriter, message: &ClientMessage) -> Result<(), String> {
    let line = encode(message).map_err(|error| error.to_string())?;
    writer.write_all(line.as_bytes()).await.map_err(|error| error.to_string())?;
    writer.flush().await.map_err(|error| error.to_string())
}
