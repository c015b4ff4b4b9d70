//! Other processes, looked at and never touched: do they live, since when, do they hold a lock.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{identity, is_program, lock_holder, start_time};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub use other::{identity, is_program, lock_holder, start_time};

/// Whether a process of that id lives, whoever's it is.
pub fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    // Not being allowed to signal it proves that it is there.
    matches!(rustix::process::test_kill_process(pid), Ok(()) | Err(rustix::io::Errno::PERM))
}

/// Whether the process `pid` lives and is the one that started then; where starts cannot be told, whether it lives.
pub fn is_same(pid: u32, started: &str) -> bool {
    start_time(pid).map_or_else(|| cfg!(not(target_os = "linux")) && is_alive(pid), |start| start == started)
}
