//! The shell around the pure core: the loop, the terminal, the effects.
//!
//! Here, and only here, salon touches the terminal, starts programs and asks the clock. It decides nothing that a
//! user can see: decisions are [`crate::app`]'s.

pub mod call;
pub mod frames;
pub mod lives;
pub mod log;
pub mod paths;
pub mod programs;
pub mod resume;
mod runs;
pub mod surroundings;

mod answer;
mod children;
mod clipboard;
mod colours;

mod drafts;
mod editor;
mod effects;
mod extract;
mod found;
mod input;
mod keys;
mod lend;
mod models;
mod screen;
mod shell;
mod signals;
mod start;
mod terminal;

use std::time::Instant;

pub use start::{First, Start, run};

/// The clock by which time is measured, to be handed down.
pub fn instant() -> Instant {
    Instant::now()
}
