//! The reader: its place, its window of entries, and its screens.

mod finding;
mod growing;
mod layout;
mod sample;
mod screens;
mod scrolling;
