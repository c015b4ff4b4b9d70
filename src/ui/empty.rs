//! Empty state of the session list: reason, searched roots, and a helpful key.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::canvas::Canvas;
use super::home_path::with_tilde;
use super::numbers::thousands;
use super::style::{self, style};
use super::widgets::{Align, line_of, put, put_line, split_left, wrapped};
use crate::app::home::EmptyState;
use crate::app::{Action, App};
use crate::stdx::text::{ellipsis_before, one_line};

/// Draws the empty state.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, empty: &EmptyState) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    // A low screen has no line to spare.
    let first = usize::from(area.height > 6);
    let lines = lines(canvas.app, empty, inner.width);
    for (row, line) in lines.iter().enumerate() {
        put_line(canvas.buffer, line_of(inner, first + row), line);
    }
    if matches!(empty, EmptyState::NoSessions) {
        draw_roots(canvas, inner, first + lines.len());
    }
}

fn lines(app: &App, empty: &EmptyState, width: u16) -> Vec<Line<'static>> {
    let theme = app.theme();
    let (title, advice) = match empty {
        EmptyState::Loading => ("Loading sessions …".to_owned(), None),
        EmptyState::NoSessions => ("No sessions on this machine yet.".to_owned(), key(app, Action::New, "starts one")),
        EmptyState::NoMatch(query) => {
            (format!("No sessions match “{}”.", one_line(query)), key(app, Action::Back, "clears the filter"))
        }
        EmptyState::NoneHere { elsewhere: 0 } => {
            ("No sessions here.".to_owned(), key(app, Action::Scope, "shows all workspaces"))
        }
        EmptyState::NoneHere { elsewhere } => (
            format!("No sessions here, {} elsewhere.", thousands(*elsewhere)),
            key(app, Action::Scope, "shows all workspaces"),
        ),
        EmptyState::AllHidden => {
            ("All sessions here are hidden.".to_owned(), key(app, Action::ShowHidden, "shows them"))
        }
    };
    let mut lines = wrapped(&title, width, 0, style(theme.title));
    lines.extend(advice.into_iter().flat_map(|advice| wrapped(&advice, width, 0, style(theme.muted))));
    lines
}

/// Draws the searched roots, one per line.
fn draw_roots(canvas: &mut Canvas, area: Rect, first: usize) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    put(canvas.buffer, line_of(area, first + 1), "Searched in", style(theme.muted), Align::Left);
    for (row, root) in app.roots.iter().enumerate() {
        let (name, rest) = split_left(line_of(area, first + 2 + row), 13);
        let (found, path) = split_left(rest, 11);
        put(canvas.buffer, name, root.agent.label(), style::agent(theme, root.agent), Align::Left);
        put(canvas.buffer, found, if root.found { "empty" } else { "not found" }, style(theme.muted), Align::Left);
        // The end of a path tells more than its beginning.
        let shown = ellipsis_before(&with_tilde(app, &one_line(&root.path.to_string_lossy())), path.width.into());
        put(canvas.buffer, path, &shown, style(theme.text), Align::Left);
    }
}

fn key(app: &App, action: Action, does: &str) -> Option<String> {
    app.hint(action).map(|key| format!("{key} {does}"))
}
