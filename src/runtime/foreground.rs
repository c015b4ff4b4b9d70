//! A child process in the terminal's foreground: a job of its own, as in a shell.
//!
//! Keys and Ctrl-C reach only the child. When it stops (Ctrl-Z), salon stops too and the user is back in the shell.
//! When it ends, salon reclaims the terminal.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgrp, kill_current_process_group, waitpid};
use rustix::termios::tcsetpgrp;
use tokio::sync::mpsc;

use crate::live::group;

/// A child process that owns the terminal.
#[derive(Debug)]
pub(super) struct ForegroundChild {
    pid: Pid,
    events: mpsc::UnboundedReceiver<ForegroundEvent>,
}

/// A change of state of a foreground child.
#[derive(Clone, Copy, Debug)]
pub(super) enum ForegroundEvent {
    /// Stopped by this signal.
    Stopped(i32),
    /// Exited.
    Ended(ExitStatus),
    /// Cannot be waited for.
    Lost,
}

impl ForegroundChild {
    /// Starts a program in the foreground. The terminal must be in its original mode.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        let (sender, events) = mpsc::unbounded_channel();
        let child = Self { pid, events };
        child.resume();
        std::thread::Builder::new().name("wait".into()).spawn(move || wait(pid, &sender))?;
        Ok(child)
    }

    /// Waits for the next event. Cancel safe.
    pub(super) async fn next(&mut self) -> ForegroundEvent {
        self.events.recv().await.unwrap_or(ForegroundEvent::Lost)
    }

    /// Puts the child in the foreground and continues it. It may have stopped because it was in the background.
    pub(super) fn resume(&self) {
        set_foreground(self.pid);
        group::signal(self.pid.as_raw_nonzero().get().unsigned_abs(), Signal::CONT);
    }

    /// Stops salon together with the stopped child, and continues the child afterwards.
    pub(super) fn stop_with_child(&self, by: i32) {
        let in_background = [Signal::TTIN, Signal::TTOU].iter().any(|signal| signal.as_raw() == by);
        if !in_background {
            reclaim_terminal();
            stop_salon();
        }
        self.resume();
    }

    /// Asks the child and its descendants to exit.
    pub(super) fn terminate(&self) {
        let pid = self.pid.as_raw_nonzero().get().unsigned_abs();
        group::signal(pid, Signal::HUP);
        group::signal(pid, Signal::TERM);
        group::signal(pid, Signal::CONT);
    }

    /// Kills the child and its descendants.
    pub(super) fn kill(&self) {
        group::signal(self.pid.as_raw_nonzero().get().unsigned_abs(), Signal::KILL);
    }
}

/// Puts salon in the foreground again.
pub(super) fn reclaim_terminal() {
    set_foreground(getpgrp());
}

/// Stops salon and its shell job until the shell continues it.
pub(super) fn stop_salon() {
    if let Err(error) = kill_current_process_group(Signal::STOP) {
        tracing::warn!(%error, "salon could not be stopped");
    }
}

/// Puts a process group in the foreground. The system sends SIGTTOU to a background caller, so the signal is blocked
/// meanwhile.
fn set_foreground(group: Pid) {
    let mut blocked = SigSet::empty();
    blocked.add(NixSignal::SIGTTOU);
    let previous_mask = blocked.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
    if let Err(error) = tcsetpgrp(io::stdin(), group) {
        tracing::debug!(%error, "the foreground could not be changed");
    }
    if let Err(error) = previous_mask.and_then(|previous_mask| previous_mask.thread_set_mask()) {
        tracing::warn!(%error, "the signal mask could not be restored");
    }
}

fn wait(pid: Pid, events: &mpsc::UnboundedSender<ForegroundEvent>) {
    loop {
        let event = match waitpid(Some(pid), WaitOptions::UNTRACED) {
            Ok(Some((_, status))) => event_of(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(_) => ForegroundEvent::Lost,
        };
        // An error means that salon is shutting down.
        if events.send(event).is_err() || !matches!(event, ForegroundEvent::Stopped(_)) {
            return;
        }
    }
}

fn event_of(status: WaitStatus) -> ForegroundEvent {
    use std::os::unix::process::ExitStatusExt;
    match status.stopping_signal() {
        Some(signal) => ForegroundEvent::Stopped(signal),
        None => ForegroundEvent::Ended(ExitStatus::from_raw(status.as_raw())),
    }
}
