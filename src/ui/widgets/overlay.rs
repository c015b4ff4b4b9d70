//! Dividers between panes, and boxes for overlays.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::app::msg::Target;
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;

/// Draws the line between two panes.
pub(in crate::ui) fn divider(canvas: &mut Canvas, area: Rect) {
    let border = style(canvas.app.theme().border);
    for y in area.top()..area.bottom() {
        canvas.buffer.set_string(area.x, y, "│", border);
    }
}

/// Draws an empty box of at most the given columns and rows, and returns the inner area. A small screen is used as a
/// whole, without a border.
pub(in crate::ui) fn overlay(canvas: &mut Canvas, area: Rect, title: &str, size: (u16, u16)) -> Rect {
    let theme = canvas.app.theme();
    let framed = area.width >= 24 && (area.height >= 9 || size.1 + 2 <= area.height);
    canvas.target(area, Target::Nothing);
    if !framed {
        clear(canvas, area);
        // The margins are those of the whole screen.
        let margin = u16::from(area.width > 8);
        return Rect { x: area.x + margin, width: area.width - 2 * margin, ..area };
    }
    let (width, height) = (overlay_width(area, size.0) + 4, size.1.saturating_add(2).min(area.height));
    let box_area = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    clear(canvas, box_area);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(style(theme.border));
    let heading = style(theme.accent).patch(style(theme.title));
    block.title(Line::styled(format!(" {title} "), heading)).render(box_area, canvas.buffer);
    Rect { x: box_area.x + 2, y: box_area.y + 1, width: box_area.width - 4, height: box_area.height - 2 }
}

/// Minimum width of a screen whose boxes touch no edge.
const WITH_MARGINS: u16 = 36;

/// Returns the columns of the text in a box of at most `most` columns.
pub(in crate::ui) fn overlay_width(area: Rect, most: u16) -> u16 {
    let taken = if area.width < WITH_MARGINS { 4 } else { 6 };
    most.min(area.width.saturating_sub(taken)).max(1)
}

/// Clears an area. Also removes a wide character that overlaps from the left, because the terminal would draw it over
/// the first column.
fn clear(canvas: &mut Canvas, box_area: Rect) {
    Clear.render(box_area, canvas.buffer);
    let Some(left) = box_area.x.checked_sub(1) else { return };
    for y in box_area.top()..box_area.bottom() {
        if let Some(cell) = canvas.buffer.cell_mut((left, y))
            && text::width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
}
