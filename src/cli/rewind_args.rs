//! Arguments of `rewind`.

use clap::Args;

/// Arguments of `rewind`.
#[derive(Args, Debug)]
pub struct RewindArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Take the files back to before this turn, counted from 1
    #[arg(value_name = "TURN", required_unless_present = "to", conflicts_with = "to")]
    pub turn: Option<u32>,

    /// Take the files back to this snapshot, which an earlier rewind printed
    #[arg(long, value_name = "SNAPSHOT")]
    pub to: Option<String>,

    /// Take back the conversation as well, within the session, as only OpenCode can; with --to, undo that
    #[arg(long, conflicts_with = "dry_run")]
    pub conversation: bool,

    /// Print which files would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
