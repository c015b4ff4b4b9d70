//! Arguments of the command line. Help, the manual page and shell completions are generated from these types.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::annotation_args::{NoteArgs, RenameArgs, StarArgs, TagArgs};
use super::time_arg::TimeArg;
use super::trash_args::{RestoreArgs, TrashArgs};
use crate::config::settings::ServerSettings;
use crate::domain::Agent;
use crate::domain::search::SearchOrder;

/// All sessions of your coding agents in one terminal: past, running, and waiting for you.
///
/// Without a command, salon opens its screen. All commands also work without a terminal.
#[derive(Debug, Parser)]
#[command(name = "salon", version, max_term_width = 100, after_help = AFTER)]
pub struct Cli {
    /// Read this configuration file instead of the usual one
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Use this running OpenCode server; the password comes from the configuration or from `OPENCODE_SERVER_PASSWORD`
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "ADDRESS", value_parser = ServerSettings::address)]
    pub opencode_server: Option<SocketAddr>,

    /// When to use colours
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, value_name = "WHEN", default_value_t = ColorMode::Auto)]
    pub color: ColorMode,

    /// Command to run
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// Heading of the options that every command has.
const GLOBAL: &str = "Global options";

const AFTER: &str = "\
Other words open the screen: `salon DIR` at a workspace, `salon FILE` at a transcript, `salon ID` at a session, and
`salon TEXT…` at a search.

An ID is an exact id, a unique prefix of at least eight characters, or an exact title; `agent:id` selects the agent.
Exit codes: 0 success, 1 failed or refused, 2 wrong usage or ambiguous ID, 130 interrupted.

Environment:
  SALON_CONFIG_DIR, SALON_DATA_DIR, SALON_CACHE_DIR, SALON_RUNTIME_DIR  locations of salon's own directories
  SALON_LOG   log level (error, warn, info, debug, trace); the log is a file in the data directory
  SALON_NOW   fixed time for tests and demos (2026-11-21T09:25:55Z)
  NO_COLOR    disables colours";

impl Cli {
    /// Returns true if the output is JSON.
    pub fn json(&self) -> bool {
        match &self.command {
            Some(CliCommand::List(args)) => args.json,
            Some(CliCommand::Search(args)) => args.json,
            Some(CliCommand::Show(args)) => args.json,
            Some(CliCommand::Resume(args)) => args.json,
            Some(CliCommand::New(args)) => args.turn.json,
            Some(CliCommand::Send(args)) => args.turn.json,
            Some(CliCommand::Attach(args)) => args.json,
            Some(CliCommand::Queue(args)) => args.json,
            Some(CliCommand::Stop(args)) => args.json,
            Some(CliCommand::Approve(args)) => args.json,
            Some(CliCommand::Rename(args)) => args.output.json,
            Some(CliCommand::Star(args)) => args.output.json,
            Some(CliCommand::Tag(args)) => args.output.json,
            Some(CliCommand::Note(args)) => args.output.json,
            Some(CliCommand::Trash(args)) => args.json,
            Some(CliCommand::Restore(args)) => args.json,
            Some(CliCommand::Doctor(args)) => args.json,
            Some(CliCommand::Config(args)) => args.json,
            Some(CliCommand::Open(words)) => words.iter().any(|word| matches!(word.as_str(), "--json" | "-j")),
            Some(CliCommand::Completions(_) | CliCommand::SessionIds | CliCommand::Man | CliCommand::Demo(_))
            | None => false,
        }
    }
}

/// Colour mode of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorMode {
    /// Only on a terminal, and only if `NO_COLOR` is not set.
    Auto,
    /// Always use colours.
    Always,
    /// Never use colours.
    Never,
}

/// Commands of the program.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// List sessions, newest first
    List(ListArgs),
    /// Search prompts, answers, commands and outputs of all sessions
    Search(SearchArgs),
    /// Print a session's transcript
    Show(ShowArgs),
    /// Resume a session in its agent's own program or in salon's chat
    Resume(ResumeArgs),
    /// Start a session: in salon's chat, or for one turn without a terminal
    New(NewArgs),
    /// Continue a session with a prompt: in salon's chat, or for one turn without a terminal
    Send(SendArgs),
    /// Watch a session as it grows: in salon's screen, or as text without a terminal
    Attach(AttachArgs),
    /// List, cancel or release prompts that are not delivered yet
    Queue(QueueArgs),
    /// Stop a session's leftover processes
    Stop(IdArgs),
    /// Answer an agent's permission request
    Approve(ApproveArgs),
    /// Give a session a name, which is shown instead of its title
    Rename(RenameArgs),
    /// Star sessions, for `is:star`
    Star(StarArgs),
    /// Tag sessions, for `#tag`
    Tag(TagArgs),
    /// Attach a note to a session, for `note:`
    Note(NoteArgs),
    /// Move sessions to the trash, where they can be restored
    Trash(TrashArgs),
    /// Bring sessions back from the trash
    Restore(RestoreArgs),
    /// Open the screen on invented sessions of all agents; reads and keeps nothing of yours
    Demo(DemoArgs),
    /// Check the installation and report problems
    Doctor(DoctorArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Print ids and titles of sessions, newest first, for the completion scripts
    #[command(name = "session-ids", hide = true)]
    SessionIds,
    /// Print the manual page
    Man,
    /// Print the effective configuration
    Config(OutputArgs),
    /// Words that are no command: what the screen is opened at.
    #[command(external_subcommand)]
    Open(Vec<String>),
}

/// Options that select sessions.
#[derive(Args, Debug)]
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
Filters: agent: dir: workspace: branch: model: role: kind: tool: file: exit: before: since: on: turns: tokens:
  is:live,subagent,headless,fork,error,star,empty has:error,diff,image,plan tag: note: id:; #name is a tag
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

/// Options of a turn without a terminal.
#[derive(Args, Debug)]
pub struct TurnArgs {
    /// Action when the agent asks for permission
    #[arg(long, value_enum, value_name = "ACTION", default_value_t = ApprovalPolicy::Deny)]
    pub approve: ApprovalPolicy,

    /// Print events, one JSON object per line
    #[arg(short, long)]
    pub json: bool,
}

/// Action when an agent asks for permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ApprovalPolicy {
    /// Deny it and report it.
    Deny,
    /// Allow it each time.
    Once,
    /// Wait for `salon approve`.
    Wait,
}

/// Arguments of `new`.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// Agent to start
    #[arg(short, long, value_parser = agent(), default_value = "claude")]
    pub agent: Agent,

    /// Working directory instead of the current one
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Model
    #[arg(short, long)]
    pub model: Option<String>,

    /// Permission mode, by the agent's name for it
    #[arg(long)]
    pub mode: Option<String>,

    /// Reasoning effort, by the agent's name for it
    #[arg(long)]
    pub effort: Option<String>,

    /// Options of the turn
    #[command(flatten)]
    pub turn: TurnArgs,

    /// First prompt; read from stdin if it is `-`, or if it is omitted without a terminal
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,

    /// Additional arguments for the agent's program, passed on verbatim
    #[arg(last = true, value_name = "ARGS")]
    pub extra: Vec<String>,
}

/// Arguments of `send`.
#[derive(Args, Debug)]
pub struct SendArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Prompt; read from stdin if it is `-`, or if it is omitted without a terminal
    #[arg(value_name = "PROMPT")]
    pub prompt: Vec<String>,

    /// Options of the turn
    #[command(flatten)]
    pub turn: TurnArgs,
}

/// Arguments of `attach`.
#[derive(Args, Debug)]
pub struct AttachArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Print the newest N entries first
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub tail: usize,

    /// Print events, one JSON object per line
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `queue`.
#[derive(Args, Debug)]
pub struct QueueArgs {
    /// Only list prompts of this session
    #[arg(value_name = "ID")]
    pub id: Option<String>,

    /// Cancel this prompt
    #[arg(long, value_name = "PROMPT", conflicts_with = "release")]
    pub cancel: Option<i64>,

    /// Release this held or failed prompt; it is sent when its session runs again
    #[arg(long, value_name = "PROMPT")]
    pub release: Option<i64>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of commands for one session.
#[derive(Args, Debug)]
pub struct IdArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `approve`.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// ID of the session
    #[arg(value_name = "ID")]
    pub id: String,

    /// List open requests without answering
    #[arg(long, conflicts_with_all = ["always", "deny"])]
    pub list: bool,

    /// Allow it from now on, if the agent supports that
    #[arg(long, conflicts_with = "deny")]
    pub always: bool,

    /// Deny it, with an optional reason
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "")]
    pub deny: Option<String>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
    /// List the kinds and fields of records that this version does not know, with counts and without content
    #[arg(long)]
    pub unknown: bool,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Wait until stdin closes, as the process of the demo's open sessions
    #[arg(long, hide = true)]
    pub hold: bool,
}

/// Options of commands without arguments.
#[derive(Args, Debug)]
pub struct OutputArgs {
    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

fn order() -> impl TypedValueParser<Value = SearchOrder> {
    PossibleValuesParser::new(SearchOrder::ALL.map(SearchOrder::name))
        .map(|name| SearchOrder::ALL.into_iter().find(|order| order.name() == name).unwrap_or_default())
}

fn agent() -> impl TypedValueParser<Value = Agent> {
    PossibleValuesParser::new(Agent::ALL.map(Agent::name))
        .try_map(|name| Agent::from_name(&name).ok_or("unknown agent"))
}
