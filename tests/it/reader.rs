//! The reader: its place, its window of entries, and its screens.

mod sample;
mod scrolling;
