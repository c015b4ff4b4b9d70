//! What the user types: bytes from the terminal, parsed as they come. Reads only when asked, so that a program to
//! which the terminal is lent gets every key.

use std::io::{self, Stdin};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use termina::{Event, Parser};
use tokio::io::unix::AsyncFd;

/// Bytes that are read at once.
const CHUNK: usize = 4096;

/// The keyboard, the mouse, pastes, and the terminal's answers.
#[derive(Debug)]
pub struct Input {
    terminal: AsyncFd<Stdin>,
    parser: Parser,
}

impl Input {
    /// Reads from standard input, which must be a terminal in raw mode.
    #[expect(deprecated, reason = "its successor is unsafe, for descriptors that may close; standard input stays open")]
    pub fn new() -> io::Result<Self> {
        let terminal = AsyncFd::with_interest(io::stdin(), tokio::io::Interest::READABLE)?;
        Ok(Self { terminal, parser: Parser::default() })
    }

    /// Waits for something to be typed. An error: the terminal is gone. Nothing is lost when it is dropped while it
    /// waits.
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        loop {
            let mut ready = self.terminal.readable().await?;
            // The terminal is in blocking mode, as others share it: it is read only where that cannot block.
            if !readable(ready.get_inner())? {
                ready.clear_ready();
                continue;
            }
            let mut chunk = [0; CHUNK];
            let count = rustix::io::read(ready.get_inner(), &mut chunk)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.parser.parse(&chunk[..count], count == CHUNK);
            let events: Vec<_> = std::iter::from_fn(|| self.parser.pop()).collect();
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
