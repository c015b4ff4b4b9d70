//! What every program that salon starts has in common: a process group of its own, and an environment in which it
//! does not believe to run inside another agent.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::live::environment::NESTED;

/// Takes away what marks a nested start.
pub fn clean_environment(command: &mut Command) {
    for name in NESTED {
        command.env_remove(name);
    }
}

/// A group of its own, so that it can be ended with all that it starts, and a clean environment.
pub fn prepare(command: &mut Command) {
    clean_environment(command);
    command.process_group(0);
}

/// Ends a child that was started with [`prepare`], with its whole group, and waits for it.
pub fn end(child: &mut Child) {
    signal_group(child.id(), Signal::KILL);
    if let Err(error) = child.wait() {
        tracing::warn!(%error, "waiting for a child failed");
    }
}

/// Signals the group of a child of ours that has not been waited for yet.
pub fn signal_group(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    if let Err(error) = kill_process_group(pid, signal) {
        // It ended by itself in the meantime.
        tracing::debug!(%error, "a process group could not be signalled");
    }
}
