//! Terminal input. Reads only on request, so that a foreground program gets every key.

use std::io::{self, Stdin};
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::unix::AsyncFd;

/// Timeout of a poll for further events, which must not be zero: the event source then does not look at all.
///
/// This source is needed because the other one loses a key that arrives together with a resize.
const POLL_TIMEOUT: Duration = Duration::from_micros(200);

/// Keyboard, mouse and paste events, and replies of the terminal.
#[derive(Debug)]
pub(super) struct TerminalInput {
    terminal: AsyncFd<Stdin>,
}

impl TerminalInput {
    /// Reads from standard input, which must be a terminal in raw mode.
    #[expect(deprecated, reason = "its successor is unsafe, for descriptors that may close; standard input stays open")]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { terminal: AsyncFd::with_interest(io::stdin(), tokio::io::Interest::READABLE)? })
    }

    /// Waits for input. Returns an error if the terminal is gone. Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Vec<Event>> {
        loop {
            let mut ready = self.terminal.readable().await?;
            if !readable(ready.get_inner())? {
                ready.clear_ready();
                continue;
            }
            // Input is available, so this does not block; an incomplete sequence stays buffered.
            let mut events = Vec::new();
            while event::poll(POLL_TIMEOUT)? {
                events.push(event::read()?);
            }
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

fn readable(terminal: &Stdin) -> io::Result<bool> {
    let mut fds = [PollFd::new(terminal, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let found = fds[0].revents();
    if found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(found.contains(PollFlags::IN))
}
