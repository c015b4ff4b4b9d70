//! The overlay in which model, mode and effort of a run are chosen.

use crate::domain::run::RunId;

/// The overlay's state; what can be chosen is the run's, and its agent's.
#[derive(Debug)]
pub struct Picker {
    /// For which run.
    pub run: RunId,
    /// The row that has the keys.
    pub selected: usize,
}
