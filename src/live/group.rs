//! Process groups: the only place that signals them.
//!
//! A group is ours while its leader is the recorded process. Once the leader has ended, only members that carry the
//! owner's mark in their environment are ours.

use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::identity::{OWNER_VARIABLE, owner_mark};
use crate::stdx::process;
use crate::store::registry::ProcessId;

/// Time that the rest of a group gets to end after TERM, because helpers may have files to write.
const TERM_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum wait after KILL until the members are gone.
const KILL_TIMEOUT: Duration = Duration::from_millis(200);

/// Interval between checks of a group, because members are not our children and cannot be waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Signals a process group that this process started. A group that has already ended is not an error.
pub fn signal(group: u32, signal: Signal) {
    if let Some(group) = pid_of(group) {
        rustix::process::kill_process_group(group, signal).ok();
    }
}

/// Ends the rest of a group whose leader was just reaped: TERM, then KILL for members that ignore it.
pub async fn end_rest(group: u32) {
    if is_empty(group) {
        return;
    }
    signal(group, Signal::TERM);
    if !emptied(group, TERM_TIMEOUT).await {
        signal(group, Signal::KILL);
        emptied(group, KILL_TIMEOUT).await;
    }
}

async fn emptied(group: u32, timeout: Duration) -> bool {
    let wait = async {
        while !is_empty(group) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(timeout, wait).await.is_ok()
}

/// Returns true if no member of a group is alive. Zombies are not, although the system still counts them.
fn is_empty(group: u32) -> bool {
    let exists = pid_of(group).is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok());
    !exists || (cfg!(target_os = "linux") && process::group_members(group).is_empty())
}

/// Returns the living members of a group whose leader has ended, as far as they prove that `owner` started them.
pub fn marked_members(group: u32, owner: ProcessId) -> Vec<u32> {
    let mark = owner_mark(owner);
    let mut members = process::group_members(group);
    members.retain(|pid| process::has_variable(*pid, OWNER_VARIABLE, Some(&mark)));
    members
}

/// Signals single processes of a group; see [`marked_members`].
pub fn signal_members(members: &[u32], signal: Signal) {
    for member in members.iter().filter_map(|pid| pid_of(*pid)) {
        rustix::process::kill_process(member, signal).ok();
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
