//! Arguments of `relocate`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::annotation_args::ChangeOutputArgs;

/// Arguments of `relocate`.
#[derive(Args, Debug)]
pub struct RelocateArgs {
    /// Old directory of a project and its new one; with --to or --clear the ID of one session
    #[arg(value_name = "OLD NEW | ID", num_args = 1..=2, required_unless_present_any = ["list", "query"])]
    pub words: Vec<String>,

    /// With --to or --clear: select the sessions that match this query instead
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["words", "list"])]
    pub query: Option<String>,

    /// Directory of the selected sessions
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with_all = ["clear", "list"])]
    pub to: Option<PathBuf>,

    /// Return the selected sessions to the directories in which they began
    #[arg(long, conflicts_with = "list")]
    pub clear: bool,

    /// List the directories that are gone, with proposals
    #[arg(long, conflicts_with = "words")]
    pub list: bool,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}
