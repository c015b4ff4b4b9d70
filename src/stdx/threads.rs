//! Number of threads for parallel work.

use std::num::NonZero;

/// Returns the number of processors that this process may use; 1 if the system does not report it.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
