//! The shell around the pure core: the loop, the terminal, the effects.
//!
//! Here, and only here, salon touches the terminal, starts programs and asks the clock. It decides nothing that a
//! user can see: decisions are [`crate::app`]'s.

pub mod children;
pub mod log;
pub mod programs;
pub mod resume;
pub mod surroundings;

use std::time::Instant;

/// The clock by which time is measured, to be handed down.
pub fn instant() -> Instant {
    Instant::now()
}
