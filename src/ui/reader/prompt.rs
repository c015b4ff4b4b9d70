//! The prompt of the turn that is read: one dim line over the first row, once its own lines are above the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::{RenderContext, gutter};
use crate::app::msg::{Area, ReaderFeedback, Target};
use crate::app::reader::Reader;
use crate::ui::style::style;
use crate::ui::widgets::{Align, put, split_left};

/// Minimum rows of the text with a prompt above it, because a low screen needs all of them.
const MIN_ROWS: u16 = 8;

/// Returns the number of rows that the prompt may cover.
pub(super) fn rows(body: Rect) -> usize {
    usize::from(body.height >= MIN_ROWS)
}

/// Draws the prompt, and returns its mouse region.
pub(super) fn paint(
    body: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    feedback: &ReaderFeedback,
    context: &RenderContext<'_>,
) -> Option<(Area, Target)> {
    let prompt = feedback.prompt?;
    let line = reader.prompt_line(prompt)?;
    let row = Rect { height: 1, ..body }.intersection(buffer.area);
    Clear.render(row, buffer);
    let (gutter, text) = split_left(row, gutter::width(body.width));
    let (_, mark) = split_left(gutter, 1);
    put(buffer, mark, "❯", style(context.theme.prompt), Align::Left);
    put(buffer, text, &context.secrets.text(&line), style(context.theme.muted), Align::Left);
    Some((Area { x: row.x, y: row.y, width: row.width, height: 1 }, Target::Jump(prompt)))
}
