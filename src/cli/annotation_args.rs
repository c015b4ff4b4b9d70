//! Arguments of the commands that annotate sessions.

use clap::Args;

/// Arguments of `rename`.
#[derive(Args, Debug)]
pub struct RenameArgs {
    /// ID of the session, then its new name of 1 to 200 characters; with --query only the name
    #[arg(value_name = "ID | NAME", required_unless_present = "query")]
    pub words: Vec<String>,

    /// Select the sessions that match this query instead
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,

    /// Remove the name, so that the agent's title is shown again
    #[arg(long)]
    pub clear: bool,

    /// Also rename it in the agent's own files, where the agent has a way
    #[arg(long, conflicts_with = "clear")]
    pub write_back: bool,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}

/// Arguments of `star`.
#[derive(Args, Debug)]
pub struct StarArgs {
    /// IDs of the sessions
    #[arg(value_name = "ID", required_unless_present = "query")]
    pub ids: Vec<String>,

    /// Select the sessions that match this query instead
    #[arg(long, value_name = "QUERY", conflicts_with = "ids")]
    pub query: Option<String>,

    /// Remove the star
    #[arg(long)]
    pub remove: bool,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}

/// Arguments of `tag`.
#[derive(Args, Debug)]
pub struct TagArgs {
    /// ID of the session, then the tags to add, with or without `#`; with --query only tags
    #[arg(value_name = "ID | TAG", required_unless_present = "query")]
    pub words: Vec<String>,

    /// Select the sessions that match this query instead
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,

    /// Remove these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub remove: Vec<String>,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}

/// Arguments of `note`.
#[derive(Args, Debug)]
pub struct NoteArgs {
    /// ID of the session, then the text of the note, read from stdin if it is `-`; with --query only the text
    #[arg(value_name = "ID | TEXT", required_unless_present = "query")]
    pub words: Vec<String>,

    /// Select the sessions that match this query instead
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,

    /// Remove the note
    #[arg(long)]
    pub clear: bool,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}

/// Options of commands that change sessions.
#[derive(Args, Clone, Copy, Debug)]
pub struct ChangeOutputArgs {
    /// Print what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}
