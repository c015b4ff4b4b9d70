//! Single-line input field.

use ratatui::layout::{Position, Rect};

use super::cells::{Align, put, split_left};
use crate::app::line_editor::LineEditor;
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;

/// Draws an input field: label, text and cursor. A long text is scrolled to the cursor, with marks where it is cut.
pub(in crate::ui) fn field(canvas: &mut Canvas, area: Rect, label: &str, input: &LineEditor, typing: bool) {
    let theme = canvas.app.theme();
    let used = put(canvas.buffer, area, label, style(theme.accent), Align::Left);
    let (_, area) = split_left(area, used + 1);
    if area.is_empty() {
        return;
    }
    let before = text::width(input.before_cursor());
    let hidden = (before + 1).saturating_sub(area.width.into());
    let shown = drop_columns(input.text(), hidden);
    canvas.buffer.set_stringn(area.x, area.y, shown, area.width.into(), style(theme.text));
    let mut mark = |x| {
        canvas.buffer[(x, area.y)].set_symbol("…").set_style(style(theme.muted));
    };
    if hidden > 0 && area.width > 2 {
        mark(area.x);
    }
    if text::width(shown) > area.width.into() {
        mark(area.right() - 1);
    }
    if typing {
        let x = area.x + u16::try_from(before - hidden.min(before)).unwrap_or(0);
        canvas.cursor = Some(Position { x: x.min(area.right() - 1), y: area.y });
    }
}

/// Drops the first columns of a text.
fn drop_columns(written: &str, columns: usize) -> &str {
    use unicode_segmentation::UnicodeSegmentation;
    let mut dropped = 0;
    for (at, grapheme) in written.grapheme_indices(true) {
        if dropped >= columns {
            return &written[at..];
        }
        dropped += text::width(grapheme);
    }
    if columns == 0 { written } else { "" }
}
