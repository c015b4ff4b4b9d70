//! Set-up and signalling of the programs that salon starts: a process group each, and no variables of a nested agent.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::live::environment::NESTED;

/// Removes the variables that mark a nested agent.
pub fn clean_environment(command: &mut Command) {
    for name in NESTED {
        command.env_remove(name);
    }
}

/// Gives a command its own process group, so that it can be stopped with its descendants, and a clean environment.
pub fn prepare(command: &mut Command) {
    clean_environment(command);
    command.process_group(0);
}

/// Kills the group of a child started with [`prepare`] and reaps the child.
pub fn end(child: &mut Child) {
    signal_group(child.id(), Signal::KILL);
    if let Err(error) = child.wait() {
        tracing::warn!(%error, "waiting for a child failed");
    }
}

/// Signals the group of a child that has not been reaped yet.
pub fn signal_group(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    if let Err(error) = kill_process_group(pid, signal) {
        // The group has already ended.
        tracing::debug!(%error, "a process group could not be signalled");
    }
}
