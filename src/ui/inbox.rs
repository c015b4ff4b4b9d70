//! The overlay of the questions of all runs.

use ratatui::layout::Rect;

use super::Canvas;
use super::widgets::overlay;
use crate::app::inbox::Inbox;

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, state: &Inbox) {
    overlay(canvas, area, "Inbox", (area.width / 2, area.height / 2));
    let _not_drawn_yet = state;
}
