//! Server: accepts connections until it is stopped, or is no longer used.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;

use super::connection;
use super::hub::Hub;
use super::socket::ServeSocket;
use crate::index::IndexOptions;
use crate::live::{Live, LiveEvent};

/// Serves the runs of this process on a socket. Returns when a client or `stop` asks for it, or after no agent worked and no
/// client was connected for `unused`. The runs are not ended.
pub async fn listen(
    live: Live,
    events: UnboundedReceiver<LiveEvent>,
    socket: &ServeSocket,
    unused: Option<Duration>,
    stop: impl Future<Output = ()>,
) {
    let hub = Hub::new(live, None);
    tokio::spawn(forward(events, hub.clone()));
    let is_unused = async {
        match unused {
            Some(grace) => hub.wait_until_unused(grace).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop => {}
        () = is_unused => {}
        () = hub.wait_for_shutdown() => {}
        () = hub.wait_until_retired() => {}
        () = accept(socket, &hub) => {}
    }
}

/// Serves the runs of this process, and its sessions, to one client, until it disconnects or `stop` is ready.
pub async fn serve_one(
    live: Live,
    index: IndexOptions,
    events: UnboundedReceiver<LiveEvent>,
    (reader, writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin + Send + 'static),
    stop: impl Future<Output = ()>,
) {
    let hub = Hub::new(live, Some(index));
    tokio::spawn(forward(events, hub.clone()));
    tokio::select! {
        () = stop => {}
        () = hub.wait_for_shutdown() => {}
        () = connection::run(hub.clone(), reader, writer) => {}
    }
}

async fn forward(mut events: UnboundedReceiver<LiveEvent>, hub: Arc<Hub>) {
    while let Some(event) = events.recv().await {
        hub.publish(event);
    }
}

async fn accept(socket: &ServeSocket, hub: &Arc<Hub>) {
    /// Pause after a failure, because it usually means that the process has too many open files.
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        match socket.accept().await {
            Ok(stream) => {
                let (reader, writer) = stream.into_split();
                tokio::spawn(connection::run(hub.clone(), reader, writer));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
