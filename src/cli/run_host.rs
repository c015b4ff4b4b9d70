//! Owner of a session's run, for commands: the `salon serve` that has it, or this process.

use tokio::sync::mpsc;

use super::context::CliContext;
use super::error::CliError;
use super::{serve, state};
use crate::domain::run::RunId;
use crate::live::LiveEvent;
use crate::runtime;
use crate::serve::{Client, ConnectError, ServedEvent};
use crate::store::Store;

/// Connects to the server that has the lease of a run. `None` if another process has it, or none.
pub(super) async fn server_of(
    context: &CliContext,
    store: &Store,
    run: &RunId,
) -> Result<Option<(Client, mpsc::UnboundedReceiver<LiveEvent>)>, CliError> {
    let Some(holder) = state::living_holder(store, run)? else { return Ok(None) };
    match runtime::serve::connect(&context.paths).await {
        Ok((client, received)) if client.pid() == holder.pid => Ok(Some((client, changes(received)))),
        Ok(_) | Err(ConnectError::NotRunning) => Ok(None),
        Err(ConnectError::Incompatible { pid, .. }) if pid != holder.pid => Ok(None),
        Err(error) => Err(serve::connect_error(&error)),
    }
}

/// Forwards the changes of state. The channel is closed with the connection.
fn changes(mut received: mpsc::Receiver<ServedEvent>) -> mpsc::UnboundedReceiver<LiveEvent> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = received.recv().await {
            let open = match event {
                ServedEvent::Live(event) => sender.send(event).is_ok(),
                // A viewer fetches the events itself.
                ServedEvent::Replay(..) | ServedEvent::Index(_) | ServedEvent::Ready => true,
                ServedEvent::Lost(_) => false,
            };
            if !open {
                return;
            }
        }
    });
    receiver
}
