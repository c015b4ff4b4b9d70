//! Commands that change the user's repository on request: as they are shown first, and as they run.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::stdx::text::one_line;

/// Word of a command that stands for the file with the drafted message.
pub const DRAFT: &str = "DRAFT";

/// Maximum characters of a drafted subject, which tools show on one line.
const MAX_SUBJECT_CHARS: usize = 72;

/// Maximum characters of a drafted line, because prompts can be long.
const MAX_LINE_CHARS: usize = 100;

/// Commands that the user can choose for a work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitMenu {
    /// Branch and state of the work tree.
    pub state: String,
    /// Reasons why commands are missing.
    pub notes: Vec<String>,
    /// The commands.
    pub plans: Vec<CommandPlan>,
}

/// Commands that run one after the other until one fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPlan {
    /// Machine or container; `None` for this machine. Set by the receiver of a plan.
    #[serde(skip)]
    pub host: Option<Arc<str>>,
    /// Working directory.
    pub dir: PathBuf,
    /// Programs with their arguments.
    pub commands: Vec<Vec<String>>,
    /// Message that the user edits, instead of [`DRAFT`].
    pub draft: Option<String>,
    /// Notice after success.
    pub done: String,
}

impl CommandPlan {
    /// Creates a plan with one command of git.
    pub fn git(dir: PathBuf, words: &[&str], done: &str) -> Self {
        let words = ["git"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        Self { host: None, dir, commands: vec![words], draft: None, done: done.to_owned() }
    }

    /// Returns the plan on a machine that sent it; `None` if its line would not be what is shown.
    pub fn on(self, host: &Arc<str>) -> Option<Self> {
        let is_visible = self.commands.iter().flatten().all(|word| one_line(word) == *word);
        is_visible.then(|| Self { host: Some(host.clone()), ..self })
    }

    /// Returns the commands as a line for a shell.
    pub fn line(&self) -> String {
        self.commands.iter().map(|words| command_line(words)).collect::<Vec<_>>().join(" && ")
    }
}

/// Returns a command as a line for a shell.
pub fn command_line(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Drafts the message of a commit: the title of the session, and the first line of each prompt.
pub fn commit_draft(title: &str, prompts: &[String]) -> String {
    let first_line = |text: &str, max: usize| {
        let line = text.trim().lines().next().unwrap_or_default().trim();
        line.chars().take(max).collect::<String>()
    };
    // Git takes a line that begins with # for a comment.
    let subject = first_line(title.trim_start_matches(['#', ' ']), MAX_SUBJECT_CHARS);
    let lines: Vec<_> = prompts.iter().map(|prompt| first_line(prompt, MAX_LINE_CHARS)).collect();
    let lines: String =
        lines.iter().filter(|line| !line.is_empty()).flat_map(|line| ["- ", line.as_str(), "\n"]).collect();
    if lines.is_empty() { format!("{subject}\n") } else { format!("{subject}\n\n{lines}") }
}
