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

/// Maximum width of the keys, because the descriptions must fit beside them. Further keys of an action are left out.
const MAX_KEYS: u16 = 15;

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
    let rows = lines.iter().zip(key_widths(lines)).skip(top).take(area.height.into());
    for (row, (line, keys_width)) in rows.enumerate() {
        let area = line_of(area, row);
        match line {
            HelpLine::Blank => {}
            HelpLine::Heading(name) => {
                put(canvas.buffer, area, name, style(theme.heading), Align::Left);
            }
            HelpLine::Keys(keys, about) => {
                let (left, right) = split_left(area, keys_width.min(area.width / 3) + 2);
                let left = Rect { width: left.width.saturating_sub(2), ..left };
                put(canvas.buffer, left, fitting_keys(keys, left.width), style(theme.key), Align::Left);
                put(canvas.buffer, right, about, style(theme.text), Align::Left);
            }
        }
    }
}

/// Returns the width of the keys beside each line: the widest of its section, because one long combination must not take
/// room from the descriptions of all others.
fn key_widths(lines: &[HelpLine]) -> Vec<u16> {
    let keys = |line: &HelpLine| match line {
        HelpLine::Keys(keys, _) => text::width(fitting_keys(keys, MAX_KEYS)),
        HelpLine::Heading(_) | HelpLine::Blank => 0,
    };
    let sections = lines.chunk_by(|_, next| !matches!(next, HelpLine::Heading(_)));
    let widths = sections.flat_map(|section| {
        let widest = section.iter().map(keys).max().unwrap_or(0);
        std::iter::repeat_n(u16::try_from(widest).unwrap_or(MAX_KEYS).min(MAX_KEYS), section.len())
    });
    widths.collect()
}

/// Returns the first keys of an action that fit, at least one.
fn fitting_keys(keys: &str, width: u16) -> &str {
    let ends = keys.match_indices(' ').map(|(end, _)| end).chain([keys.len()]);
    let fitting = ends.take_while(|end| text::width(&keys[..*end]) <= usize::from(width)).last();
    fitting.or_else(|| keys.find(' ')).map_or(keys, |end| &keys[..end])
}
