//! Quit that waits for runs.

/// Quit that waits for runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingQuit {
    /// Until no turn is open and no prompt is queued.
    WhenDone,
    /// Until no turn is open; then the background process goes on.
    Detach,
}
