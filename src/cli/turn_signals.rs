//! Signals to a turn without a terminal. Every one of them ends the turn and its agent, and none leaves it at work.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnSignal {
    /// Interrupt the turn; a second time, end the agent: `SIGINT`, `SIGTERM`.
    Interrupt,
    /// End the agent at once: `SIGHUP`, because the terminal is gone, and `SIGQUIT`.
    End,
}

/// Signal handlers. From their creation on, the default actions are disabled.
#[derive(Debug)]
pub(super) struct TurnSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
}

impl TurnSignals {
    /// Installs the handlers.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for the next signal. Cancel safe.
    pub(super) async fn next(&mut self) -> TurnSignal {
        tokio::select! {
            _ = self.hangup.recv() => TurnSignal::End,
            _ = self.quit.recv() => TurnSignal::End,
            _ = self.interrupt.recv() => TurnSignal::Interrupt,
            _ = self.terminate.recv() => TurnSignal::Interrupt,
        }
    }
}
