//! The scripted agent as `claude`.

/// Speaks until its peer is gone.
pub fn run() {}
