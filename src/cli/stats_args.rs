//! Arguments of `stats`.

use clap::{Args, ValueEnum};

use super::session_args::ScopeArgs;

/// Arguments of `stats`.
#[derive(Args, Debug)]
pub struct StatsArgs {
    /// Only include sessions that match this query, as `search` does; `-` reads it from stdin
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,

    /// Query as an option, as other commands take it
    #[arg(
        id = "query_option",
        long = "query",
        value_name = "QUERY",
        conflicts_with = "query",
        allow_hyphen_values = true
    )]
    pub query_option: Option<String>,

    /// Selection of sessions; `--since` and `--until` select days of usage
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Only print this table
    #[arg(long, value_enum, value_name = "GROUP", conflicts_with = "json")]
    pub by: Option<StatsGroup>,

    /// Maximum number of rows per table; with --json of sessions
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub limit: usize,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Table of `stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatsGroup {
    /// By day, newest first.
    Day,
    /// By workspace.
    Workspace,
    /// By agent.
    Agent,
    /// By model.
    Model,
    /// By session.
    Session,
}
