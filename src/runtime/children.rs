//! Set-up and end of the programs that salon starts: a process group each, and no variables of a nested agent.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::Signal;

use crate::live::environment::NESTED;
use crate::live::group;

/// Removes the variables that mark a nested agent.
pub(super) fn clean_environment(command: &mut Command) {
    for name in NESTED {
        command.env_remove(name);
    }
}

/// Gives a command its own process group, so that it can be stopped with its descendants, and a clean environment.
pub(super) fn prepare(command: &mut Command) {
    clean_environment(command);
    command.process_group(0);
}

/// Kills the group of a child started with [`prepare`] and reaps the child.
pub(super) fn end(child: &mut Child) {
    group::signal(child.id(), Signal::KILL);
    if let Err(error) = child.wait() {
        tracing::warn!(%error, "waiting for a child failed");
    }
}
