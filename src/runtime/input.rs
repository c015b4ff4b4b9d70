//! What the user types. Read only when asked, so that a program to which the terminal is lent gets every key.

use std::io::{self, Stdin};
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::unix::AsyncFd;

/// How long to look for one more event. The source that asks the terminal anew each time (the other one forgets a key
/// that comes together with another size) does not look at all when it is given no time.
const A_LOOK: Duration = Duration::from_micros(200);

/// The keyboard, the mouse, pastes, and the terminal's answers.
#[derive(Debug)]
pub struct Input {
    terminal: AsyncFd<Stdin>,
}

impl Input {
    /// Reads from standard input, which must be a terminal in raw mode.
    #[expect(deprecated, reason = "its successor is unsafe, for descriptors that may close; standard input stays open")]
    pub fn new() -> io::Result<Self> {
        Ok(Self { terminal: AsyncFd::with_interest(io::stdin(), tokio::io::Interest::READABLE)? })
    }

    /// Waits for something to be typed. An error: the terminal is gone. Nothing is lost when it is dropped while it
    /// waits.
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        loop {
            let mut ready = self.terminal.readable().await?;
            if !readable(ready.get_inner())? {
                ready.clear_ready();
                continue;
            }
            // There is something to read, so this does not wait; half a sequence is kept until its rest comes.
            let mut events = Vec::new();
            while event::poll(A_LOOK)? {
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
