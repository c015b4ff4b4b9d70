//! The terminal lent to another program: a foreground job of its own, as a shell would run it.
//!
//! Keys and Ctrl-C reach only the program. When it stops (Ctrl-Z), salon stops with it, so that the user is back in
//! the shell; when it ends, the terminal is taken back.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgrp, kill_current_process_group, waitpid};
use rustix::termios::tcsetpgrp;
use tokio::sync::mpsc;

use super::children;

/// A program that has the terminal.
#[derive(Debug)]
pub struct Lent {
    pid: Pid,
    changes: mpsc::UnboundedReceiver<Change>,
}

/// What became of a program that has the terminal.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// It stopped, by this signal.
    Stopped(i32),
    /// It ended.
    Ended(ExitStatus),
    /// It cannot be waited for.
    Lost,
}

impl Lent {
    /// Starts a program and lends it the terminal, which must be in its original mode.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        let (sender, changes) = mpsc::unbounded_channel();
        let lent = Self { pid, changes };
        lent.go_on();
        std::thread::Builder::new().name("wait".into()).spawn(move || wait(pid, &sender))?;
        Ok(lent)
    }

    /// Waits until something becomes of it. Nothing is lost when it is dropped while it waits.
    pub async fn next(&mut self) -> Change {
        self.changes.recv().await.unwrap_or(Change::Lost)
    }

    /// Puts it in the foreground and lets it run. It may have stopped because it was not there yet.
    pub fn go_on(&self) {
        foreground(self.pid);
        children::signal_group(self.pid.as_raw_nonzero().get().unsigned_abs(), Signal::CONT);
    }

    /// It stopped: stops salon with it, and lets it go on when salon goes on.
    pub fn stop_along(&self, by: i32) {
        let not_there_yet = [Signal::TTIN, Signal::TTOU].iter().any(|signal| signal.as_raw() == by);
        if !not_there_yet {
            take_back();
            stop_here();
        }
        self.go_on();
    }

    /// Asks it to end, with all that it started.
    pub fn hang_up(&self) {
        let pid = self.pid.as_raw_nonzero().get().unsigned_abs();
        children::signal_group(pid, Signal::HUP);
        children::signal_group(pid, Signal::TERM);
        children::signal_group(pid, Signal::CONT);
    }

    /// Ends it, with all that it started.
    pub fn kill(&self) {
        children::signal_group(self.pid.as_raw_nonzero().get().unsigned_abs(), Signal::KILL);
    }
}

/// Takes the terminal back from whoever has it.
pub fn take_back() {
    foreground(getpgrp());
}

/// Stops salon, and whatever the shell started with it, until the shell lets it go on.
pub fn stop_here() {
    if let Err(error) = kill_current_process_group(Signal::STOP) {
        tracing::warn!(%error, "salon could not be stopped");
    }
}

/// Makes a group the terminal's foreground. For a group in the background, as salon then is, the system forbids it
/// by a signal that has to be held back.
fn foreground(group: Pid) {
    let mut held = SigSet::empty();
    held.add(NixSignal::SIGTTOU);
    let before = held.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
    if let Err(error) = tcsetpgrp(io::stdin(), group) {
        tracing::debug!(%error, "the foreground could not be changed");
    }
    if let Err(error) = before.and_then(|before| before.thread_set_mask()) {
        tracing::warn!(%error, "the signal mask could not be restored");
    }
}

fn wait(pid: Pid, changes: &mpsc::UnboundedSender<Change>) {
    loop {
        let change = match waitpid(Some(pid), WaitOptions::UNTRACED) {
            Ok(Some((_, status))) => change(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(_) => Change::Lost,
        };
        // Nobody listens once salon ends, and then nobody needs to know.
        if changes.send(change).is_err() || !matches!(change, Change::Stopped(_)) {
            return;
        }
    }
}

fn change(status: WaitStatus) -> Change {
    use std::os::unix::process::ExitStatusExt;
    match status.stopping_signal() {
        Some(signal) => Change::Stopped(signal),
        None => Change::Ended(ExitStatus::from_raw(status.as_raw())),
    }
}
