//! Command palette.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{Align, field, line_of, overlay, put, split_left, split_right};
use crate::app::msg::Target;
use crate::app::palette::Palette;
use crate::stdx::text;

/// Draws the input and the matching commands.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, palette: &Palette) {
    let theme = canvas.app.theme();
    let inner = overlay(canvas, area, "Commands", (68, 16));
    field(canvas, line_of(inner, 0), ">", &palette.input, true);
    let rows = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
    canvas.feedback.overlay_rows = rows.height.into();
    canvas.feedback.overlay_len = palette.found().len();
    if palette.found().is_empty() {
        put(canvas.buffer, line_of(rows, 0), "No matching command.", style(theme.muted), Align::Left);
    }
    let shown = palette.found().iter().enumerate().skip(palette.top).take(rows.height.into());
    for (line, (at, action)) in shown.enumerate() {
        let area = line_of(rows, line);
        canvas.target(area, Target::Choice(at));
        if at == palette.selected() {
            canvas.select(area);
            put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
        }
        let (_, area) = split_left(area, 2);
        let keys = canvas.app.keymap.labels_in(*action, canvas.app.stack.key_contexts());
        let (area, keys_area) = split_right(area, u16::try_from(text::width(&keys)).unwrap_or(0) + 1);
        put(canvas.buffer, keys_area, &keys, style(theme.key), Align::Right);
        put(canvas.buffer, area, action.about(), style(theme.text), Align::Left);
    }
}
