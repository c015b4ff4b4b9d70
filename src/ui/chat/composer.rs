//! Composer: text, cursor, and the completion popup.

use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Clear, Widget};

use crate::app::chat::composer::{ComposerCompletion, rows};
use crate::app::chat::{Chat, ChatFocus};
use crate::app::msg::Target;
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, split_left};

/// Width of the prompt mark before the text.
const MARK_WIDTH: u16 = 2;

/// Maximum rows of the completion popup.
const MAX_COMPLETIONS: usize = 8;

/// Desired height with the rule above: up to a third of the screen.
pub(super) fn height(chat: &Chat, screen: Rect) -> u16 {
    let rows = rows::rows(&chat.composer.text, width(screen)).len();
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min((screen.height / 3).max(1));
    rows + u16::from(screen.height >= 8)
}

/// Text width in columns. One column is reserved for the cursor after a full row.
fn width(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(MARK_WIDTH + 1)).max(1)
}

/// Draws the composer.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let theme = canvas.app.theme();
    let (composer, focused) = (&chat.composer, has_focus(canvas, chat));
    canvas.feedback.composer = width(area);
    canvas.target(area, Target::Composer);
    let rows = rows::rows(&composer.text, width(area));
    let has_rule = area.height > 1 && (usize::from(area.height) > rows.len() || area.height > 2);
    let body = Rect { y: area.y + u16::from(has_rule), height: area.height - u16::from(has_rule), ..area };
    if has_rule {
        draw_rule(canvas, line_of(area, 0), chat);
    }
    let look = if focused { theme.accent } else { theme.muted };
    put(canvas.buffer, line_of(body, 0), "❯", style(look), Align::Left);
    let (_, body) = split_left(body, MARK_WIDTH);
    let label = placeholder(canvas, chat, has_rule);
    if let Some(label) = label {
        put(canvas.buffer, line_of(body, 0), &label, style(theme.faint), Align::Left);
    }
    let at = rows::row_of(&rows, composer.text.cursor());
    let top = (at + 1).saturating_sub(body.height.into());
    for (line, row) in rows.iter().skip(top).take(body.height.into()).enumerate() {
        let shown = rows::row_text(&composer.text, row);
        let area = line_of(body, line);
        let look = if chat.read_only.is_some() { theme.muted } else { theme.text };
        canvas.buffer.set_stringn(area.x, area.y, shown.trim_end_matches('\n'), area.width.into(), style(look));
    }
    if focused && chat.read_only.is_none() {
        let column = rows::columns(&composer.text, rows[at].start..composer.text.cursor());
        let x = body.x.saturating_add(u16::try_from(column).unwrap_or(u16::MAX)).min(body.right().saturating_sub(1));
        let y = body.y + u16::try_from(at - top).unwrap_or(0);
        canvas.cursor = Some(Position { x, y });
    }
}

/// Draws the completion popup above the composer.
pub(super) fn draw_completion(canvas: &mut Canvas, above: Rect, chat: &Chat) {
    let shown = chat.composer.completion.as_ref().filter(|completion| !completion.found.is_empty());
    let Some(ComposerCompletion { found, selected, .. }) = shown.filter(|_| has_focus(canvas, chat)) else { return };
    let theme = canvas.app.theme();
    let rows = found.len().min(MAX_COMPLETIONS).min(above.height.into());
    let top = crate::app::scroll::reveal(0, *selected, rows, found.len());
    let height = u16::try_from(rows).unwrap_or(0);
    let area = Rect { y: above.bottom() - height, height, ..above };
    Clear.render(area, canvas.buffer);
    let longest = found.iter().skip(top).take(rows).map(|found| text::width(&found.word)).max().unwrap_or(0);
    let column = u16::try_from(longest).unwrap_or(u16::MAX).min(area.width / 2) + 2;
    for (line, (at, candidate)) in found.iter().enumerate().skip(top).take(rows).enumerate() {
        let row = line_of(area, line);
        if at == *selected {
            canvas.select(row);
            put(canvas.buffer, row, "▌", style(theme.accent), Align::Left);
        }
        let (_, row) = split_left(row, MARK_WIDTH);
        let (word, about) = if candidate.about.is_empty() { (row, Rect::ZERO) } else { split_left(row, column) };
        put(canvas.buffer, word, &candidate.word, style(theme.text), Align::Left);
        put(canvas.buffer, about, &candidate.about, style(theme.muted), Align::Left);
    }
}

/// Returns true if typed text goes to this composer.
fn has_focus(canvas: &Canvas, chat: &Chat) -> bool {
    canvas.active && chat.focus == ChatFocus::Composer
}

/// Draws the rule above, with a label while typed text goes elsewhere.
fn draw_rule(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    let theme = canvas.app.theme();
    let look = if has_focus(canvas, chat) { theme.accent } else { theme.border };
    canvas.buffer.set_string(area.x, area.y, "─".repeat(area.width.into()), style(look));
    if let Some(label) = mode(canvas, chat) {
        let (_, at) = split_left(area, 2);
        canvas.buffer.set_stringn(at.x, at.y, format!(" {label} "), at.width.into(), style(theme.warning));
    }
}

/// Label that says where typed text goes, unless it is sent.
fn mode(canvas: &Canvas, chat: &Chat) -> Option<&'static str> {
    match chat.focus {
        _ if !canvas.active || chat.read_only.is_some() => None,
        ChatFocus::Transcript => Some("reading: esc to write"),
        ChatFocus::Queue(_) => Some("queue: esc to write"),
        ChatFocus::Tasks(_) => Some("tasks: esc to write"),
        ChatFocus::Composer if chat.composer.editing.is_some() => {
            Some("editing queued prompt: enter save · esc cancel")
        }
        ChatFocus::Composer => None,
    }
}

/// Placeholder of an empty composer. A rule above it says already where typed text goes.
fn placeholder(canvas: &Canvas, chat: &Chat, has_rule: bool) -> Option<String> {
    // A draft that could not be sent stays visible.
    chat.composer.is_empty().then(|| match &chat.read_only {
        Some(why) => format!("read-only: {why}"),
        None if has_rule && mode(canvas, chat).is_some() => String::new(),
        None => mode(canvas, chat).unwrap_or("type a prompt").to_owned(),
    })
}
