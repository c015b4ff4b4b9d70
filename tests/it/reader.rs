//! The reader: scroll position, window of entries, screens.

mod finding;
mod frame;
mod growing;
mod layout;
mod on_stage;
pub mod sample;
mod screens;
mod scrolling;
