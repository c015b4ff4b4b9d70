//! Filters evaluated on transcript entries.

use super::filter::{Filter, HasValue, IsValue, NumberRange};
use super::text_filter::{contains_any, in_any, is_named};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{Tool, ToolAction, ToolStatus};
use crate::domain::{Entry, EntryKind, Role};

/// A filter that one entry can answer.
#[derive(Debug)]
pub(super) enum EntryFilter {
    /// Author of the entry.
    Role(Vec<Role>),
    /// Kind of the entry.
    Kind(Vec<EntryKind>),
    /// Tool name, by substring.
    Tool(Vec<String>),
    /// File that the tool accesses, by substring of the path.
    File(Vec<String>),
    /// Exit code of the command.
    Exit(Vec<NumberRange>),
    /// Content of the entry.
    Has(Vec<HasValue>),
}

impl EntryFilter {
    /// Converts a filter on texts or occurrences. Returns `None` for a filter on session metadata.
    pub(super) fn new(filter: &Filter) -> Option<Self> {
        match filter {
            Filter::Role(roles) => Some(Self::Role(roles.clone())),
            Filter::Kind(kinds) => Some(Self::Kind(kinds.clone())),
            Filter::Tool(names) => Some(Self::Tool(names.clone())),
            Filter::File(names) => Some(Self::File(names.clone())),
            Filter::Exit(ranges) => Some(Self::Exit(ranges.clone())),
            Filter::Has(values) => Some(Self::Has(values.clone())),
            Filter::Is(values) => values.contains(&IsValue::Error).then(|| Self::Has(vec![HasValue::Error])),
            Filter::Agent(_)
            | Filter::Dir(_)
            | Filter::Workspace(_)
            | Filter::Branch(_)
            | Filter::Model(_)
            | Filter::Before(_)
            | Filter::Since(_)
            | Filter::On(_)
            | Filter::Turns(_)
            | Filter::Tokens(_)
            | Filter::Id(_)
            | Filter::Tag(_)
            | Filter::Note(_)
            | Filter::Host(_) => None,
        }
    }

    /// Returns true if the entry passes.
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        match self {
            Self::Role(roles) => roles.contains(&entry.role),
            Self::Kind(kinds) => kinds.contains(&entry.kind),
            Self::Tool(names) => entry.tool.as_ref().is_some_and(|tool| is_named(&tool.name, names)),
            Self::File(names) => files(entry).iter().any(|file| contains_any(file, names)),
            Self::Exit(ranges) => entry.tool.as_ref().is_some_and(|tool| exit_code_matches(tool, ranges)),
            Self::Has(values) => values.iter().any(|value| has_value(entry, *value)),
        }
    }
}

/// Files that the tool of an entry accesses.
fn files(entry: &Entry) -> Vec<&str> {
    match entry.tool.as_ref().map(|tool| &tool.action) {
        Some(ToolAction::Read { path }) => vec![path],
        Some(ToolAction::Search { path, .. }) => path.as_deref().into_iter().collect(),
        Some(ToolAction::Edit(changes)) => changes.iter().map(|change| change.path.as_str()).collect(),
        Some(
            ToolAction::Command { .. }
            | ToolAction::Web { .. }
            | ToolAction::Task { .. }
            | ToolAction::Plan(_)
            | ToolAction::PlanText(_)
            | ToolAction::Question { .. }
            | ToolAction::Other(_),
        )
        | None => Vec::new(),
    }
}

/// Returns true if the exit code is in a range. A failure without a code may have any code but 0.
fn exit_code_matches(tool: &Tool, ranges: &[NumberRange]) -> bool {
    match &tool.action {
        ToolAction::Command { exit_code: Some(code), .. } => {
            u64::try_from(*code).is_ok_and(|code| in_any(code, ranges))
        }
        _ => tool.status == ToolStatus::Failed && ranges.iter().any(|range| range.to > 0),
    }
}

fn has_value(entry: &Entry, has: HasValue) -> bool {
    let tool = entry.tool.as_ref();
    match has {
        HasValue::Error => {
            let failed = tool.is_some_and(|tool| {
                let code = if let ToolAction::Command { exit_code, .. } = &tool.action { *exit_code } else { None };
                tool.status == ToolStatus::Failed || code.is_some_and(|code| code != 0)
            });
            failed || (entry.kind == EntryKind::Notice && entry.level == NoticeLevel::Error)
        }
        HasValue::Diff => tool.is_some_and(|tool| matches!(tool.action, ToolAction::Edit(_))),
        HasValue::Image => entry.kind == EntryKind::Image,
        HasValue::Plan => entry.kind == EntryKind::Plan,
    }
}
