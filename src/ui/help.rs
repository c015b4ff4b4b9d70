//! Help overlay.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{Align, field, line_of, overlay, put, split_left, split_right};
use crate::app::help::{Help, HelpLine};
use crate::stdx::text;

/// Minimum width of a screen with two columns.
const WITH_TWO_COLUMNS: u16 = 110;

/// Columns of the text in each case, inside the frame.
const WIDTHS: (u16, u16) = (72, 124);

/// Maximum width of the keys, because the descriptions must fit beside them.
const MAX_KEYS: u16 = 18;

/// Draws the filter, the position, and the key bindings.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, help: &Help) {
    let two = canvas.app.size.0 >= WITH_TWO_COLUMNS;
    let columns = help.columns(&canvas.app.keymap, if two { 2 } else { 1 });
    let len = columns.iter().map(Vec::len).max().unwrap_or(0);
    let height = u16::try_from(len.max(1)).unwrap_or(u16::MAX).saturating_add(1);
    let inner = overlay(canvas, area, "Keyboard shortcuts", (if two { WIDTHS.1 } else { WIDTHS.0 }, height));
    let rows = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
    canvas.feedback.overlay_rows = rows.height.into();
    canvas.feedback.overlay_len = len;
    draw_filter(canvas, line_of(inner, 0), help, (rows.height.into(), len));
    let theme = canvas.app.theme();
    if len == 0 {
        put(canvas.buffer, line_of(rows, 0), "No matching shortcut.", style(theme.muted), Align::Left);
    }
    let (left, right) = split_left(rows, if two { rows.width.div_ceil(2) } else { rows.width });
    let left = if two { Rect { width: left.width.saturating_sub(2), ..left } } else { left };
    for (column, area) in columns.iter().zip([left, right]) {
        draw_column(canvas, area, column, help.scroll.top);
    }
}

/// Draws the filter, and on the right the visible lines: `1–20 of 48`.
fn draw_filter(canvas: &mut Canvas, area: Rect, help: &Help, (height, len): (usize, usize)) {
    let last = (help.scroll.top + height).min(len);
    let position = if len > height { format!("{}–{last} of {len}", help.scroll.top + 1) } else { String::new() };
    let (left, right) = split_right(area, u16::try_from(text::width(&position)).unwrap_or(0) + 1);
    put(canvas.buffer, right, &position, style(canvas.app.theme().muted), Align::Right);
    field(canvas, left, "filter", &help.input, true);
}

fn draw_column(canvas: &mut Canvas, area: Rect, lines: &[HelpLine], top: usize) {
    let theme = canvas.app.theme();
    let widest = lines.iter().map(|line| if let HelpLine::Keys(keys, _) = line { text::width(keys) } else { 0 }).max();
    let keys_width = u16::try_from(widest.unwrap_or(0)).unwrap_or(0).min(area.width / 3).min(MAX_KEYS);
    for (row, line) in lines.iter().skip(top).take(area.height.into()).enumerate() {
        let area = line_of(area, row);
        match line {
            HelpLine::Blank => {}
            HelpLine::Heading(name) => {
                put(canvas.buffer, area, name, style(theme.heading), Align::Left);
            }
            HelpLine::Keys(keys, about) => {
                let (left, right) = split_left(area, keys_width + 2);
                let left = Rect { width: left.width.saturating_sub(2), ..left };
                put(canvas.buffer, left, keys, style(theme.key), Align::Left);
                put(canvas.buffer, right, about, style(theme.text), Align::Left);
            }
        }
    }
}
