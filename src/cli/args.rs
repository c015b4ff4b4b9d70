//! Arguments of the command line. Help, the manual page and shell completions are generated from these types.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::annotation_args::{NoteArgs, RenameArgs, StarArgs, TagArgs};
use super::annotations_args::AnnotationsArgs;
use super::changes_args::DiffArgs;
use super::export_args::ExportArgs;
use super::file_args::FileArgs;
use super::keep_args::KeepArgs;
use super::relocate_args::RelocateArgs;
use super::repair_args::RepairArgs;
use super::rewind_args::RewindArgs;
use super::run_args::{ApproveArgs, AttachArgs, IdArgs, NewArgs, QueueArgs, SendArgs};
use super::serve_args::ServeArgs;
use super::session_args::{ListArgs, ResumeArgs, SearchArgs, ShowArgs};
use super::source_args::SourceArgs;
use super::stats_args::StatsArgs;
use super::trash_args::{RestoreArgs, TrashArgs};
use super::worktree_args::WorktreeArgs;
use crate::config::settings::ServerSettings;

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
Other words open the screen: `salon DIR` at a workspace, `salon FILE` at a transcript, `salon ID` at a session, and \
`salon TEXT…` at a search.

An ID is an exact id, a unique prefix of at least eight characters, or an exact title; `agent:id` selects the agent, and \
`host:agent:id` another machine or container (see `salon source`).

Exit codes: 0 success, 1 failed or refused, 2 wrong usage or ambiguous ID, 130 interrupted.

Environment:
  SALON_CONFIG_DIR   directory of config.toml
  SALON_DATA_DIR     directory of state.db and the log
  SALON_CACHE_DIR    directory of the cache
  SALON_RUNTIME_DIR  directory of sockets and temporary files
  SALON_LOG          log level: error, warn, info, debug or trace
  SALON_NOW          fixed time for tests and demos (2026-11-21T09:25:55Z)
  NO_COLOR           disables colours";

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
            Some(CliCommand::Source(args)) => args.command.json(),
            Some(CliCommand::Rename(args)) => args.output.json,
            Some(CliCommand::Star(args)) => args.output.json,
            Some(CliCommand::Tag(args)) => args.output.json,
            Some(CliCommand::Note(args)) => args.output.json,
            Some(CliCommand::Trash(args)) => args.json,
            Some(CliCommand::Restore(args)) => args.json,
            Some(CliCommand::Keep(args)) => args.output.json,
            Some(CliCommand::Relocate(args)) => args.output.json,
            Some(CliCommand::Annotations(args)) => args.json(),
            Some(CliCommand::Stats(args)) => args.json,
            Some(CliCommand::Diff(args)) => args.json,
            Some(CliCommand::Rewind(args)) => args.json,
            Some(CliCommand::Worktree(args)) => args.command.json(),
            Some(CliCommand::Export(args)) => args.json,
            Some(CliCommand::File(args)) => args.json,
            Some(CliCommand::Repair(args)) => args.json,
            Some(CliCommand::Doctor(args)) => args.json,
            Some(CliCommand::Config(args)) => args.json,
            Some(CliCommand::Demo(args)) => args.json,
            Some(CliCommand::Open(words)) => words.iter().any(|word| matches!(word.as_str(), "--json" | "-j")),
            Some(
                CliCommand::Completions(_)
                | CliCommand::SessionIds
                | CliCommand::QueryWords(_)
                | CliCommand::Man
                | CliCommand::Serve(_),
            )
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
    /// Keep runs in a background process, so that they continue when the window is closed
    Serve(ServeArgs),
    /// List sessions of other machines and containers too
    Source(SourceArgs),
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
    /// Continue the sessions of a moved project in its new directory
    Relocate(RelocateArgs),
    /// Export or import names, stars, tags and notes
    Annotations(AnnotationsArgs),
    /// Keep sessions although their agents delete old ones
    Keep(KeepArgs),
    /// Print tokens and costs per day, workspace, agent, model and session
    Stats(StatsArgs),
    /// Print what a session changed, or what changed in its directory since a commit and who did it
    Diff(DiffArgs),
    /// Take the files of a session back to before a turn; what is thrown away can be brought back
    Rewind(RewindArgs),
    /// Create, list, remove and restore worktrees: a place of its own for a session
    Worktree(WorktreeArgs),
    /// Write sessions as Markdown, HTML, JSON or text, with secrets masked
    Export(ExportArgs),
    /// Write a repaired copy of a damaged session
    Repair(RepairArgs),
    /// Print a file as it was at an entry of a session, or list the files that it changed
    File(FileArgs),
    /// Open the screen on invented sessions of all agents; reads and keeps nothing of yours
    Demo(DemoArgs),
    /// Check the installation and report problems
    Doctor(DoctorArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Print ids and titles of sessions, newest first, for the completion scripts
    #[command(name = "session-ids", hide = true)]
    SessionIds,
    /// Print the completions of a word of a query, for the completion scripts
    #[command(name = "query-words", hide = true)]
    QueryWords(QueryWordsArgs),
    /// Print the manual page
    Man,
    /// Print the effective configuration
    Config(OutputArgs),
    /// Words that are no command: what the screen is opened at.
    #[command(external_subcommand)]
    Open(Vec<String>),
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

    /// Print an error as one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Options of commands without arguments.
#[derive(Args, Debug)]
pub struct OutputArgs {
    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `query-words`.
#[derive(Args, Debug)]
pub struct QueryWordsArgs {
    /// Beginning of the word
    #[arg(value_name = "WORD", allow_hyphen_values = true, default_value = "")]
    pub word: String,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}
