//! Hostile input: special files and huge files in agents' folders, texts that hide something, damaged transcripts,
//! folders that the user never trusted.

mod cached;
pub mod damage;
mod files;
mod output;
mod shown;
mod streams;
mod trust;
