//! Configuration files read into neutral values; the defaults are the files in `assets/`, embedded.

pub mod describe;
pub mod key;
pub mod keymap;
pub mod paths;
pub mod settings;
pub mod theme;
pub mod theme_file;
