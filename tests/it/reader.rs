//! The reader: scroll position, window of entries, screens.

mod finding;
mod growing;
mod layout;
pub mod sample;
mod screens;
mod scrolling;
