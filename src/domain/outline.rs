//! Outline of a transcript: the entries by which a reader finds the way in it.

use serde::{Deserialize, Serialize};

use super::event::NoticeLevel;
use super::secrets;
use super::tool::{PlanItem, PlanStatus, ToolAction, ToolStatus};
use super::tool_name::tool_label;
use super::transcript::{Entry, EntryKind};
use crate::stdx::text;

/// Maximum characters of an item's text, because an outline may have thousands of items.
const MAX_TEXT: usize = 100;

/// Maximum characters of the paths of an edit, whose ends matter.
const MAX_PATHS: usize = 240;

/// Kind of an outline item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutlineKind {
    /// A prompt.
    Prompt,
    /// A failed tool call, or an error of the agent.
    Error,
    /// An edit of files.
    Edit,
    /// A plan.
    Plan,
    /// A sub-agent.
    Subagent,
    /// A compaction, or another boundary of the agent's context.
    Compaction,
    /// Another branch, which parts there.
    Branch,
    /// Another session: the origin of this one, or a fork.
    Fork,
}

/// An entry in the outline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineItem {
    /// Index of the entry.
    pub entry: usize,
    /// Kind.
    pub kind: OutlineKind,
    /// Beginning of the entry as one sanitised line.
    pub text: Box<str>,
}

impl OutlineKind {
    /// Name, by which a filter also finds the items.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Error => "error",
            Self::Edit => "edit",
            Self::Plan => "plan",
            Self::Subagent => "sub-agent",
            Self::Compaction => "compaction",
            Self::Branch => "branch",
            Self::Fork => "fork",
        }
    }

    /// Returns the kind of an entry's item; `None` if the outline does not contain the entry.
    pub fn of(entry: &Entry) -> Option<Self> {
        if let Some(tool) = &entry.tool {
            return match (&tool.status, &tool.action) {
                (ToolStatus::Failed, _) => Some(Self::Error),
                (_, ToolAction::Task { .. }) => Some(Self::Subagent),
                _ if tool.subagent.is_some() => Some(Self::Subagent),
                (_, ToolAction::Edit(_)) => Some(Self::Edit),
                (_, ToolAction::Plan(_) | ToolAction::PlanText(_)) => Some(Self::Plan),
                _ => None,
            };
        }
        match (entry.kind, entry.level) {
            (EntryKind::Prompt, _) => Some(Self::Prompt),
            (EntryKind::Plan, _) => Some(Self::Plan),
            (EntryKind::Notice, NoticeLevel::Error) => Some(Self::Error),
            (EntryKind::Notice, NoticeLevel::Boundary) => Some(Self::Compaction),
            _ => None,
        }
    }
}

impl OutlineItem {
    /// Creates the item of an entry; `None` if the outline does not contain the entry.
    pub fn of(index: usize, entry: &Entry) -> Option<Self> {
        let kind = OutlineKind::of(entry)?;
        if let Some(text) = plan_line(&entry.plan) {
            return Some(Self { entry: index, kind, text });
        }
        let max = if kind == OutlineKind::Edit { MAX_PATHS } else { MAX_TEXT };
        // Twice as many characters, because white space is collapsed.
        let line = text::one_line(secrets::cut(entry.text.trim_start(), 2 * max));
        let line = secrets::cut(&line, max);
        let line = match &entry.tool {
            Some(tool) if kind == OutlineKind::Error => {
                format!("{}: {line}", text::one_line(&tool_label(&tool.name))).into()
            }
            _ => line.into(),
        };
        Some(Self { entry: index, kind, text: line })
    }
}

/// Progress of a plan and its current step; `None` without items.
fn plan_line(items: &[PlanItem]) -> Option<Box<str>> {
    let done = items.iter().filter(|item| item.status == PlanStatus::Done).count();
    let is_current = |status: &PlanStatus| matches!(status, PlanStatus::Active | PlanStatus::Pending);
    let current = items.iter().find(|item| is_current(&item.status)).or(items.last())?;
    let line = text::one_line(secrets::cut(&current.text, MAX_TEXT));
    Some(format!("{done} of {} done: {line}", items.len()).into())
}
