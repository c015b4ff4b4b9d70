//! The reader: scroll position, window of entries, screens.

mod diffs;
mod finding;
mod frame;
mod growing;
mod layout;
mod on_stage;
mod opening;
mod outputs;
pub mod sample;
mod screens;
mod scrolling;
mod vocabulary;
