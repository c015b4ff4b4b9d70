//! One client of a server: executes its calls, and sends it the changes and the events that it watches.
//!
//! A slow client delays only itself.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::VERSION;
use super::hub::{self, Hub, Line};
use super::index_message::IndexCall;
use super::index_service::IndexService;
use super::message::{Call, ClientMessage, PROTOCOL, Reply, ServerMessage};
use super::message_reader::MessageReader;
use super::viewers::Viewers;
use crate::domain::run::{Refusal, RunFailure};
use crate::live::Live;

/// Maximum messages that wait for a slow client.
pub(super) const MAX_PENDING_LINES: usize = 64;

/// Serves a client until it disconnects or sends something that is not a message.
pub(super) async fn run(
    hub: Arc<Hub>,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin + Send + 'static,
) {
    let _guard = hub.register();
    let (lines, outgoing) = mpsc::channel(MAX_PENDING_LINES);
    let writing = tokio::spawn(write_lines(writer, outgoing));
    let ended = serve(&hub, MessageReader::new(reader), &lines).await;
    if let Err(reason) = ended {
        send(&lines, &ServerMessage::Bye { reason }).await;
    }
    drop(lines);
    // Replies of calls that are still executed keep the writer alive; an error means that the task panicked.
    writing.await.ok();
}

/// Serves a client. An error is the reason for closing the connection.
async fn serve<R: AsyncRead + Unpin>(
    hub: &Arc<Hub>,
    mut reader: MessageReader<R>,
    lines: &mpsc::Sender<Line>,
) -> Result<(), String> {
    greet(&mut reader, lines, || hub.retire()).await?;
    let (state, mut changes) = hub.subscribe();
    send_all(lines, state).await;
    let (replays, mut watched) = mpsc::channel(2);
    let mut calls = Calls {
        hub: hub.clone(),
        viewers: Viewers::new(hub.live.clone(), replays),
        ordered: execute_in_order(hub.clone(), lines.clone()),
        lines: lines.clone(),
        index: None,
    };
    loop {
        tokio::select! {
            line = reader.next() => match line {
                Ok(Some(line)) => calls.handle(decode(&line)?).await,
                Ok(None) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            },
            change = changes.recv() => match change {
                Ok(change) => {
                    if let Some(run) = &change.run {
                        calls.viewers.run_changed(run);
                    }
                    send_all(lines, vec![change.line]).await;
                }
                Err(RecvError::Lagged(_)) => {
                    let (state, newer) = hub.subscribe();
                    changes = newer;
                    send_all(lines, state).await;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
            Some((run, replay)) = watched.recv() => send(lines, &ServerMessage::Replay { run, replay }).await,
            () = lines.closed() => return Ok(()),
        }
    }
}

/// Exchanges the versions. `retire` is called if the client speaks a newer protocol, and returns what follows from that.
pub(super) async fn greet<R: AsyncRead + Unpin>(
    reader: &mut MessageReader<R>,
    lines: &mpsc::Sender<Line>,
    retire: impl FnOnce() -> String,
) -> Result<(), String> {
    let Ok(Some(first)) = reader.next().await else { return Err("no message was received".to_owned()) };
    let Call::Hello { protocol, version } = decode(&first)?.call else {
        return Err("the first message must be a hello".to_owned());
    };
    send(lines, &ServerMessage::Hello { protocol: PROTOCOL, version: VERSION.to_owned(), pid: std::process::id() })
        .await;
    if protocol == PROTOCOL {
        return Ok(());
    }
    let versions =
        format!("salon {version} speaks protocol {protocol}, this salon {VERSION} speaks protocol {PROTOCOL}");
    Err(if protocol > PROTOCOL { format!("{versions}; {}", retire()) } else { versions })
}

pub(super) fn decode(line: &[u8]) -> Result<ClientMessage, String> {
    serde_json::from_slice(line).map_err(|error| format!("not a message of protocol {PROTOCOL}: {error}"))
}

/// Executor of a client's calls.
struct Calls {
    hub: Arc<Hub>,
    viewers: Viewers,
    /// Calls that change a queue.
    ordered: mpsc::UnboundedSender<ClientMessage>,
    lines: mpsc::Sender<Line>,
    /// Index of this client, from its first request on.
    index: Option<IndexService>,
}

impl Calls {
    async fn handle(&mut self, message: ClientMessage) {
        let ClientMessage { id, call, token } = message;
        let body = match call {
            Call::Watch { run, cursor } => {
                self.viewers.watch(run, cursor);
                Reply::Done
            }
            Call::Unwatch { run } => {
                self.viewers.unwatch(&run);
                Reply::Done
            }
            Call::Backends => Reply::Backends(self.hub.live.backends()),
            Call::DraftChanged { key, drafted } => {
                self.hub.live.draft_changed(&key, drafted);
                Reply::Done
            }
            Call::Shutdown => {
                self.hub.shut_down();
                Reply::Done
            }
            Call::Hello { .. } => Reply::Done,
            Call::Index(call) => self.index_call(call),
            Call::Work(_) => only_runs(),
            Call::Request(request) if !request.changes_queue() => done(self.hub.live.execute(request).await),
            Call::Submit { .. } | Call::Request(_) => {
                if self.ordered.send(ClientMessage { id, call, token }).is_err() {
                    tracing::error!("a call was lost: the task that executes them is gone");
                }
                return;
            }
            // These may wait for an agent or the disk.
            Call::OpenRun { .. }
            | Call::OpenRecorded { .. }
            | Call::Queue { .. }
            | Call::Since { .. }
            | Call::Models { .. } => {
                let (hub, lines) = (self.hub.clone(), self.lines.clone());
                tokio::spawn(async move { reply(&lines, id, execute(&hub, token, call).await).await });
                return;
            }
        };
        reply(&self.lines, id, body).await;
    }
}

impl Calls {
    /// Executes a request of the index, which is started by the first one.
    fn index_call(&mut self, call: IndexCall) -> Reply {
        if self.index.is_none() {
            self.index = self.hub.index.as_ref().map(|options| IndexService::start(options, &call, &self.lines));
        }
        match &self.index {
            Some(index) => index.execute(call),
            None => only_runs(),
        }
    }
}

/// Starts a task that executes calls one by one.
fn execute_in_order(hub: Arc<Hub>, lines: mpsc::Sender<Line>) -> mpsc::UnboundedSender<ClientMessage> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(ClientMessage { id, call, token }) = receiver.recv().await {
            reply(&lines, id, execute(&hub, token, call).await).await;
        }
    });
    sender
}

async fn execute(hub: &Hub, token: Option<u64>, call: Call) -> Reply {
    // Boxed, because starting a run needs a large future.
    hub.repeated.execute(token, Box::pin(execute_once(&hub.live, call))).await
}

async fn execute_once(live: &Live, call: Call) -> Reply {
    match call {
        Call::OpenRun { agent, start, prompt } => {
            live.open_run(agent, start, prompt).await.map_or_else(Reply::Refused, Reply::Run)
        }
        Call::OpenRecorded { run } => done(live.open_recorded(&run).await),
        Call::Submit { run, text } => live.submit(&run, text).await.map_or_else(Reply::Refused, Reply::Prompt),
        Call::Request(request) => done(live.execute(request).await),
        Call::Queue { run } => live.queue(&run).await.map_or_else(Reply::Refused, Reply::Queue),
        Call::Since { run, cursor } => match live.watch(&run) {
            Some(viewer) => Reply::Replay(viewer.since(cursor).await),
            None => Reply::Replay(None),
        },
        Call::Models { agent, directory, refresh } => Reply::Models(live.models(agent, &directory, refresh).await),
        Call::Backends => Reply::Backends(live.backends()),
        Call::Hello { .. }
        | Call::Watch { .. }
        | Call::Unwatch { .. }
        | Call::DraftChanged { .. }
        | Call::Shutdown
        | Call::Index(_)
        | Call::Work(_) => Reply::Done,
    }
}

fn only_runs() -> Reply {
    Reply::Refused(Refusal::Failed(RunFailure::Other("this server only has runs".to_owned())))
}

fn done(result: Result<(), Refusal>) -> Reply {
    result.map_or_else(Reply::Refused, |()| Reply::Done)
}

pub(super) async fn reply(lines: &mpsc::Sender<Line>, id: u64, body: Reply) {
    send(lines, &ServerMessage::Reply { id, body }).await;
}

pub(super) async fn send(lines: &mpsc::Sender<Line>, message: &ServerMessage) {
    if let Some(line) = hub::line(message) {
        send_all(lines, vec![line]).await;
    }
}

async fn send_all(lines: &mpsc::Sender<Line>, messages: Vec<Line>) {
    for line in messages {
        // An error means that the client is gone, which the reader notices too.
        lines.send(line).await.ok();
    }
}

/// Writes messages until the connection is closed; those that wait are written together.
pub(super) async fn write_lines(writer: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Line>) {
    let mut writer = BufWriter::new(writer);
    while let Some(line) = lines.recv().await {
        let mut next = Some(line);
        while let Some(line) = next {
            if writer.write_all(line.as_bytes()).await.is_err() {
                return;
            }
            next = lines.try_recv().ok();
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
}
