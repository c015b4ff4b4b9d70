//! Split view: a session, and the pinned session to its left.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::canvas::{Canvas, ViewCache};
use super::style::style;
use super::widgets::{divider, line_of, split_left};
use super::{chat, preview};
use crate::app::layer::Layer;
use crate::app::msg::{LayoutFeedback, Target};

/// Draws one session, or two side by side.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, layer: &Layer, cache: &mut ViewCache) {
    let Some(pinned) = canvas.app.stack.shown_pinned(canvas.app.size.0) else {
        draw_one(canvas, area, layer, cache);
        return;
    };
    let (left, rest) = split_left(area, area.width.saturating_sub(1) / 2);
    let (line, right) = split_left(rest, 1);
    draw_pinned(canvas, left, pinned, cache);
    divider(canvas, line);
    draw_one(canvas, right, layer, cache);
}

fn draw_one(canvas: &mut Canvas, area: Rect, layer: &Layer, cache: &mut ViewCache) {
    match layer {
        Layer::Chat(chat) => chat::draw(canvas, area, chat, cache),
        layer => {
            if let Some(reader) = layer.reader() {
                preview::draw_full(canvas, area, reader, cache);
            }
        }
    }
}

/// Draws the pinned session without focus: one mouse target, dimmed header.
fn draw_pinned(canvas: &mut Canvas, area: Rect, pinned: &Layer, cache: &mut ViewCache) {
    canvas.active = false;
    draw_one(canvas, area, pinned, cache);
    canvas.active = true;
    let LayoutFeedback { reader, needs_redraw, .. } = std::mem::take(&mut canvas.feedback);
    (canvas.feedback.pinned, canvas.feedback.needs_redraw) = (reader.map(Box::new), needs_redraw);
    canvas.target(area, Target::Pinned);
    let dimmed = style(canvas.app.theme().faint).remove_modifier(Modifier::BOLD);
    canvas.buffer.set_style(line_of(area, 0), dimmed);
}
