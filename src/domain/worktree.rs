//! Worktrees that salon created for sessions, and the rules by which they are removed.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Time;

/// Minimum age and idle time before a worktree goes to the trash by itself, because a session may be about to start.
pub const GRACE_MILLIS: i64 = 3_600_000;

/// Time for which a worktree in the trash can be restored.
pub const RETENTION_MILLIS: i64 = 7 * 24 * 3_600_000;

/// A worktree that salon created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    /// Random identifier, which also marks the worktree's administrative directory.
    pub id: String,
    /// Name of its directory.
    pub name: String,
    /// Root directory.
    pub path: PathBuf,
    /// Directory of worktrees at the time of its creation, outside of which nothing is removed.
    pub root: PathBuf,
    /// Directory that all worktrees of its repository share.
    pub repository: PathBuf,
    /// Root of the main worktree.
    pub workspace: PathBuf,
    /// Branch that was created with it.
    pub branch: String,
    /// Id of the commit from which the branch was created.
    pub base: String,
    /// First of its ten ports.
    pub port: u16,
    /// Time of its creation.
    pub created: Time,
    /// Time at which it went to the trash; `None` if it is in use.
    pub trashed: Option<Time>,
    /// Time at which it was last taken out of the trash.
    pub restored: Option<Time>,
    /// Phase of its life.
    pub phase: WorktreePhase,
    /// Ignored files and directories after its creation.
    pub initial: Vec<IgnoredFile>,
}

impl Worktree {
    /// Returns the variables of the commands and agents that run in the worktree.
    pub fn variables(&self) -> Vec<(String, String)> {
        let vars = [
            ("SALON_PORT", self.port.to_string()),
            ("SALON_WORKTREE", self.name.clone()),
            ("SALON_WORKSPACE", self.workspace.to_string_lossy().into_owned()),
        ];
        vars.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// A worktree in which a session can start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorktreeReady {
    /// Directory of the session.
    pub dir: PathBuf,
    /// The new branch.
    pub branch: String,
    /// Name of the worktree.
    pub name: String,
    /// Commands that prepared it.
    pub setup: Vec<SetupCommand>,
}

/// A command that prepared a worktree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupCommand {
    /// Command line.
    pub line: String,
    /// Both outputs.
    pub output: String,
}

impl WorktreeReady {
    /// Says where the output of the setup is: ` · 2 setup commands: salon worktree show NAME`.
    pub fn setup_note(&self) -> String {
        match self.setup.len() {
            0 => String::new(),
            1 => format!(" · 1 setup command: salon worktree show {}", self.name),
            count => format!(" · {count} setup commands: salon worktree show {}", self.name),
        }
    }
}

/// State of a work tree for lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkTreeSummary {
    /// Current branch; `None` if `HEAD` is detached.
    pub branch: Option<String>,
    /// Number of changed files.
    pub changed: usize,
    /// Commits ahead of the upstream.
    pub ahead: u32,
    /// Commits behind the upstream.
    pub behind: u32,
}

impl WorkTreeSummary {
    /// Formats the state: `main ±3 ↑1 ↓2`.
    pub fn text(&self) -> String {
        let branch = self.branch.clone().unwrap_or_else(|| "detached".to_owned());
        let mark = |sign: &str, count: usize| if count == 0 { String::new() } else { format!(" {sign}{count}") };
        let (ahead, behind) = (self.ahead as usize, self.behind as usize);
        format!("{branch}{}{}{}", mark("±", self.changed), mark("↑", ahead), mark("↓", behind))
    }
}

/// Phases of a worktree. A phase is recorded before the files change, so that a crash is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorktreePhase {
    /// Creation, with its setup.
    Creating,
    /// Use.
    Ready,
    /// Permanent removal.
    Removing,
}

impl WorktreePhase {
    /// Identifier in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Removing => "removing",
        }
    }

    /// Finds a phase by its identifier.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Creating, Self::Ready, Self::Removing].into_iter().find(|phase| phase.name() == name)
    }
}

/// An ignored file or directory, with what shows that it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredFile {
    /// Path relative to the worktree. Unusual bytes are escaped, because it is only compared and shown.
    pub path: String,
    /// Size in bytes; 0 for a directory.
    pub bytes: u64,
    /// Modification time in nanoseconds since 1970; 0 for a directory.
    pub modified: i128,
    /// Digest of everything in a directory; `None` for a file. A directory of an older record has none, and is never
    /// equal to one of today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// A reason against the removal of a worktree. Each one alone prevents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalObstacle {
    /// Files with changes that are not staged.
    Modified(usize),
    /// Files with staged changes.
    Staged(usize),
    /// Files that git does not know.
    Untracked(usize),
    /// Files with conflicts.
    Conflicted(usize),
    /// Ignored files that were not there at the start, or changed since.
    Ignored(Vec<String>),
    /// Files whose changes git was told not to look for.
    Unwatched(usize),
    /// Commits that are on no remote.
    Unpushed(usize),
    /// The repository has no remote, so that nothing of it is elsewhere.
    NoRemote,
    /// Commits that are on no branch.
    Detached(usize),
    /// Stashes that were made on the branch.
    Stashes(usize),
    /// A rebase, merge or the like is in progress.
    Operation(&'static str),
    /// `git worktree lock` was used.
    Locked,
    /// Submodules with work.
    Submodules(Vec<String>),
    /// Processes whose working directory is inside.
    Processes(Vec<u32>),
    /// Sessions that are live or have queued prompts.
    Sessions(Vec<String>),
    /// Not created by salon, or not in the recorded state.
    NotOwned(String),
    /// A check failed, so that nothing is known.
    Unknown(String),
}

impl RemovalObstacle {
    /// Identifier for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Modified(_) => "modified",
            Self::Staged(_) => "staged",
            Self::Untracked(_) => "untracked",
            Self::Conflicted(_) => "conflicted",
            Self::Ignored(_) => "ignored",
            Self::Unwatched(_) => "unwatched",
            Self::Unpushed(_) => "unpushed",
            Self::NoRemote => "no_remote",
            Self::Detached(_) => "detached",
            Self::Stashes(_) => "stash",
            Self::Operation(_) => "operation",
            Self::Locked => "locked",
            Self::Submodules(_) => "submodules",
            Self::Processes(_) => "process",
            Self::Sessions(_) => "session",
            Self::NotOwned(_) => "not_owned",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for RemovalObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Modified(count) => write!(f, "{}", counted(*count, "modified file")),
            Self::Staged(count) => write!(f, "{}", counted(*count, "staged file")),
            Self::Untracked(count) => write!(f, "{}", counted(*count, "untracked file")),
            Self::Conflicted(count) => write!(f, "{}", counted(*count, "file with conflicts")),
            Self::Ignored(paths) => write!(f, "new or changed ignored files: {}", some(paths)),
            Self::Unwatched(count) => {
                write!(f, "{} marked assume-unchanged or skip-worktree", counted(*count, "file"))
            }
            Self::Unpushed(count) => write!(f, "{} not pushed", counted(*count, "commit")),
            Self::NoRemote => write!(f, "the repository has no remote"),
            Self::Detached(count) => write!(f, "{} on no branch", counted(*count, "commit")),
            Self::Stashes(1) => write!(f, "a stash of this branch"),
            Self::Stashes(count) => write!(f, "{count} stashes of this branch"),
            Self::Operation(name) => write!(f, "{name} in progress"),
            Self::Locked => write!(f, "locked with git worktree lock"),
            Self::Submodules(paths) => write!(f, "work in submodules: {}", some(paths)),
            Self::Processes(pids) => {
                let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
                write!(f, "in use by process {}", some(&pids))
            }
            Self::Sessions(ids) => write!(f, "in use by session {}", some(ids)),
            Self::NotOwned(reason) | Self::Unknown(reason) => write!(f, "{reason}"),
        }
    }
}

/// Removal that is due for a worktree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueRemoval {
    /// Nothing.
    None,
    /// Move to the trash, from which it can be restored.
    Trash,
    /// Permanent removal.
    Remove,
}

impl Worktree {
    /// Decides which removal is due at a time. `activity` is the last one of its sessions. Obstacles are not considered:
    /// they are looked for only if something is due.
    pub fn due_removal(&self, activity: Option<Time>, now: Time) -> DueRemoval {
        let used = activity.max(self.restored).map_or(self.created, |used| used.max(self.created));
        let has_passed = |since: Time, millis: i64| now.since(since) > millis;
        match (self.phase, self.trashed) {
            (WorktreePhase::Creating | WorktreePhase::Removing, _) => DueRemoval::None,
            (WorktreePhase::Ready, Some(trashed)) if has_passed(trashed.max(used), RETENTION_MILLIS) => {
                DueRemoval::Remove
            }
            (WorktreePhase::Ready, None) if has_passed(used, GRACE_MILLIS) => DueRemoval::Trash,
            (WorktreePhase::Ready, Some(_) | None) => DueRemoval::None,
        }
    }
}

/// Forms the name of a branch from the first words of a text: `Fix the login!` → `fix-the-login`. `None` without
/// letters and digits.
pub fn branch_name(text: &str) -> Option<String> {
    /// Maximum words, because the name is a column of the list.
    const MAX_WORDS: usize = 5;
    /// Maximum characters, because file systems limit the length of a name.
    const MAX_CHARS: usize = 48;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(MAX_WORDS);
    let joined = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    let name: String = joined.chars().take(MAX_CHARS).collect();
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

fn counted(count: usize, what: &str) -> String {
    match what.split_once(' ') {
        _ if count == 1 => format!("1 {what}"),
        Some(("file", rest)) => format!("{count} files {rest}"),
        _ => format!("{count} {what}s"),
    }
}

/// Joins the first names.
fn some(names: &[String]) -> String {
    /// Maximum names that are shown, because a line is read at a glance.
    const MAX_NAMES: usize = 3;
    let shown = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMES { format!("{shown} and {} more", names.len() - MAX_NAMES) } else { shown }
}
