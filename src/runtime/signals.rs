//! Signals, as values.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end: `SIGTERM`, `SIGINT`, `SIGHUP`, `SIGQUIT`.
    End,
    /// To stop until continued: `SIGTSTP`.
    Suspend,
    /// To look at the terminal's size: `SIGWINCH`.
    Measure,
    /// To take up work again: `SIGCONT`.
    Continue,
}

/// The signals that salon listens to. From then on none of them has its usual effect.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    quit: Signal,
    suspend: Signal,
    window: Signal,
    resume: Signal,
}

impl Signals {
    /// Starts to listen.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            suspend: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            window: signal(SignalKind::window_change())?,
            resume: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// Waits for the next one. Nothing is lost when it is dropped while it waits.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::End,
            _ = self.quit.recv() => Asked::End,
            _ = self.suspend.recv() => Asked::Suspend,
            _ = self.window.recv() => Asked::Measure,
            _ = self.resume.recv() => Asked::Continue,
        }
    }
}
