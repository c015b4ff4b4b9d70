//! Arguments of `diff`.

use clap::Args;

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Only the edits of this turn, counted from 1
    #[arg(long, value_name = "N", conflicts_with = "since")]
    pub turn: Option<u32>,

    /// Compare the files of the session's directory with this commit instead, and name who changed them
    #[arg(long, value_name = "REF")]
    pub since: Option<String>,

    /// Print the remarks on the changes instead: each with its state (draft, open, handled) and its lines
    #[arg(long, conflicts_with_all = ["turn", "since"])]
    pub remarks: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
