//! Help overlay.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{Align, line_of, overlay, put, split_left};
use crate::app::help::{Help, HelpLine, lines};
use crate::stdx::text;

/// Draws the key bindings.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, help: &Help) {
    let theme = canvas.app.theme();
    let lines = lines(&canvas.app.keymap);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, "Keyboard shortcuts", (72, height));
    canvas.feedback.overlay_rows = inner.height.into();
    canvas.feedback.overlay_len = lines.len();
    let widest = lines.iter().map(|line| if let HelpLine::Keys(keys, _) = line { text::width(keys) } else { 0 }).max();
    let keys_width = u16::try_from(widest.unwrap_or(0)).unwrap_or(0).min(inner.width / 3);
    for (row, line) in lines.iter().skip(help.scroll.top).take(inner.height.into()).enumerate() {
        let area = line_of(inner, row);
        match line {
            HelpLine::Blank => {}
            HelpLine::Heading(name) => {
                put(canvas.buffer, area, name, style(theme.heading), Align::Left);
            }
            HelpLine::Keys(keys, about) => {
                let (left, right) = split_left(area, keys_width + 2);
                put(
                    canvas.buffer,
                    Rect { width: left.width.saturating_sub(2), ..left },
                    keys,
                    style(theme.key),
                    Align::Left,
                );
                put(canvas.buffer, right, about, style(theme.text), Align::Left);
            }
        }
    }
}
