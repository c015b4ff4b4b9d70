//! Read-only queries on other processes: existence, start time, locks.

pub mod child;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{
    arguments, directory, group_members, has_open, has_variable, identity, is_program, lock_holder, programs,
    resident_memory, start_time, started_at, with_directory_in,
};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub use other::{
    arguments, directory, group_members, has_open, has_variable, identity, is_program, lock_holder, programs,
    resident_memory, start_time, started_at, with_directory_in,
};

/// Returns the resident memory of all members of a process group in bytes. `None` if it cannot be read.
pub fn group_memory(group: u32) -> Option<u64> {
    let sizes: Vec<u64> = group_members(group).into_iter().filter_map(resident_memory).collect();
    (!sizes.is_empty()).then(|| sizes.iter().sum())
}

/// Returns true if a process with this id exists, of any user.
pub fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    // A permission error proves that the process exists.
    matches!(rustix::process::test_kill_process(pid), Ok(()) | Err(rustix::io::Errno::PERM))
}

/// Returns true if the process `pid` exists and has this start time. Without start times, only the existence is
/// checked.
pub fn is_same_process(pid: u32, started: &str) -> bool {
    start_time(pid).map_or_else(|| cfg!(not(target_os = "linux")) && is_alive(pid), |start| start == started)
}
