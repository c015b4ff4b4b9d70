//! Home screen: workspaces, sessions and preview side by side.

use ratatui::layout::Rect;

use super::canvas::{Canvas, ViewCache};
use super::widgets::{divider, split_left};
use super::{preview, sessions, workspaces};
use crate::app::msg::Target;

/// Minimum width of a pane with a margin, in columns.
const WITH_MARGIN: u16 = 28;

/// Draws the panes that fit.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, cache: &mut ViewCache) {
    let panes = canvas.app.panes();
    let mut rest = area;
    if panes.workspaces > 0 {
        let (pane, right) = split_left(rest, panes.workspaces);
        workspaces::draw(canvas, pane);
        rest = draw_divider(canvas, right);
    }
    let (pane, right) = split_left(rest, panes.sessions);
    sessions::draw(canvas, with_margin(pane));
    if panes.preview > 0 {
        canvas.target(split_left(right, 1).0, Target::Border);
        let pane = draw_divider(canvas, right);
        preview::draw(canvas, with_margin(pane), cache);
    }
}

/// Area of a pane without a column at its right, so that its text touches neither the divider nor the screen's edge.
/// Narrow panes need the column.
pub(super) fn with_margin(pane: Rect) -> Rect {
    Rect { width: pane.width - u16::from(pane.width >= WITH_MARGIN), ..pane }
}

fn draw_divider(canvas: &mut Canvas, area: Rect) -> Rect {
    let (line, rest) = split_left(area, 1);
    divider(canvas, line);
    rest
}
