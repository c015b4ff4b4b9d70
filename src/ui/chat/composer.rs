//! What is being written, its cursor, and what can be completed.

use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Clear, Widget};

use crate::app::chat::composer::{Completion, rows};
use crate::app::chat::{Chat, Focus};
use crate::app::msg::Target;
use crate::stdx::text;
use crate::ui::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, split_left};

/// Columns before the text: a mark.
const MARK: u16 = 2;

/// Candidates that are shown at once.
const CANDIDATES: usize = 8;

/// Rows that it wants on a screen, with the rule above: it grows to a third of it.
pub fn height(chat: &Chat, screen: Rect) -> u16 {
    let rows = rows::rows(&chat.composer.text, width(screen)).len();
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min((screen.height / 3).max(1));
    rows + u16::from(screen.height >= 8)
}

/// Columns of its rows. One is kept free for the cursor behind a full row.
fn width(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(MARK + 1)).max(1)
}

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let theme = canvas.app.theme();
    let (composer, focused) = (&chat.composer, has_keys(canvas, chat));
    canvas.drawn.composer = width(area);
    canvas.target(area, Target::Composer);
    let rows = rows::rows(&composer.text, width(area));
    let ruled = area.height > 1 && (usize::from(area.height) > rows.len() || area.height > 2);
    let body = Rect { y: area.y + u16::from(ruled), height: area.height - u16::from(ruled), ..area };
    if ruled {
        draw_rule(canvas, line_of(area, 0), chat);
    }
    let look = if focused { theme.accent } else { theme.muted };
    put(canvas.buffer, line_of(body, 0), "❯", style(look), Align::Left);
    let (_, body) = split_left(body, MARK);
    let words = placeholder(chat);
    if let Some(words) = words {
        put(canvas.buffer, line_of(body, 0), &words, style(theme.faint), Align::Left);
    }
    let at = rows::row_of(&rows, composer.text.cursor());
    let top = (at + 1).saturating_sub(body.height.into());
    for (line, row) in rows.iter().skip(top).take(body.height.into()).enumerate() {
        let shown = rows::row_text(&composer.text, row);
        let area = line_of(body, line);
        let look = if chat.followed.is_some() { theme.muted } else { theme.text };
        canvas.buffer.set_stringn(area.x, area.y, shown.trim_end_matches('\n'), area.width.into(), style(look));
    }
    if focused && chat.followed.is_none() {
        let column = rows::columns(&composer.text, rows[at].start..composer.text.cursor());
        let x = body.x.saturating_add(u16::try_from(column).unwrap_or(u16::MAX)).min(body.right().saturating_sub(1));
        let y = body.y + u16::try_from(at - top).unwrap_or(0);
        canvas.cursor = Some(Position { x, y });
    }
}

/// What can be completed, over what lies above the composer.
pub fn draw_completion(canvas: &mut Canvas, above: Rect, chat: &Chat) {
    let shown = chat.composer.completion.as_ref().filter(|completion| !completion.found.is_empty());
    let Some(Completion { found, selected, .. }) = shown.filter(|_| has_keys(canvas, chat)) else { return };
    let theme = canvas.app.theme();
    let rows = found.len().min(CANDIDATES).min(above.height.into());
    let top = crate::app::scroll::reveal(0, *selected, rows, found.len());
    let height = u16::try_from(rows).unwrap_or(0);
    let area = Rect { y: above.bottom() - height, height, ..above };
    Clear.render(area, canvas.buffer);
    let longest = found.iter().skip(top).take(rows).map(|found| text::width(&found.word)).max().unwrap_or(0);
    let column = u16::try_from(longest).unwrap_or(u16::MAX).min(area.width / 2) + 2;
    for (line, (at, candidate)) in found.iter().enumerate().skip(top).take(rows).enumerate() {
        let row = line_of(area, line);
        if at == *selected {
            canvas.buffer.set_style(row, style(theme.selected));
            put(canvas.buffer, row, "▌", style(theme.accent), Align::Left);
        }
        let (_, row) = split_left(row, MARK);
        let (word, about) = if candidate.about.is_empty() { (row, Rect::ZERO) } else { split_left(row, column) };
        put(canvas.buffer, word, &candidate.word, style(theme.text), Align::Left);
        put(canvas.buffer, about, &candidate.about, style(theme.muted), Align::Left);
    }
}

/// What is typed goes here.
fn has_keys(canvas: &Canvas, chat: &Chat) -> bool {
    canvas.active && chat.focus == Focus::Composer
}

/// The line above, with what is being written where that is not simply a prompt.
fn draw_rule(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    let theme = canvas.app.theme();
    let look = if has_keys(canvas, chat) { theme.accent } else { theme.border };
    canvas.buffer.set_string(area.x, area.y, "─".repeat(area.width.into()), style(look));
    if chat.composer.editing.is_some() {
        let (_, at) = split_left(area, 2);
        put(
            canvas.buffer,
            at,
            " queued prompt: enter keeps the change, esc leaves it ",
            style(theme.warning),
            Align::Left,
        );
    }
}

/// What stands where nothing is written.
fn placeholder(chat: &Chat) -> Option<String> {
    // What was written and could not be sent is still there to be seen.
    chat.composer.is_empty().then(|| match &chat.followed {
        Some(why) => format!("read only: {why}"),
        None => "write a prompt".to_owned(),
    })
}
