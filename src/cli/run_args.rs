//! Arguments of the commands that run sessions and control runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::session_args::agent;
use crate::domain::Agent;

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
    /// Agent to start: claude, or with --from another one than that of the session
    #[arg(short, long, value_parser = agent())]
    pub agent: Option<Agent>,

    /// Continue this session of another agent, with a brief of it as the first prompt
    #[arg(long, value_name = "ID")]
    pub from: Option<String>,

    /// Working directory instead of the current one
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Create a worktree for the session; its branch is named NAME, or after the first words of the prompt
    #[arg(short, long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub worktree: Option<String>,

    /// With --worktree: commit or branch to begin at, instead of the current commit
    #[arg(long, value_name = "REF", requires = "worktree")]
    pub base: Option<String>,

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

    /// Send it to a fork, so that the session stays as it is
    #[arg(short, long)]
    pub fork: bool,

    /// Send it to a fork that has everything before the prompt of this turn, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub before_turn: Option<u32>,

    /// Continue in a new worktree, whose branch is named NAME or after the title
    #[arg(short, long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub worktree: Option<String>,

    /// Options of the turn
    #[command(flatten)]
    pub turn: TurnArgs,
}

impl SendArgs {
    /// Returns true if the conversation continues in another place: in a fork or a new worktree.
    pub fn is_elsewhere(&self) -> bool {
        self.fork || self.worktree.is_some() || self.before_turn.is_some()
    }
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
