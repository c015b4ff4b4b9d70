//! JSON shapes and lines of worktrees.

use serde::Serialize;

use crate::domain::Time;
use crate::domain::worktree::{RETENTION_MILLIS, RemovalObstacle, Worktree};
use crate::git::status::WorkTreeStatus;
use crate::runtime::worktrees::{CommandRun, Worktrees};
use crate::stdx::text::one_line;

/// JSON shape of a worktree.
#[derive(Serialize)]
pub(super) struct WorktreeJson {
    id: String,
    name: String,
    path: String,
    workspace: String,
    branch: String,
    base: String,
    port: u16,
    /// `creating`, `ready` or `removing`.
    phase: &'static str,
    created_at: String,
    trashed_at: Option<String>,
    /// Time after which it is removed permanently.
    expires_at: Option<String>,
    /// Current state; `null` if git cannot read it.
    status: Option<StatusJson>,
    /// Reason why git cannot read it.
    issue: Option<String>,
}

/// JSON shape of the state of a work tree.
#[derive(Serialize)]
pub(super) struct StatusJson {
    branch: Option<String>,
    head: Option<String>,
    changed: usize,
    ahead: Option<u32>,
    behind: Option<u32>,
}

impl WorktreeJson {
    /// Describes a worktree with its current state.
    pub(super) fn new(worktree: &Worktree, worktrees: &Worktrees) -> Self {
        let (status, issue) = match worktrees.status(worktree) {
            Ok(status) => (Some(StatusJson::from(status)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let expires = |trashed: Time| Time::from_millis(trashed.millis().saturating_add(RETENTION_MILLIS)).rfc3339();
        Self {
            id: worktree.id.clone(),
            name: worktree.name.clone(),
            path: worktree.path.to_string_lossy().into_owned(),
            workspace: worktree.workspace.to_string_lossy().into_owned(),
            branch: worktree.branch.clone(),
            base: worktree.base.clone(),
            port: worktree.port,
            phase: worktree.phase.name(),
            created_at: worktree.created.rfc3339(),
            trashed_at: worktree.trashed.map(Time::rfc3339),
            expires_at: worktree.trashed.map(expires),
            status,
            issue,
        }
    }

    /// Returns name, branch with its state, and path, separated by tabs.
    pub(super) fn line(&self) -> String {
        let state = match (&self.status, &self.issue) {
            _ if self.trashed_at.is_some() => "in the trash".to_owned(),
            (Some(status), _) => status.words(),
            (None, issue) => issue.as_deref().map_or_else(String::new, one_line),
        };
        format!("{}\t{}\t{state}\t{}", one_line(&self.name), one_line(&self.branch), one_line(&self.path))
    }
}

impl From<WorkTreeStatus> for StatusJson {
    fn from(status: WorkTreeStatus) -> Self {
        let (ahead, behind) = status.divergence.unzip();
        Self { branch: status.branch, head: status.head, changed: status.changes.len(), ahead, behind }
    }
}

impl StatusJson {
    fn words(&self) -> String {
        let changed = match self.changed {
            0 => "clean".to_owned(),
            1 => "1 changed file".to_owned(),
            count => format!("{count} changed files"),
        };
        let count = |count: Option<u32>, word: &str| {
            count.filter(|count| *count > 0).map_or_else(String::new, |count| format!(", {count} {word}"))
        };
        format!("{changed}{}{}", count(self.ahead, "ahead"), count(self.behind, "behind"))
    }
}

/// JSON shape of a command that prepared a worktree.
#[derive(Serialize)]
pub(super) struct SetupJson<'a> {
    command: &'a str,
    exit_code: Option<i32>,
    output: &'a str,
    failure: Option<&'a str>,
}

impl<'a> From<&'a CommandRun> for SetupJson<'a> {
    fn from(run: &'a CommandRun) -> Self {
        let CommandRun { command, exit_code, output, failure } = run;
        Self { command, exit_code: *exit_code, output, failure: failure.as_deref() }
    }
}

/// JSON shape of a worktree that was removed, restored or kept.
#[derive(Serialize)]
pub(super) struct OutcomeJson {
    id: String,
    name: String,
    path: String,
    /// `trashed`, `removed`, `restored`, `would_trash`, `would_remove`, `kept` or `refused`.
    outcome: &'static str,
    reasons: Vec<ReasonJson>,
}

#[derive(Serialize)]
struct ReasonJson {
    code: &'static str,
    message: String,
}

impl OutcomeJson {
    /// Describes an outcome.
    pub(super) fn new(worktree: &Worktree, outcome: &'static str) -> Self {
        let path = worktree.path.to_string_lossy().into_owned();
        Self { id: worktree.id.clone(), name: worktree.name.clone(), path, outcome, reasons: Vec::new() }
    }

    /// Describes a worktree that stays.
    pub(super) fn kept(worktree: &Worktree, outcome: &'static str, obstacles: &[RemovalObstacle]) -> Self {
        let reason = |obstacle: &RemovalObstacle| ReasonJson { code: obstacle.code(), message: obstacle.to_string() };
        Self { reasons: obstacles.iter().map(reason).collect(), ..Self::new(worktree, outcome) }
    }

    /// Returns true if what was requested was not done.
    pub(super) fn is_refused(&self) -> bool {
        self.outcome == "refused"
    }

    /// Returns the outcome with its reasons, the name and the path, separated by tabs.
    pub(super) fn line(&self) -> String {
        let (name, path, outcome) = (one_line(&self.name), one_line(&self.path), self.outcome.replace('_', " "));
        let reasons: Vec<_> = self.reasons.iter().map(|reason| one_line(&reason.message)).collect();
        let detail = if reasons.is_empty() { outcome } else { format!("{outcome}: {}", reasons.join("; ")) };
        format!("{name}\t{detail}\t{path}")
    }
}
