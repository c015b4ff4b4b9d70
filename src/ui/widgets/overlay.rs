//! What divides the screen: a line between panes, a box over it.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::app::msg::Target;
use crate::stdx::text;
use crate::ui::Canvas;
use crate::ui::style::style;

/// The line between two panes.
pub(in crate::ui) fn divider(canvas: &mut Canvas, area: Rect) {
    let border = style(canvas.app.theme().border);
    for y in area.top()..area.bottom() {
        canvas.buffer.set_string(area.x, y, "│", border);
    }
}

/// An empty box over the screen, of at most so many columns and rows. Returns what is inside it. Where the content
/// would not fit into a frame, or the screen is narrow, the whole screen is its place.
pub(in crate::ui) fn overlay(canvas: &mut Canvas, area: Rect, title: &str, size: (u16, u16)) -> Rect {
    let theme = canvas.app.theme();
    let framed = area.width >= 24 && (area.height >= 9 || size.1 + 2 <= area.height);
    canvas.target(area, Target::Nothing);
    if !framed {
        clear(canvas, area);
        return area;
    }
    let (width, height) = (size.0.saturating_add(4).min(area.width), size.1.saturating_add(2).min(area.height));
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    clear(canvas, place);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(style(theme.border));
    let heading = style(theme.accent).patch(style(theme.title));
    block.title(Line::styled(format!(" {title} "), heading)).render(place, canvas.buffer);
    Rect { x: place.x + 2, y: place.y + 1, width: place.width - 4, height: place.height - 2 }
}

/// Empties a place. A wide character that reaches into it from the left goes as a whole, or the terminal would let
/// it cover the first column.
fn clear(canvas: &mut Canvas, place: Rect) {
    Clear.render(place, canvas.buffer);
    let Some(left) = place.x.checked_sub(1) else { return };
    for y in place.top()..place.bottom() {
        if let Some(cell) = canvas.buffer.cell_mut((left, y))
            && text::width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
}
