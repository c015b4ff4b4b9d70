//! Identity of processes: pid plus start time, because pids are reused.

pub use crate::domain::launch::OWNER_VARIABLE;
use crate::stdx::process;
use crate::store::registry::ProcessId;

/// Returns the identity of this process as stored in the registry.
pub fn this_process() -> ProcessId {
    let pid = std::process::id();
    identify(pid).unwrap_or(ProcessId { pid, start: 0 })
}

/// Returns the identity of a live process.
pub fn identify(pid: u32) -> Option<ProcessId> {
    process::identity(pid).map(|start| ProcessId { pid, start })
}

/// Returns true if a process has ended, even if another one now has its pid.
pub fn is_dead(process: ProcessId) -> bool {
    identify(process.pid) != Some(process)
}

/// Returns the value of [`OWNER_VARIABLE`] for the children of a salon process.
pub fn owner_mark(process: ProcessId) -> String {
    format!("{}-{:x}", process.pid, process.start)
}
