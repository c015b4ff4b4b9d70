//! Connection of a window or a command to `salon serve`, which may have to be started in the background.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::children;
use super::env;
use crate::config::paths::Paths;
use crate::serve::message::PROTOCOL;
use crate::serve::{Client, ConnectError, ServedEvent, socket};

/// Maximum wait for a server that was just started.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum wait for an older server to end; one with open turns ends later.
const RETIRE_TIMEOUT: Duration = Duration::from_millis(300);

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
    start(config)?;
    let connected = async {
        loop {
            match connect(paths).await {
                Err(ConnectError::NotRunning) => tokio::time::sleep(RETRY_INTERVAL).await,
                other => return other,
            }
        }
    };
    let timed_out =
        |_| io::Error::new(io::ErrorKind::TimedOut, "it did not start; see the log in salon's data directory");
    tokio::time::timeout(START_TIMEOUT, connected).await.map_err(timed_out)?
}

/// Starts a server that outlives this process. It leaves the terminal's session by itself.
fn start(config: &Path) -> io::Result<()> {
    let mut command = Command::new(env::current_exe()?);
    children::clean_environment(&mut command);
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command.args(["serve", "--in-background"]).current_dir("/");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Reaps the child if it ends before this process.
    std::thread::Builder::new().name("serve-reaper".to_owned()).spawn(move || child.wait()).map(drop)
}
