//! Fallback for other systems, where start times and locks cannot be read without side effects.

use std::path::{Path, PathBuf};

/// Start times are unavailable.
pub fn start_time(_pid: u32) -> Option<String> {
    None
}

/// Returns a constant for a living process, because only its id is known.
pub fn identity(pid: u32) -> Option<u64> {
    super::is_alive(pid).then_some(0)
}

/// Members of process groups are unavailable.
pub fn group_members(_group: u32) -> Vec<u32> {
    Vec::new()
}

/// Environments of other processes are unavailable.
pub fn has_variable(_pid: u32, _name: &str, _value: Option<&str>) -> bool {
    false
}

/// Command lines of other processes are unavailable.
pub fn programs(_program: &str) -> Vec<u32> {
    Vec::new()
}

/// Command lines of other processes are unavailable.
pub fn arguments(_pid: u32) -> Vec<String> {
    Vec::new()
}

/// Working directories of other processes are unavailable.
pub fn directory(_pid: u32) -> Option<PathBuf> {
    None
}

/// Working directories of other processes are unavailable.
pub fn with_directory_in(_path: &Path) -> Option<Vec<u32>> {
    None
}

/// Start times are unavailable.
pub fn started_at(_pid: u32) -> Option<i64> {
    None
}

/// Memory of other processes is unavailable.
pub fn resident_memory(_pid: u32) -> Option<u64> {
    None
}

/// Open files of other processes are unavailable.
pub fn has_open(_pid: u32, _path: &Path) -> bool {
    false
}

/// Program names are unavailable.
pub fn is_program(_pid: u32, _program: &str) -> bool {
    false
}

/// Locks are unavailable.
pub fn lock_holder(_path: &Path) -> Option<u32> {
    None
}
