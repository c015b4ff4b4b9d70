//! A process that counts as the agent of the demo's open sessions, because an open session is one with a living process.
//! It does nothing, and ends with the demo.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

/// Handle of the process. It ends when the handle is dropped, because its stdin closes.
#[derive(Debug)]
pub(super) struct Holder {
    child: Child,
}

impl Holder {
    /// Starts the process, in a group of its own so that keys do not reach it.
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["demo", "--hold"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { child: command.env_clear().process_group(0).spawn()? })
    }

    /// Process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            tracing::info!(%error, "the demo's process could not be waited for");
        }
    }
}

/// Waits until stdin closes.
pub(super) fn hold() -> ExitCode {
    // Discards what is sent; an error ends the process like a closed pipe.
    let _ended = io::stdin().lock().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}
