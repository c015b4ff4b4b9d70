//! Operations of tools in agent-neutral terms: commands, file changes, plans, and their status.

use serde::{Deserialize, Serialize};

use super::secrets;

/// Maximum characters of a headline, because it is one line.
pub const HEADLINE_CHARS: usize = 400;

/// Status of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolStatus {
    /// Requested but not started, or no result on disk.
    Pending,
    /// In progress.
    Running,
    /// Succeeded.
    Done,
    /// Failed with an error.
    Failed,
    /// Denied by the user or a rule.
    Denied,
    /// Interrupted by the user.
    Interrupted,
}

impl ToolStatus {
    /// Identifier in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Operation of a tool call, independent of the agent's tool names. Paths are as the agent wrote them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolAction {
    /// Runs a command.
    Command {
        /// Command line.
        command: String,
        /// Exit code, once known.
        exit_code: Option<i32>,
    },
    /// Reads a file.
    Read {
        /// Path of the file.
        path: String,
    },
    /// Changes files.
    Edit(Vec<FileChange>),
    /// Searches files or their names.
    Search {
        /// Search pattern.
        pattern: String,
        /// Directory or file, if the search is restricted.
        path: Option<String>,
    },
    /// Fetches from, or searches, the web.
    Web {
        /// URL or query.
        query: String,
    },
    /// Starts a sub-agent.
    Task {
        /// Short description of the task.
        description: String,
        /// Prompt of the sub-agent.
        prompt: String,
    },
    /// Sets the plan.
    Plan(Vec<PlanItem>),
    /// Proposes a plan, in Markdown.
    PlanText(String),
    /// Asks the user.
    Question {
        /// Text of the question.
        question: String,
        /// Answer of the user, once given.
        answer: Option<String>,
    },
    /// Any other operation, with its input summarised in one line.
    Other(String),
}

impl ToolAction {
    /// Summary of the operation in one line.
    pub fn headline(&self) -> String {
        let text = self.summary();
        let line = crate::stdx::text::one_line(secrets::cut(&text, 2000));
        secrets::cut(&line, HEADLINE_CHARS).to_owned()
    }

    /// Text of the operation without the contents of files and of long prompts. Not sanitised.
    pub fn summary(&self) -> String {
        match self {
            Self::Edit(changes) => changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", "),
            Self::Task { description, prompt } if description.is_empty() => prompt.clone(),
            Self::Task { description, .. } => description.clone(),
            other => other.text(),
        }
    }

    /// Complete text of the operation. Not sanitised.
    pub fn text(&self) -> String {
        match self {
            Self::Command { command, .. } => command.clone(),
            Self::Read { path } => path.clone(),
            Self::Edit(changes) => changes.iter().map(FileChange::text).collect::<Vec<_>>().join("\n"),
            Self::Search { pattern, path: Some(path) } => format!("{pattern} in {path}"),
            Self::Search { pattern, path: None } => pattern.clone(),
            Self::Web { query } => query.clone(),
            Self::Task { description, prompt } => format!("{description}\n{prompt}"),
            Self::Plan(items) => {
                let done = items.iter().filter(|item| item.status == PlanStatus::Done).count();
                format!("{done} of {} done", items.len())
            }
            Self::PlanText(text) => text.clone(),
            Self::Question { question, answer: None } => question.clone(),
            Self::Question { question, answer: Some(answer) } => format!("{question} → {answer}"),
            Self::Other(text) => text.clone(),
        }
    }

    /// Size in bytes of the texts that may be long.
    pub fn size(&self) -> usize {
        match self {
            Self::Edit(changes) => changes.iter().map(FileChange::size).sum(),
            Self::Task { prompt: text, .. } | Self::Command { command: text, .. } => text.len(),
            Self::PlanText(text) | Self::Other(text) => text.len(),
            Self::Read { .. } | Self::Search { .. } | Self::Web { .. } | Self::Plan(_) | Self::Question { .. } => 0,
        }
    }
}

/// A change to one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path as the agent wrote it.
    pub path: String,
    /// Change to the content.
    pub kind: ChangeKind,
}

impl FileChange {
    fn size(&self) -> usize {
        match &self.kind {
            ChangeKind::Write(text) | ChangeKind::Patch(text) => text.len(),
            ChangeKind::Replace(pairs) => pairs.iter().map(|(old, new)| old.len() + new.len()).sum(),
            ChangeKind::Delete => 0,
        }
    }

    /// Path and complete change, with `+` or `-` before each line.
    fn text(&self) -> String {
        let mut text = self.path.clone();
        let mut lines = |sign: &str, lines: &str| {
            for line in lines.split('\n') {
                text.extend(["\n", sign, line]);
            }
        };
        match &self.kind {
            ChangeKind::Write(content) => lines("+", content),
            ChangeKind::Replace(pairs) => pairs.iter().for_each(|(old, new)| {
                lines("-", old);
                lines("+", new);
            }),
            ChangeKind::Patch(patch) => lines("", patch),
            ChangeKind::Delete => lines("", "deleted"),
        }
        text
    }
}

/// Change to the content of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Writes the whole file.
    Write(String),
    /// Replaces texts: pairs of old and new.
    Replace(Vec<(String, String)>),
    /// Applies a unified diff: lines that start with ` `, `+` or `-`, under `@@` headers.
    Patch(String),
    /// Deletes the file.
    Delete,
}

/// Place of a replaced text in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeContext {
    /// Number of the first line, from 1.
    pub line: usize,
    /// Lines before it.
    pub before: Vec<String>,
    /// Lines after it.
    pub after: Vec<String>,
}

impl ChangeContext {
    /// Number of lines before and after the text.
    const LINES: usize = 3;

    /// Finds a text in the content of its file. `None` unless it is there once and consists of whole lines, because other
    /// lines would be shown than are changed.
    pub fn find(content: &str, text: &str) -> Option<Self> {
        let mut found = content.match_indices(text).map(|(at, _)| at).filter(|_| !text.is_empty());
        let (Some(at), None) = (found.next(), found.next()) else { return None };
        let (head, tail) = (&content[..at], &content[at + text.len()..]);
        let whole = (head.is_empty() || head.ends_with('\n'))
            && (tail.is_empty() || tail.starts_with('\n') || text.ends_with('\n'));
        if !whole {
            return None;
        }
        let tail = if text.ends_with('\n') { tail } else { tail.strip_prefix('\n').unwrap_or(tail) };
        let mut before: Vec<String> = head.lines().rev().take(Self::LINES).map(str::to_owned).collect();
        before.reverse();
        let after = tail.lines().take(Self::LINES).map(str::to_owned).collect();
        Some(Self { line: head.matches('\n').count() + 1, before, after })
    }

    /// Writes the replacement as a unified diff. `display` converts texts to what may be drawn. `None` if the texts end
    /// differently, which a diff of lines does not show.
    pub fn patch(&self, old: &str, new: &str, display: impl Fn(&str) -> String) -> Option<String> {
        if old.ends_with('\n') != new.ends_with('\n') {
            return None;
        }
        let (old, new) = (display(old), display(new));
        let count = |text: &str| self.before.len() + text.lines().count() + self.after.len();
        let first = self.line - self.before.len();
        let mut patch = format!("@@ -{first},{} +{first},{} @@\n", count(&old), count(&new));
        let mut add = |sign: char, line: &str| patch.extend([sign.to_string().as_str(), line, "\n"]);
        self.before.iter().for_each(|line| add(' ', &display(line)));
        old.lines().for_each(|line| add('-', line));
        new.lines().for_each(|line| add('+', line));
        self.after.iter().for_each(|line| add(' ', &display(line)));
        Some(patch)
    }
}

/// One item of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    /// Task.
    pub text: String,
    /// Status of the task.
    pub status: PlanStatus,
}

/// Status of a plan item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanStatus {
    /// Not started.
    Pending,
    /// In progress.
    Active,
    /// Completed.
    Done,
    /// Cancelled.
    Cancelled,
}

impl PlanStatus {
    /// Markdown check box.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Pending => "[ ]",
            Self::Active => "[~]",
            Self::Done => "[x]",
            Self::Cancelled => "[-]",
        }
    }
}
