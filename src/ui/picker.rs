//! The overlay in which model, mode and effort are chosen.

use ratatui::layout::Rect;

use super::Canvas;
use super::widgets::overlay;
use crate::app::picker::Picker;

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, state: &Picker) {
    overlay(canvas, area, "Model", (area.width / 2, area.height / 2));
    let _not_drawn_yet = state;
}
