//! Home screen: workspaces, sessions and preview side by side.

use ratatui::layout::Rect;

use super::canvas::{Canvas, ViewCache};
use super::widgets::{divider, split_left};
use super::{preview, sessions, workspaces};

/// Draws the panes that fit.
pub fn draw(canvas: &mut Canvas, area: Rect, cache: &mut ViewCache) {
    let panes = canvas.app.panes();
    let mut rest = area;
    if panes.workspaces > 0 {
        let (pane, right) = split_left(rest, panes.workspaces);
        workspaces::draw(canvas, pane);
        rest = draw_divider(canvas, right);
    }
    let (pane, right) = split_left(rest, panes.sessions);
    sessions::draw(canvas, pane);
    if panes.preview > 0 {
        let pane = draw_divider(canvas, right);
        preview::draw(canvas, pane, cache);
    }
}

fn draw_divider(canvas: &mut Canvas, area: Rect) -> Rect {
    let (line, rest) = split_left(area, 1);
    divider(canvas, line);
    rest
}
