//! Connection of a window or a command to `salon serve`, which may have to be started in the background.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::children;
use super::env;
use crate::config::paths::Paths;
use crate::serve::message::PROTOCOL;
use crate::serve::{Client, ConnectError, ServedEvent, socket};

/// Maximum wait for a server that was just started.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum wait for an older server to end; one with open turns ends later.
const RETIRE_TIMEOUT: Duration = Duration::from_millis(300);

/// Maximum wait for another server after the one that was started has failed: two may be started at once.
const OTHER_TIMEOUT: Duration = Duration::from_millis(500);

/// Maximum bytes of a reason why a server did not start.
const MAX_REASON: u64 = 4 << 10;

/// Interval between two attempts to connect to a server that was just started.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Connection to a server.
pub type ServeConnection = (Client, mpsc::Receiver<ServedEvent>);

/// Connects to the running server. Costs one failed system call if there is none. An older server that makes room is
/// waited for.
pub async fn connect(paths: &Paths) -> Result<ServeConnection, ConnectError> {
    let socket = socket::path(&paths.runtime);
    let until = Instant::now() + RETIRE_TIMEOUT;
    loop {
        match Client::connect(&socket).await {
            Err(ConnectError::Incompatible { protocol, .. }) if protocol < PROTOCOL && Instant::now() < until => {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            other => return other,
        }
    }
}

/// Connects to the running server; starts one in the background if there is none.
pub async fn connect_or_start(paths: &Paths, config: &Path) -> Result<ServeConnection, ConnectError> {
    match connect(paths).await {
        Err(ConnectError::NotRunning) => {}
        other => return other,
    }
    let failed = start(config)?;
    let connected = async {
        loop {
            match connect(paths).await {
                Err(ConnectError::NotRunning) => tokio::time::sleep(RETRY_INTERVAL).await,
                other => return other,
            }
        }
    };
    tokio::pin!(connected);
    let reason = tokio::select! {
        connected = &mut connected => return connected,
        Ok(reason) = failed => reason,
        () = tokio::time::sleep(START_TIMEOUT) => "it takes too long to start".to_owned(),
    };
    match tokio::time::timeout(OTHER_TIMEOUT, connected).await {
        Ok(connected) => connected,
        Err(_) => Err(io::Error::other(reason).into()),
    }
}

/// Starts a server that outlives this process. It leaves the terminal's session by itself. Returns a receiver of the reason
/// if it fails; a server that runs, or has ended well, sends none.
fn start(config: &Path) -> io::Result<oneshot::Receiver<String>> {
    let mut command = Command::new(env::current_exe()?);
    children::clean_environment(&mut command);
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command.args(["serve", "--in-background"]).current_dir("/");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let (sender, failed) = oneshot::channel();
    // Reaps the child if it ends before this process.
    std::thread::Builder::new().name("serve-reaper".to_owned()).spawn(move || {
        let mut reason = Vec::new();
        let read = child.stderr.take().map(|stderr| stderr.take(MAX_REASON).read_to_end(&mut reason));
        let ended = child.wait();
        if let (Some(Ok(_)), Ok(status)) = (read, ended)
            && !status.success()
        {
            let reason = String::from_utf8_lossy(&reason);
            let reason = reason.trim().strip_prefix("salon: ").unwrap_or(reason.trim());
            // An error means that nothing waits for it any more.
            sender.send(format!("it ended at once: {reason}")).ok();
        }
    })?;
    Ok(failed)
}
