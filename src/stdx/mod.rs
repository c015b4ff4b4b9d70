//! What the standard library lacks. Knows nothing of agents, sessions or screens.

pub mod lines;
pub mod process;
pub mod ring;
pub mod text;
pub mod wrap;
