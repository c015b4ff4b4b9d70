//! Arguments of `keep`.

use clap::Args;

use super::annotation_args::ChangeOutputArgs;

/// Arguments of `keep`.
#[derive(Args, Debug)]
pub struct KeepArgs {
    /// IDs of the sessions
    #[arg(value_name = "ID", required_unless_present_any = ["query", "list"])]
    pub ids: Vec<String>,

    /// Select the sessions that match this query instead
    #[arg(long, value_name = "QUERY", conflicts_with = "ids")]
    pub query: Option<String>,

    /// No longer keep the sessions
    #[arg(long, conflicts_with = "list")]
    pub remove: bool,

    /// List the kept sessions
    #[arg(long, conflicts_with_all = ["ids", "query"])]
    pub list: bool,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}
