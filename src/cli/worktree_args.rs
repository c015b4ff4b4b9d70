//! Arguments of the commands that manage worktrees.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Arguments of `worktree`.
#[derive(Args, Debug)]
pub struct WorktreeArgs {
    /// Command
    #[command(subcommand)]
    pub command: WorktreeCommand,

    /// Machine or container instead of this machine; also before a directory or a name: box:fix-login
    #[arg(long, global = true, value_name = "NAME")]
    pub host: Option<String>,
}

/// Commands of `worktree`.
#[derive(Debug, Subcommand)]
pub enum WorktreeCommand {
    /// List the worktrees that salon created
    List(ListWorktreesArgs),
    /// Create a worktree with a branch of its own, and prepare it as its workspace is configured
    New(NewWorktreeArgs),
    /// Print a worktree and the output of the commands that prepared it
    Show(ShowWorktreeArgs),
    /// Move worktrees to the trash, where they can be restored for 7 days; refused if there is work in one
    Trash(NamedWorktreesArgs),
    /// Bring worktrees back from the trash
    Restore(NamedWorktreesArgs),
    /// Move unused worktrees to the trash, and remove those that were there for 7 days
    Prune(PruneArgs),
}

impl WorktreeCommand {
    /// Returns true if the output is JSON.
    pub fn json(&self) -> bool {
        match self {
            Self::List(args) => args.json,
            Self::New(args) => args.json,
            Self::Show(args) => args.json,
            Self::Trash(args) | Self::Restore(args) => args.json,
            Self::Prune(args) => args.json,
        }
    }
}

/// Arguments of `worktree list`.
#[derive(Args, Debug)]
pub struct ListWorktreesArgs {
    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `worktree new`.
#[derive(Args, Debug)]
pub struct NewWorktreeArgs {
    /// Name of the branch, or words of which one is formed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Commit or branch to begin at, instead of the current commit
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,

    /// Directory in the repository instead of the current one
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `worktree show`.
#[derive(Args, Debug)]
pub struct ShowWorktreeArgs {
    /// Name, branch, id or path of the worktree
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `worktree trash` and `worktree restore`.
#[derive(Args, Debug)]
pub struct NamedWorktreesArgs {
    /// Names, branches, ids or paths of worktrees
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `worktree prune`.
#[derive(Args, Debug)]
pub struct PruneArgs {
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
