//! Arguments of `file`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Arguments of `file`.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// File that the session changed, absolute or below its directory; without it the changed files are listed
    #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub path: Option<PathBuf>,

    /// Print the content after this entry, by its number in `show`, instead of the last one
    #[arg(long, value_name = "ENTRY", requires = "path")]
    pub at: Option<usize>,

    /// Print the difference to the content after this entry
    #[arg(long, value_name = "ENTRY", requires = "path")]
    pub since: Option<usize>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
