//! Arguments of `repair`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Arguments of `repair`.
#[derive(Args, Debug)]
pub struct RepairArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// File of the copy, which must not exist
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
