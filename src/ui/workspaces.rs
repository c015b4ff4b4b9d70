//! Workspace column.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::{self, style};
use super::widgets::{Align, line_of, put, split_left, split_right};
use super::workspace_name::fitting_name;
use crate::app::home::Pane;
use crate::app::home::workspaces::WorkspaceRow;
use crate::app::msg::Target;
use crate::stdx::text;

/// Draws the column. The first row selects all workspaces.
pub(super) fn draw(canvas: &mut Canvas, area: Rect) {
    let app = canvas.app;
    let (heading, rows) = (line_of(area, 0), Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area });
    let focused = app.stack.focus() == Some(Pane::Workspaces);
    let look = if focused { app.theme().accent } else { app.theme().muted };
    put(
        canvas.buffer,
        Rect { x: heading.x + 1, width: heading.width.saturating_sub(1), ..heading },
        "Workspaces",
        style(look),
        Align::Left,
    );
    canvas.feedback.workspace_rows = rows.height.into();
    let column = &app.stack.home.workspaces;
    let top = crate::app::scroll::reveal(column.top(), column.at(), rows.height.into(), column.len());
    for (line, row) in (top..column.len()).take(rows.height.into()).enumerate() {
        let area = line_of(rows, line);
        canvas.target(area, Target::Workspace(row));
        draw_row(canvas, area, row, focused);
    }
}

fn draw_row(canvas: &mut Canvas, area: Rect, row: usize, focused: bool) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let Some(line) = app.stack.home.workspaces.line(row) else { return };
    let selected = app.stack.home.workspaces.at() == row;
    if selected {
        if focused {
            canvas.select(area);
        } else {
            canvas.buffer.set_style(area, style(theme.selected_away));
        }
    }
    let (mark, rest) = split_left(area, 1);
    if selected {
        put(canvas.buffer, mark, "▌", style(theme.accent), Align::Left);
    }
    let (name, count) = match line {
        WorkspaceRow::All => ("All", app.stack.home.workspaces.rows().iter().map(|row| row.sessions).sum()),
        WorkspaceRow::Workspace(workspace) => (workspace.name.as_str(), workspace.sessions),
        WorkspaceRow::View(view) => {
            let (badge, name) = split_left(rest, 2);
            put(canvas.buffer, badge, "/", style(theme.key), Align::Left);
            put(canvas.buffer, name, &view.name, style(theme.text), Align::Left);
            return;
        }
    };
    let count = super::numbers::thousands(count);
    let (rest, count_area) = split_right(rest, u16::try_from(count.len()).unwrap_or(0) + 2);
    put(
        canvas.buffer,
        Rect { width: count_area.width.saturating_sub(1), ..count_area },
        &count,
        style(theme.muted),
        Align::Right,
    );
    let unseen = match line {
        WorkspaceRow::All => app.stack.home.unseen,
        WorkspaceRow::Workspace(workspace) => workspace.unseen,
        WorkspaceRow::View(_) => 0,
    };
    let unseen = if unseen > 0 { format!("✓{}", super::numbers::thousands(unseen)) } else { String::new() };
    let (rest, unseen_area) = split_right(rest, u16::try_from(text::width(&unseen)).unwrap_or(0));
    put(canvas.buffer, unseen_area, &unseen, style(theme.accent), Align::Right);
    // The row for all workspaces shows the most urgent state.
    let urgent = || app.stack.home.workspaces.rows().iter().map(|row| row.state).min().unwrap_or_default();
    let state = match line {
        WorkspaceRow::Workspace(workspace) => workspace.state,
        WorkspaceRow::All | WorkspaceRow::View(_) => urgent(),
    };
    let badge = super::sessions::glyph(state);
    let (badge_area, name_area) = split_left(rest, 2);
    put(canvas.buffer, badge_area, badge, style::state(theme, state), Align::Left);
    let is_offline = matches!(line, WorkspaceRow::Workspace(workspace) if workspace.host.as_ref()
        .and_then(|host| app.sessions.remotes.get(host)).is_some_and(|remote| !remote.state.is_connected()));
    let name = &fitting_name(name, name_area.width.into());
    put(canvas.buffer, name_area, name, style(if is_offline { theme.faint } else { theme.text }), Align::Left);
    let is_here =
        matches!(line, WorkspaceRow::Workspace(workspace) if app.stack.home.here.as_ref() == Some(&workspace.path));
    let taken = u16::try_from(text::width(name)).unwrap_or(u16::MAX).saturating_add(1);
    if is_here && taken + 4 <= name_area.width {
        let (_, rest) = split_left(name_area, taken);
        put(canvas.buffer, rest, "here", style(theme.faint), Align::Left);
    }
}
