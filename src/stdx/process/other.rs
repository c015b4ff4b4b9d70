//! Elsewhere than on Linux: neither starts nor locks can be told without disturbing anybody.

use std::path::Path;

/// Not known.
pub fn start_time(_pid: u32) -> Option<String> {
    None
}

/// Its id is all that is known of a living process.
pub fn identity(pid: u32) -> Option<u64> {
    super::is_alive(pid).then_some(0)
}

/// Never sure.
pub fn is_program(_pid: u32, _program: &str) -> bool {
    false
}

/// Not known.
pub fn lock_holder(_path: &Path) -> Option<u32> {
    None
}
