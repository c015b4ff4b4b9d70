//! What divides the screen: a line between panes, a box over it.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::app::msg::Target;
use crate::ui::Canvas;
use crate::ui::style::style;

/// The line between two panes.
pub(in crate::ui) fn divider(canvas: &mut Canvas, area: Rect) {
    let border = style(canvas.app.theme().border);
    for y in area.top()..area.bottom() {
        canvas.buffer.set_string(area.x, y, "│", border);
    }
}

/// An empty box over the screen, of at most so many columns and rows. Returns what is inside it. Where the screen
/// is too small for a frame the box has none.
pub(in crate::ui) fn overlay(canvas: &mut Canvas, area: Rect, title: &str, size: (u16, u16)) -> Rect {
    let theme = canvas.app.theme();
    let framed = area.width >= 24 && area.height >= 5;
    let extra = if framed { (4, 2) } else { (0, 0) };
    let (width, height) =
        ((size.0.saturating_add(extra.0)).min(area.width), (size.1.saturating_add(extra.1)).min(area.height));
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    canvas.target(area, Target::Nothing);
    Clear.render(place, canvas.buffer);
    if !framed {
        return place;
    }
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(style(theme.border));
    block.title(Line::styled(format!(" {title} "), style(theme.title))).render(place, canvas.buffer);
    Rect { x: place.x + 2, y: place.y + 1, width: place.width - 4, height: place.height - 2 }
}
