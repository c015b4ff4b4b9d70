//! Drawing of single-line text into areas, and splitting of areas.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::stdx::text;

/// Horizontal alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// Writes sanitised text into the first line of an area, cut to its width. Returns the width in columns.
pub(in crate::ui) fn put(buffer: &mut Buffer, area: Rect, written: &str, style: Style, align: Align) -> u16 {
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

/// Writes a styled line into the first line of an area, cut to its width with a mark.
pub(in crate::ui) fn put_line(buffer: &mut Buffer, area: Rect, line: &Line) {
    let area = area.intersection(buffer.area);
    line.render(area, buffer);
    if !area.is_empty() && is_cut(line, area.width.into()) {
        mark_cut(buffer, area);
    }
}

/// Returns true if a line has more than blanks beyond a width.
fn is_cut(line: &Line, width: usize) -> bool {
    let text: String = line.spans.iter().map(|span| span.content.trim_end_matches('\n')).collect();
    text::width(text.trim_end()) > width
}

/// Writes the mark of a cut into the last column.
fn mark_cut(buffer: &mut Buffer, area: Rect) {
    let last = area.right() - 1;
    // Half of a wide character would stay.
    if last > area.x && text::width(buffer[(last - 1, area.y)].symbol()) > 1 {
        buffer[(last - 1, area.y)].set_symbol(" ");
    }
    buffer[(last, area.y)].set_symbol("…");
}

/// Splits off the left `width` columns; returns left and right part.
pub(in crate::ui) fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}

/// Splits off the right `width` columns; returns left and right part.
pub(in crate::ui) fn split_right(area: Rect, width: u16) -> (Rect, Rect) {
    split_left(area, area.width - width.min(area.width))
}

/// Line of an area by index, with height 0 if out of range.
pub(in crate::ui) fn line_of(area: Rect, number: usize) -> Rect {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    if number >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect { y: area.y + number, height: 1, ..area }
}

/// Wraps text into lines of at most `width` columns. All lines after the first are indented.
pub(in crate::ui) fn wrapped(written: &str, width: u16, indent: usize, style: Style) -> Vec<Line<'static>> {
    let written = text::one_line(written);
    let room = usize::from(width).saturating_sub(indent).max(1);
    let line = |(at, range): (usize, std::ops::Range<usize>)| {
        let margin = if at == 0 { 0 } else { indent };
        Line::styled(format!("{}{}", " ".repeat(margin), &written[range]), style)
    };
    crate::stdx::wrap::wrap(&written, room).into_iter().enumerate().map(line).collect()
}
