//! Filters that an entry of a transcript can answer by itself.

use super::filter::{Filter, Has, Is, Numbers};
use super::fold::{Case, fold};
use crate::domain::event::Level;
use crate::domain::transcript::{Action, Tool, ToolStatus};
use crate::domain::{Entry, EntryKind, Role};

/// A filter that an entry can answer.
#[derive(Debug)]
pub enum Scope {
    /// Who speaks.
    Role(Vec<Role>),
    /// What it is.
    Kind(Vec<EntryKind>),
    /// Its tool, by a part of its name.
    Tool(Vec<String>),
    /// A file that its tool touches, by a part of its path.
    File(Vec<String>),
    /// How its command ended.
    Exit(Vec<Numbers>),
    /// What it shows.
    Has(Vec<Has>),
}

impl Scope {
    /// What a filter asks of an entry; nothing where it is about the session.
    pub fn new(filter: &Filter) -> Option<Self> {
        match filter {
            Filter::Role(roles) => Some(Self::Role(roles.clone())),
            Filter::Kind(kinds) => Some(Self::Kind(kinds.clone())),
            Filter::Tool(names) => Some(Self::Tool(folded(names))),
            Filter::File(names) => Some(Self::File(folded(names))),
            Filter::Exit(ranges) => Some(Self::Exit(ranges.clone())),
            Filter::Has(values) => Some(Self::Has(values.clone())),
            Filter::Is(values) => values.contains(&Is::Error).then(|| Self::Has(vec![Has::Error])),
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
            | Filter::Tag(_) => None,
        }
    }

    /// Whether an entry is what is asked for.
    pub fn admits(&self, entry: &Entry) -> bool {
        match self {
            Self::Role(roles) => roles.contains(&entry.role),
            Self::Kind(kinds) => kinds.contains(&entry.kind),
            Self::Tool(names) => entry.tool.as_ref().is_some_and(|tool| names_one(&tool.name, names)),
            Self::File(names) => files(entry).iter().any(|file| names_one(file, names)),
            Self::Exit(ranges) => entry.tool.as_ref().is_some_and(|tool| ended_so(tool, ranges)),
            Self::Has(values) => values.iter().any(|value| shows(entry, *value)),
        }
    }
}

fn folded(names: &[String]) -> Vec<String> {
    names.iter().map(|name| fold(name, Case::Ignored)).collect()
}

/// Whether a text holds one of these names, which are folded already.
fn names_one(text: &str, names: &[String]) -> bool {
    let text = fold(text, Case::Ignored);
    names.iter().any(|name| text.contains(name.as_str()))
}

/// The files that an entry's tool touches.
fn files(entry: &Entry) -> Vec<&str> {
    match entry.tool.as_ref().map(|tool| &tool.action) {
        Some(Action::Read { path }) => vec![path],
        Some(Action::Search { path, .. }) => path.as_deref().into_iter().collect(),
        Some(Action::Edit(changes)) => changes.iter().map(|change| change.path.as_str()).collect(),
        Some(
            Action::Command { .. }
            | Action::Web { .. }
            | Action::Task { .. }
            | Action::Plan(_)
            | Action::Question { .. }
            | Action::Other(_),
        )
        | None => Vec::new(),
    }
}

/// Whether a command ended with one of these codes. Of one that only says that it failed, any but 0 is possible.
fn ended_so(tool: &Tool, ranges: &[Numbers]) -> bool {
    match &tool.action {
        Action::Command { exit_code: Some(code), .. } => {
            u64::try_from(*code).is_ok_and(|code| ranges.iter().any(|range| range.holds(code)))
        }
        _ => tool.status == ToolStatus::Failed && ranges.iter().any(|range| range.to > 0),
    }
}

fn shows(entry: &Entry, has: Has) -> bool {
    let tool = entry.tool.as_ref();
    match has {
        Has::Error => {
            let failed = tool.is_some_and(|tool| {
                let code = if let Action::Command { exit_code, .. } = &tool.action { *exit_code } else { None };
                tool.status == ToolStatus::Failed || code.is_some_and(|code| code != 0)
            });
            failed || (entry.kind == EntryKind::Notice && entry.level == Level::Error)
        }
        Has::Diff => tool.is_some_and(|tool| matches!(tool.action, Action::Edit(_))),
        Has::Image => entry.kind == EntryKind::Image,
        Has::Plan => entry.kind == EntryKind::Plan,
    }
}
