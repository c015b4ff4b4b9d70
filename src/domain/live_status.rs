//! Live status of sessions that are open in a process.

use unicode_segmentation::UnicodeSegmentation;

use super::tool_name::tool_label;
use super::transcript::{Entry, EntryKind, Role, Tool, ToolStatus};
use super::{SessionKey, SessionState, Time};
use crate::stdx::text::{first_chars, one_line};

/// Maximum characters of a description, because a row shows one line.
const MAX_CHARS: usize = 200;

/// Status of a session that a process has open. Built only after checking that the process is alive and wrote the
/// status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveStatus {
    /// Key of the session.
    pub key: SessionKey,
    /// Id of the process, if known.
    pub pid: Option<u32>,
    /// Session state, as far as the agent reports it.
    pub state: SessionState,
    /// Reason for waiting, as the agent words it.
    pub waiting_for: Option<String>,
    /// Time of the last state change.
    pub since: Option<Time>,
    /// Newest activity of an open turn, as its transcript shows it. Set by the index.
    pub activity: Option<LiveActivity>,
}

impl LiveStatus {
    /// Returns true if a turn is open.
    pub fn is_busy(&self) -> bool {
        matches!(self.state, SessionState::NeedsYou | SessionState::Working)
    }

    /// Describes the reason for waiting in one line: the call that waits, else the agent's own words.
    pub fn reason(&self) -> Option<String> {
        let call = self.activity.as_ref().filter(|activity| activity.is_call).map(|activity| activity.text.clone());
        call.or_else(|| self.waiting_for.as_deref().map(one_line))
    }
}

/// Newest activity of an open turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveActivity {
    /// Open tool call, or last sentence of the answer, in one line.
    pub text: String,
    /// Time of the call or of the answer.
    pub since: Option<Time>,
    /// True for a tool call.
    pub is_call: bool,
}

impl LiveActivity {
    /// Finds the activity of the turn at the end of a transcript: the newest call without a result, unless the agent
    /// answered after it, else the last sentence of the newest answer. `None` if the agent did nothing yet.
    pub fn of_turn(entries: &[Entry]) -> Option<Self> {
        let mut turn = entries.iter().rev().take_while(|entry| entry.kind != EntryKind::Prompt);
        turn.find_map(|entry| {
            let (text, is_call) = match (&entry.tool, entry.kind) {
                (Some(tool), _) => (describe_open(tool)?, true),
                (None, EntryKind::Text) if entry.role == Role::Assistant => (last_sentence(&entry.text)?, false),
                (None, _) => return None,
            };
            Some(Self { text: one_line(first_words(&text)), since: entry.time, is_call })
        })
    }
}

/// Returns the first words of a text. A secret at the end is left out, because a part of it may not be masked.
fn first_words(text: &str) -> &str {
    let first = first_chars(text, MAX_CHARS);
    match first.rfind(char::is_whitespace) {
        Some(at) if first.len() < text.len() => &first[..at],
        _ => first,
    }
}

/// Describes a call without a result: `Bash: npm run build`.
fn describe_open(tool: &Tool) -> Option<String> {
    let is_open = matches!(tool.status, ToolStatus::Pending | ToolStatus::Running);
    let (label, headline) = (tool_label(&tool.name), tool.action.headline());
    let text = if headline.is_empty() { label.into_owned() } else { format!("{label}: {headline}") };
    is_open.then_some(text)
}

fn last_sentence(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|line| line.chars().any(char::is_alphanumeric))?;
    let sentence = line.unicode_sentences().last().unwrap_or(line);
    Some(sentence.trim_start_matches(['#', '>', '-', '*', ' ']).to_owned())
}
