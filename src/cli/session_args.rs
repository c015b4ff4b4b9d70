//! Arguments of the commands that list, search, show and resume sessions.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::time_arg::TimeArg;
use crate::domain::Agent;
use crate::domain::search::SearchOrder;

/// Options that select sessions.
#[derive(Args, Clone, Debug)]
pub struct ScopeArgs {
    /// Include sessions of all workspaces (default)
    #[arg(long, conflicts_with = "here")]
    pub all: bool,

    /// Only include sessions of the current workspace
    #[arg(long)]
    pub here: bool,

    /// Only include sessions of these agents
    #[arg(short, long = "agent", value_name = "AGENT", value_delimiter = ',', value_parser = agent())]
    pub agents: Vec<Agent>,

    /// Only include sessions started in this directory or below
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Only include sessions active since this time (`2d`, `3h`, `2026-11-01`)
    #[arg(long, value_name = "TIME")]
    pub since: Option<TimeArg>,

    /// Only include sessions active before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<TimeArg>,
}

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only include sessions that match this query, as `search` does; `-` reads it from stdin
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,

    /// Selection of sessions
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Include hidden sessions: sub-agents, headless, empty and archived ones
    #[arg(long)]
    pub hidden: bool,

    /// Maximum number of sessions
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Skip the first N sessions
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `search`.
#[derive(Args, Debug)]
#[command(after_help = QUERIES)]
pub struct SearchArgs {
    /// Search query; read from stdin if it is `-`, or if it is omitted without a terminal
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,

    /// Selection of sessions
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Maximum number of sessions; the search stops when the best N are known
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Search everything, even if the best sessions are known, for an exact total
    #[arg(long)]
    pub exhaustive: bool,

    /// Lines of context before and after each match
    #[arg(short = 'C', long, value_name = "LINES")]
    pub context: Option<usize>,

    /// Sort order
    #[arg(long, value_name = "ORDER", default_value = SearchOrder::Relevance.name(), value_parser = order())]
    pub sort: SearchOrder,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

const QUERIES: &str = "\
All words must match; a word with capitals is case-sensitive. \"a phrase\", -without, this OR that, /regex/.

Filters: agent: dir: workspace: branch: model: role: kind: tool: file: exit: before: since: on: turns: tokens: \
is:live,subagent,headless,fork,error,star,empty has:error,diff,image,plan tag: note: id: host:; #name is a tag

Put a query that starts with a hyphen after `--`: salon search -- word -without

Hidden sessions are searched too. Each line has agent:id, the entry number as in `salon show`, and the matching text.";

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Maximum number of entries, counted from the newest
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Skip the newest N entries
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,

    /// Show another branch of the conversation, by its number
    #[arg(long, value_name = "N")]
    pub branch: Option<usize>,

    /// Print Markdown
    #[arg(short, long, conflicts_with_all = ["raw", "json"])]
    pub markdown: bool,

    /// Print the records exactly as the agent stored them
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `resume`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each field is an independent flag")]
pub struct ResumeArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Resume even if the session is open elsewhere
    #[arg(long)]
    pub force: bool,

    /// Resume in this directory instead of the session's own
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cwd: Option<PathBuf>,

    /// Print the command without running it
    #[arg(long)]
    pub print: bool,

    /// Continue in salon's chat instead
    #[arg(long, conflicts_with_all = ["print", "extra"])]
    pub chat: bool,

    /// Print errors, and the output of --print, as one JSON object
    #[arg(short, long)]
    pub json: bool,

    /// Additional arguments for the agent's program, passed on verbatim
    #[arg(last = true, value_name = "ARGS")]
    pub extra: Vec<String>,
}

fn order() -> impl TypedValueParser<Value = SearchOrder> {
    PossibleValuesParser::new(SearchOrder::ALL.map(SearchOrder::name))
        .map(|name| SearchOrder::ALL.into_iter().find(|order| order.name() == name).unwrap_or_default())
}

/// Returns the parser of an agent's name.
pub(super) fn agent() -> impl TypedValueParser<Value = Agent> {
    PossibleValuesParser::new(Agent::all().into_iter().map(Agent::name))
        .try_map(|name| Agent::from_name(&name).ok_or("unknown agent"))
}
