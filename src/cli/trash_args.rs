//! Arguments of the commands that remove and restore sessions.

use clap::Args;

use super::time_arg::TimeArg;

/// Arguments of `trash`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each field is an independent flag")]
pub struct TrashArgs {
    /// IDs of the sessions
    #[arg(value_name = "ID", required_unless_present_any = ["query", "list", "empty"])]
    pub ids: Vec<String>,

    /// Select the sessions that match this query instead: `is:empty`, `turns:<2`, `-since:90d`
    #[arg(long, value_name = "QUERY", conflicts_with = "ids", allow_hyphen_values = true)]
    pub query: Option<String>,

    /// Also cancel prompts that are queued for the sessions
    #[arg(long)]
    pub cancel_queued: bool,

    /// List the trash
    #[arg(long, conflicts_with_all = ["ids", "query", "empty"])]
    pub list: bool,

    /// Delete the files in the trash permanently; needs --yes
    #[arg(long, conflicts_with_all = ["ids", "query"])]
    pub empty: bool,

    /// With --empty: only delete what was moved before this time (`30d`, `2026-11-01`)
    #[arg(long, value_name = "TIME", requires = "empty")]
    pub older_than: Option<TimeArg>,

    /// With --empty: also delete hidden sessions from their agents' databases, by the agents' own programs
    #[arg(long, requires = "empty")]
    pub in_agents: bool,

    /// Confirm the permanent deletion
    #[arg(long, requires = "empty")]
    pub yes: bool,

    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// IDs of sessions in the trash
    #[arg(value_name = "ID", required_unless_present = "query")]
    pub ids: Vec<String>,

    /// Select the sessions in the trash that match this query instead, by their agent, title and time of removal
    #[arg(long, value_name = "QUERY", conflicts_with = "ids", allow_hyphen_values = true)]
    pub query: Option<String>,

    /// Print what would be restored, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
