//! The scripted agent as `opencode`.

/// Speaks until its peer is gone.
pub fn run() {}
