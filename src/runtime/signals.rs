//! Unix signals as values.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalRequest {
    /// Quit: `SIGTERM`, `SIGINT`, `SIGHUP`, `SIGQUIT`.
    End,
    /// Stop until continued: `SIGTSTP`.
    Suspend,
    /// Measure the terminal: `SIGWINCH`.
    Measure,
    /// Continue after a stop: `SIGCONT`.
    Continue,
}

/// Signal handlers. While they exist, the default actions are disabled.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    quit: Signal,
    suspend: Signal,
    window: Signal,
    resume: Signal,
}

impl Signals {
    /// Installs the handlers.
    pub(super) fn new() -> io::Result<Self> {
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

    /// Waits for the next signal. Cancel safe.
    pub(super) async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => SignalRequest::End,
            _ = self.interrupt.recv() => SignalRequest::End,
            _ = self.hangup.recv() => SignalRequest::End,
            _ = self.quit.recv() => SignalRequest::End,
            _ = self.suspend.recv() => SignalRequest::Suspend,
            _ = self.window.recv() => SignalRequest::Measure,
            _ = self.resume.recv() => SignalRequest::Continue,
        }
    }
}
