//! Configuration files, parsed into plain values. Defaults are the embedded files in `assets/`.

mod agents;
pub mod describe;
pub mod key;
pub mod keymap;
pub mod paths;
mod prices;
pub mod problem;
pub mod settings;
pub mod sources;
pub mod theme;
pub mod theme_file;
pub mod worktrees;
