//! Input of several lines.

use ratatui::layout::{Position, Rect};

use super::cells::line_of;
use crate::app::chat::composer::{ComposerText, rows};
use crate::ui::canvas::Canvas;
use crate::ui::style::style;

/// Draws the rows of a text around the cursor, and the cursor if it is typed into.
pub(in crate::ui) fn text_area(canvas: &mut Canvas, area: Rect, text: &ComposerText, typing: bool) {
    let theme = canvas.app.theme();
    // One column is reserved for the cursor after a full row.
    let width = usize::from(area.width.saturating_sub(1)).max(1);
    canvas.feedback.composer = width;
    let rows = rows::rows(text, width);
    let at = rows::row_of(&rows, text.cursor());
    let top = (at + 1).saturating_sub(area.height.into());
    for (line, row) in rows.iter().skip(top).take(area.height.into()).enumerate() {
        let area = line_of(area, line);
        canvas.buffer.set_stringn(area.x, area.y, rows::row_text(text, row), area.width.into(), style(theme.prompt));
    }
    if typing && !area.is_empty() {
        let column = rows::columns(text, rows[at].start..text.cursor());
        let x = area.x.saturating_add(u16::try_from(column).unwrap_or(u16::MAX)).min(area.right() - 1);
        canvas.cursor = Some(Position { x, y: area.y + u16::try_from(at - top).unwrap_or(0) });
    }
}
