//! The questions of all runs, oldest first, answered without leaving the place where one is.

/// The overlay's state; the questions themselves are the runs'.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The question that has the keys.
    pub selected: usize,
}
