//! Extensions of the standard library. Independent of agents, sessions and screens.

pub mod ansi;
pub mod cells;
pub mod exact;
pub mod file_uri;
pub mod files;
pub mod json_record;
pub mod lines;
pub mod moving;
pub mod process;
pub mod program;
pub mod ring;
pub mod syntax;
pub mod temp;
pub mod text;
pub mod threads;
pub mod tilde;
pub mod utf16;
pub mod wrap;
pub mod zst;
