//! Columns of the session list and the widths from which they are shown.

use super::workspace_name::fitting_name;
use crate::app::{App, age};
use crate::config::settings::ListScope;
use crate::domain::Session;
use crate::domain::catalog::Sort;
use crate::domain::units::bytes;
pub(super) use crate::domain::units::tokens;

/// Column to the right of the title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
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
    /// Size of the transcript, if the list is sorted by it.
    Size,
    /// Age of the start, if the list is sorted by it.
    Started,
    /// Age of the last activity.
    Age,
}

impl Column {
    /// Heading of the column.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Branch => "branch",
            Self::Model => "model",
            Self::Tokens => "tokens",
            Self::Turns => "turns",
            Self::Size => "size",
            Self::Started => "started",
            Self::Age => "age",
        }
    }

    /// Width of the column, without the space before it.
    pub(super) fn width(self) -> u16 {
        match self {
            Self::Workspace => 10,
            Self::Branch | Self::Model => 14,
            Self::Tokens => 6,
            Self::Turns => 5,
            Self::Size | Self::Started => 7,
            Self::Age => 4,
        }
    }

    /// Returns true if the column is right-aligned.
    pub(super) fn is_number(self) -> bool {
        match self {
            Self::Workspace | Self::Branch | Self::Model => false,
            Self::Tokens | Self::Turns | Self::Size | Self::Started | Self::Age => true,
        }
    }

    /// Text of the column for a session, in a cell of `width` columns.
    pub(super) fn fitting_text(self, app: &App, session: &Session, width: u16) -> String {
        let text = self.text(app, session);
        if self == Self::Workspace { fitting_name(&text, width.into()) } else { text }
    }

    /// Text of the column for a session.
    pub(super) fn text(self, app: &App, session: &Session) -> String {
        match self {
            Self::Workspace => {
                let mut rows = app.stack.home.workspaces.rows().iter();
                rows.find(|row| row.path == session.workspace).map(|row| row.name.clone()).unwrap_or_default()
            }
            Self::Branch => app.sessions.branch(session),
            Self::Model => session.model.as_deref().map(short_model).unwrap_or_default().to_owned(),
            Self::Tokens => tokens(session.tokens.total()),
            Self::Turns if session.turns == 0 => String::new(),
            Self::Turns => session.turns.to_string(),
            Self::Size => bytes(session.bytes),
            Self::Started => session.started_at.map(|then| age::text(app.now, then)).unwrap_or_default(),
            Self::Age => session.last_activity.map(|then| age::text(app.now, then)).unwrap_or_default(),
        }
    }
}

/// Minimum width of a title before an optional column is shown, in columns.
const TITLE: u16 = 44;

/// Columns of a list of the given width, from left to right. The age and, in a list of several workspaces, the workspace
/// are always shown where they fit; the others only beside a title of [`TITLE`] columns.
pub(super) fn columns(app: &App, width: u16) -> Vec<Column> {
    let several = app.stack.home.scope() == Some(ListScope::All);
    let marks = 3 + agent_width(app, width) + 1;
    let taken = |columns: &[Column]| columns.iter().map(|column| column.width() + 1).sum::<u16>();
    let mut shown = Vec::new();
    if width >= 20 {
        shown.push(Column::Age);
    }
    if several && width >= MIN_WITH_WORKSPACE {
        shown.push(Column::Workspace);
    }
    shown.extend(sorted_by(app.stack.home.sort).filter(|column| *column != Column::Age && width >= MIN_WITH_SORTED));
    for optional in [Column::Turns, Column::Tokens, Column::Branch, Column::Model] {
        let is_new = !shown.contains(&optional);
        if is_new && taken(&shown) + optional.width() + 1 + marks + TITLE <= width {
            shown.push(optional);
        }
    }
    shown.sort_by_key(|column| *column as u8);
    shown
}

/// Column by which a list in this order is sorted; `None` for the title.
pub(super) fn sorted_by(sort: Sort) -> Option<Column> {
    match sort {
        Sort::Activity => Some(Column::Age),
        Sort::Started => Some(Column::Started),
        Sort::Turns => Some(Column::Turns),
        Sort::Tokens => Some(Column::Tokens),
        Sort::Size => Some(Column::Size),
        Sort::Title => None,
    }
}

/// Minimum width of a list with the column by which it is sorted, in columns.
const MIN_WITH_SORTED: u16 = 36;

/// Minimum width of a list with the workspace, in columns.
const MIN_WITH_WORKSPACE: u16 = 46;
/// Minimum width of a screen with the full names of agents, in columns.
const WITH_AGENT_NAMES: u16 = 140;

/// Width of the agent column: full names, two letters, or none.
pub(super) fn agent_width(app: &App, list: u16) -> u16 {
    match list {
        ..24 => 0,
        _ if app.size.0 >= WITH_AGENT_NAMES => 8,
        _ => 2,
    }
}

/// Shortens a model's name: removes the provider, before it or in brackets after it, the date and the prefix `claude-`.
pub(super) fn short_model(model: &str) -> &str {
    let name = model.rsplit(['/', '|']).next().unwrap_or(model);
    let name = match name.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
        Some((name, _)) if !name.is_empty() && !name.ends_with(' ') => name,
        _ => name,
    };
    let name = name.strip_prefix("claude-").unwrap_or(name);
    match name.rsplit_once('-') {
        Some((head, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => head,
        _ => name,
    }
}
