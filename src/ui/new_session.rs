//! The overlay in which a new session is begun.

use ratatui::layout::Rect;

use super::Canvas;
use super::widgets::overlay;
use crate::app::new_session::NewSession;

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, state: &NewSession) {
    overlay(canvas, area, "New session", (area.width / 2, area.height / 2));
    let _not_drawn_yet = state;
}
