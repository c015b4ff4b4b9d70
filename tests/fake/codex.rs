//! The scripted agent as `codex`.

/// Speaks until its peer is gone.
pub fn run() {}
