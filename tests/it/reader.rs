//! The reader: its place, its window of entries, and its screens.

mod finding;
mod growing;
mod layout;
pub mod sample;
mod screens;
mod scrolling;
