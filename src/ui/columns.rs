//! Columns of the session list and the widths from which they are shown.

use crate::app::{App, age};
use crate::config::settings::ListScope;
use crate::domain::Session;

/// Column to the right of the title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Workspace, if the list covers several.
    Workspace,
    /// Git branch.
    Branch,
    /// Model.
    Model,
    /// Token count.
    Tokens,
    /// Number of turns.
    Turns,
    /// Age of the last activity.
    Age,
}

impl Column {
    /// Heading of the column.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Branch => "branch",
            Self::Model => "model",
            Self::Tokens => "tokens",
            Self::Turns => "turns",
            Self::Age => "age",
        }
    }

    /// Width of the column, without the space before it.
    pub fn width(self) -> u16 {
        match self {
            Self::Workspace | Self::Branch | Self::Model => 14,
            Self::Tokens => 6,
            Self::Turns => 5,
            Self::Age => 4,
        }
    }

    /// Returns true if the column is right-aligned.
    pub fn is_number(self) -> bool {
        match self {
            Self::Workspace | Self::Branch | Self::Model => false,
            Self::Tokens | Self::Turns | Self::Age => true,
        }
    }

    /// Text of the column for a session.
    pub fn text(self, app: &App, session: &Session) -> String {
        match self {
            Self::Workspace => {
                let mut rows = app.stack.home.workspaces.rows().iter();
                rows.find(|row| row.path == session.workspace).map(|row| row.name.clone()).unwrap_or_default()
            }
            Self::Branch => session.branch.as_deref().unwrap_or_default().to_owned(),
            Self::Model => session.model.as_deref().map(short_model).unwrap_or_default().to_owned(),
            Self::Tokens => tokens(session.tokens.total()),
            Self::Turns if session.turns == 0 => String::new(),
            Self::Turns => session.turns.to_string(),
            Self::Age => session.last_activity.map(|then| age::text(app.now, then)).unwrap_or_default(),
        }
    }
}

/// Columns of a list of the given width, from left to right. Less important columns need a wider list.
pub fn columns(app: &App, width: u16) -> Vec<Column> {
    let several = app.stack.home.scope() == Some(ListScope::All);
    let wanted = [
        (Column::Workspace, if several { 64 } else { u16::MAX }),
        (Column::Branch, if several { 96 } else { 72 }),
        (Column::Model, if several { 112 } else { 90 }),
        (Column::Tokens, if several { 80 } else { 60 }),
        (Column::Turns, 46),
        (Column::Age, 20),
    ];
    wanted.into_iter().filter(|(_, needs)| width >= *needs).map(|(column, _)| column).collect()
}

/// Width of the agent column: full names, two letters, or none.
pub fn agent_width(width: u16) -> u16 {
    match width {
        ..24 => 0,
        24..46 => 2,
        _ => 8,
    }
}

/// Formats a token count: `950`, `12k`, `3.4M`.
pub fn tokens(count: u64) -> String {
    match count {
        0 => String::new(),
        1..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..10_000_000 => format!("{}.{}M", count / 1_000_000, count / 100_000 % 10),
        10_000_000..1_000_000_000 => format!("{}M", count / 1_000_000),
        _ => format!("{}G", count / 1_000_000_000),
    }
}

/// Shortens a model's name: removes the provider, the date and the prefix `claude-`.
pub fn short_model(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("claude-").unwrap_or(name);
    match name.rsplit_once('-') {
        Some((head, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => head,
        _ => name,
    }
}
