//! What several panes draw: a piece of text in a given width, a line between panes, a box over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::Canvas;
use super::style::style;
use crate::app::msg::Target;
use crate::stdx::text;

/// Which edge a text is put at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// Writes text into one line of an area, cut to its width. What it comes from may be hostile.
pub fn put(buffer: &mut Buffer, area: Rect, written: &str, style: Style, align: Align) -> u16 {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    let cut = text::ellipsis(&text::one_line(written), area.width.into());
    let width = u16::try_from(text::width(&cut)).unwrap_or(area.width).min(area.width);
    let x = match align {
        Align::Left => area.x,
        Align::Right => area.right() - width,
    };
    buffer.set_stringn(x, area.y, &cut, width.into(), style);
    width
}

/// Writes a line of several styles into one line of an area.
pub fn put_line(buffer: &mut Buffer, area: Rect, line: &Line) {
    line.render(area.intersection(buffer.area), buffer);
}

/// The left `width` columns of a line, and what is right of them.
pub fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}

/// What is left of the right `width` columns of a line, and those.
pub fn split_right(area: Rect, width: u16) -> (Rect, Rect) {
    split_left(area, area.width - width.min(area.width))
}

/// One line of an area, by its number.
pub fn line_of(area: Rect, number: usize) -> Rect {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    if number >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect { y: area.y + number, height: 1, ..area }
}

/// The line between two panes.
pub fn divider(canvas: &mut Canvas, area: Rect) {
    let border = style(canvas.app.theme().border);
    for y in area.top()..area.bottom() {
        canvas.buffer.set_string(area.x, y, "│", border);
    }
}

/// An empty box over the screen, of at most so many columns and rows. Returns what is inside it. Where the screen
/// is too small for a frame the box has none.
pub fn overlay(canvas: &mut Canvas, area: Rect, title: &str, size: (u16, u16)) -> Rect {
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

/// A field that is being typed: a mark, the text, and the cursor in it. A long text shows what is around the cursor.
pub fn field(canvas: &mut Canvas, area: Rect, mark: &str, input: &crate::app::input::Input, typing: bool) {
    let theme = canvas.app.theme();
    let used = put(canvas.buffer, area, mark, style(theme.accent), Align::Left);
    let (_, area) = split_left(area, used + 1);
    if area.is_empty() {
        return;
    }
    let before = text::width(input.before_cursor());
    let hidden = (before + 1).saturating_sub(area.width.into());
    let shown = drop_columns(input.text(), hidden);
    canvas.buffer.set_stringn(area.x, area.y, shown, area.width.into(), style(theme.text));
    if typing {
        let x = area.x + u16::try_from(before - hidden.min(before)).unwrap_or(0);
        canvas.cursor = Some(Position { x: x.min(area.right() - 1), y: area.y });
    }
}

/// The text without its first columns.
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
