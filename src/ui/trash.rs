//! Page of the trash.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::numbers::{bytes, count};
use super::style::{self, style};
use super::widgets::{Align, line_of, overlay, overlay_width, put, split_left, split_right};
use crate::app::age;
use crate::app::msg::Target;
use crate::app::trash_page::TrashPage;
use crate::domain::trash_item::{TrashContent, TrashItem};
use crate::stdx::text;

/// Maximum columns of the page.
const WIDTH: u16 = 110;

/// Minimum columns of a title beside the note on the files.
const MIN_TITLE: u16 = 24;

/// Draws the sessions in the trash, one a row.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, page: &TrashPage) {
    let theme = canvas.app.theme();
    let rows = page.rows();
    let height = u16::try_from(rows.len().max(1)).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, "Trash", (overlay_width(area, WIDTH), height));
    canvas.feedback.overlay_rows = inner.height.into();
    canvas.feedback.overlay_len = rows.len();
    let empty = match &page.items {
        None => "Loading …",
        Some(Err(reason)) => reason,
        Some(Ok(items)) if items.is_empty() => "The trash is empty. In the list, d moves a session here.",
        Some(Ok(_)) => "",
    };
    if !empty.is_empty() {
        put(canvas.buffer, line_of(inner, 0), empty, style(theme.muted), Align::Left);
        return;
    }
    for (line, (row, item)) in rows.iter().enumerate().skip(page.top).take(inner.height.into()).enumerate() {
        draw_row(canvas, line_of(inner, line), item, (row, row == page.at, page.marked.contains(&item.key)));
    }
}

/// Draws a row: `▌◆ claude   Retry failed webhooks        3 files, 1.2 MB · deleted in 27d    3d`.
fn draw_row(canvas: &mut Canvas, area: Rect, item: &TrashItem, (row, selected, marked): (usize, bool, bool)) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    canvas.target(area, Target::Choice(row));
    if selected {
        canvas.select(area);
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let (_, rest) = split_left(area, 1);
    let (mark, rest) = split_left(rest, 2);
    put(canvas.buffer, mark, if marked { "◆" } else { "" }, style(theme.accent), Align::Left);
    let (agent, rest) = split_left(rest, 9);
    put(canvas.buffer, agent, item.key.agent.name(), style::agent(theme, item.key.agent), Align::Left);
    let (rest, since) = split_right(rest, 5);
    put(canvas.buffer, since, &age::text(app.now, item.time), style(theme.muted), Align::Right);
    let note = match &item.content {
        TrashContent::Files { count: files, bytes: size, until } => {
            let left = age::text(*until, app.now);
            format!("{}, {} · deleted in {left}", count(*files, "file", "files"), bytes(*size))
        }
        TrashContent::Rows { .. } => format!("hidden, in {}'s database", item.key.agent.label()),
    };
    let wide = u16::try_from(text::width(&note)).unwrap_or(0);
    let (rest, beside) = if rest.width >= wide + MIN_TITLE { split_right(rest, wide + 2) } else { (rest, Rect::ZERO) };
    put(canvas.buffer, beside, &note, style(theme.muted), Align::Right);
    put(canvas.buffer, rest, &text::one_line(&item.title), style(theme.text), Align::Left);
}
