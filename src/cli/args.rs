//! What can be typed. The help, the manual page and the completions are made from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::when::When;
use crate::config::settings::Server;
use crate::domain::Agent;
use crate::domain::found::Order;

/// Every conversation with your coding agents (past, running and waiting) in one terminal.
///
/// Without a command salon opens its screen. Every command but that one works without a terminal.
#[derive(Debug, Parser)]
#[command(name = "salon", version, max_term_width = 100, after_help = AFTER)]
pub struct Cli {
    /// Read this configuration file instead of the usual one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Use this OpenCode server that runs already; its password is that of the configuration or of `OPENCODE_SERVER_PASSWORD`
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = Server::address)]
    pub opencode_server: Option<SocketAddr>,

    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub color: Colour,

    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER: &str = "\
IDs are an exact id, a unique prefix of eight characters or more, or an exact title; `agent:id` narrows.
Exit codes: 0 done, 1 failed or refused, 2 wrong usage or ambiguous, 130 interrupted.

Environment:
  SALON_CONFIG_DIR, SALON_DATA_DIR, SALON_CACHE_DIR, SALON_RUNTIME_DIR  move salon's own directories
  SALON_LOG   level of the log, a file in the data directory (error, warn, info, debug, trace)
  SALON_NOW   a fixed clock, for tests and demos (2026-11-21T09:25:55Z)
  NO_COLOR    no colours";

impl Cli {
    /// Whether the answer shall be one JSON object.
    pub fn json(&self) -> bool {
        match &self.command {
            Some(Command::List(args)) => args.json,
            Some(Command::Search(args)) => args.json,
            Some(Command::Show(args)) => args.json,
            Some(Command::Resume(args)) => args.json,
            Some(Command::New(args)) => args.turn.json,
            Some(Command::Send(args)) => args.turn.json,
            Some(Command::Attach(args)) => args.json,
            Some(Command::Queue(args)) => args.json,
            Some(Command::Stop(args)) => args.json,
            Some(Command::Approve(args)) => args.json,
            Some(Command::Doctor(args) | Command::Config(args)) => args.json,
            Some(Command::Completions(_) | Command::Man) | None => false,
        }
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sessions, newest first
    List(ListArgs),
    /// Find anything that was ever said, run or printed in a session
    Search(SearchArgs),
    /// Print a session's transcript
    Show(ShowArgs),
    /// Resume a session in its agent's own program, or in salon's chat
    Resume(ResumeArgs),
    /// Begin a session: in salon's chat, or without a terminal for one turn
    New(NewArgs),
    /// Send a prompt to a session: in salon's chat, or without a terminal for one turn
    Send(SendArgs),
    /// Follow a session as it goes on, in salon's screen or without a terminal as text
    Attach(AttachArgs),
    /// List prompts that are not delivered yet, and decide about them
    Queue(QueueArgs),
    /// End what a killed salon left running, and tell whether a session runs elsewhere
    Stop(IdArgs),
    /// Answer what an agent waits for
    Approve(ApproveArgs),
    /// Tell what was found on this machine, and what is wrong
    Doctor(PlainArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
    /// Print the configuration in effect
    Config(PlainArgs),
}

/// Which sessions a command is about.
#[derive(Args, Debug)]
pub struct Scope {
    /// Sessions of all workspaces (the default)
    #[arg(long, conflicts_with = "here")]
    pub all: bool,

    /// Only sessions of the workspace of the current directory
    #[arg(long)]
    pub here: bool,

    /// Only these agents
    #[arg(long = "agent", value_name = "AGENT", value_delimiter = ',', value_parser = agent)]
    pub agents: Vec<Agent>,

    /// Only sessions that began in this directory or below
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Only sessions active since (`2d`, `3h`, `2026-11-01`)
    #[arg(long, value_name = "TIME")]
    pub since: Option<When>,

    /// Only sessions active before
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
}

/// What `list` takes.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only sessions in which this is found, as `search` finds it; `-` reads it from stdin
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,

    /// Which sessions
    #[command(flatten)]
    pub scope: Scope,

    /// Also what is hidden: sub-agents, headless, empty and archived sessions
    #[arg(long)]
    pub hidden: bool,

    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Leave out the first so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,

    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `search` takes.
#[derive(Args, Debug)]
#[command(after_help = QUERIES)]
pub struct SearchArgs {
    /// What to look for; `-`, or none without a terminal, reads it from stdin
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,

    /// Which sessions
    #[command(flatten)]
    pub scope: Scope,

    /// At most so many sessions
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Show so many lines before and after what was found
    #[arg(long, value_name = "LINES")]
    pub context: Option<usize>,

    /// What comes first
    #[arg(long, value_name = "ORDER", default_value = Order::Relevance.name(), value_parser = order())]
    pub sort: Order,

    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

const QUERIES: &str = "\
Words must all occur, in any case unless one has capitals; \"a phrase\", -without, this OR that, /regex/.
Filters: agent: dir: workspace: branch: model: role: kind: tool: file: exit: before: since: on: turns: tokens:
  is:live,subagent,headless,fork,error,star,empty has:error,diff,image,plan id: #tag
What begins with a hyphen stands in quotes with other words, or behind `--`: salon search -- word -without
All sessions are searched, hidden ones too. A line is an agent:id, an entry's number in `salon show`, and what stands there.";

/// What `show` takes.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The session
    #[arg(value_name = "ID")]
    pub id: String,

    /// At most so many entries, the newest
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Leave out the newest so many entries
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,

    /// Print Markdown
    #[arg(long, conflicts_with_all = ["raw", "json"])]
    pub markdown: bool,

    /// Print the records as the agent stored them
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,

    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `resume` takes.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ResumeArgs {
    /// The session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Although it is open elsewhere
    #[arg(long)]
    pub force: bool,

    /// In this directory instead of its own
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,

    /// Only print the command
    #[arg(long)]
    pub print: bool,

    /// Open salon's own chat on it instead
    #[arg(long, conflicts_with_all = ["print", "extra"])]
    pub chat: bool,

    /// Errors, and what --print prints, as one JSON object
    #[arg(long)]
    pub json: bool,

    /// Further arguments for the agent's program, verbatim
    #[arg(last = true, value_name = "ARGS")]
    pub extra: Vec<String>,
}

/// How one turn without a terminal goes.
#[derive(Args, Debug)]
pub struct TurnArgs {
    /// What happens when the agent asks for leave; by default it is denied and named
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Approve::Deny)]
    pub approve: Approve,

    /// Print the events, one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// What happens when an agent asks for leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Approve {
    /// It is denied, and named.
    Deny,
    /// It is allowed, each time it asks.
    Once,
    /// It waits until `salon approve` answers.
    Wait,
}

/// What `new` takes.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The agent
    #[arg(long, value_parser = agent, default_value = "claude")]
    pub agent: Agent,

    /// Its directory instead of the current one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Its model
    #[arg(long)]
    pub model: Option<String>,

    /// Its permission mode, as the agent calls it
    #[arg(long)]
    pub mode: Option<String>,

    /// Its reasoning effort, as the agent calls it
    #[arg(long)]
    pub effort: Option<String>,

    /// How the turn goes
    #[command(flatten)]
    pub turn: TurnArgs,

    /// The first prompt; `-`, or none without a terminal, reads it from stdin
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,

    /// Further arguments for the agent's program, verbatim
    #[arg(last = true, value_name = "ARGS")]
    pub extra: Vec<String>,
}

/// What `send` takes.
#[derive(Args, Debug)]
pub struct SendArgs {
    /// The session
    #[arg(value_name = "ID")]
    pub id: String,

    /// The prompt; `-`, or none without a terminal, reads it from stdin
    #[arg(value_name = "PROMPT")]
    pub prompt: Vec<String>,

    /// How the turn goes
    #[command(flatten)]
    pub turn: TurnArgs,
}

/// What `attach` takes.
#[derive(Args, Debug)]
pub struct AttachArgs {
    /// The session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Print so many of the newest entries first
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub tail: usize,

    /// Print the events, one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// What `queue` takes.
#[derive(Args, Debug)]
pub struct QueueArgs {
    /// Only of this session
    #[arg(value_name = "ID")]
    pub id: Option<String>,

    /// Take this prompt back
    #[arg(long, value_name = "PROMPT", conflicts_with = "release")]
    pub cancel: Option<i64>,

    /// Let this held or failed prompt be sent, when its session runs again
    #[arg(long, value_name = "PROMPT")]
    pub release: Option<i64>,

    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What commands take that are about one session.
#[derive(Args, Debug)]
pub struct IdArgs {
    /// The session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `approve` takes.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// The session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Only list what waits
    #[arg(long, conflicts_with_all = ["always", "deny"])]
    pub list: bool,

    /// Allow it from now on, where the agent offers that
    #[arg(long, conflicts_with = "deny")]
    pub always: bool,

    /// Deny it, with a reason or without
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "")]
    pub deny: Option<String>,

    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What commands take that need nothing.
#[derive(Args, Debug)]
pub struct PlainArgs {
    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `completions` takes.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

fn order() -> impl TypedValueParser<Value = Order> {
    PossibleValuesParser::new(Order::ALL.map(Order::name))
        .map(|name| Order::ALL.into_iter().find(|order| order.name() == name).unwrap_or_default())
}

fn agent(name: &str) -> Result<Agent, String> {
    Agent::from_name(name).ok_or_else(|| {
        let names = Agent::ALL.map(Agent::name).join(", ");
        format!("no such agent; known are {names}")
    })
}
