//! Child processes without an async runtime: waiting with a limit, and reading of pipes.

use std::io::{self, Read};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// Waits for a child that leads a process group. `None` if it exceeded the limit; then its group was killed.
pub fn wait(mut child: Child, limit: Duration) -> Option<io::Result<ExitStatus>> {
    let group = child.id();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait()).ok());
    if let Ok(status) = receive.recv_timeout(limit) {
        return Some(status);
    }
    kill_group(group);
    // The child is reaped before its group id can be used again.
    receive.recv().ok();
    None
}

/// Reads a pipe to its end on a thread, so that no other pipe has to wait. The result has at most one byte more than the
/// limit, which shows that it was exceeded.
pub fn read_pipe(pipe: Option<impl Read + Send + 'static>, limit: usize) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has ended. The rest is discarded, so that the child does not wait.
            Read::by_ref(&mut pipe).take(limit as u64 + 1).read_to_end(&mut bytes).ok();
            io::copy(&mut pipe, &mut io::sink()).ok();
        }
        send.send(bytes).ok();
    });
    receive
}

/// Kills a process group that this process started. A group that has ended is not an error.
pub fn kill_group(group: u32) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        rustix::process::kill_process_group(group, Signal::KILL).ok();
    }
}
