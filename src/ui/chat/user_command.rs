//! Output of the user's command, above the composer.

use ratatui::layout::Rect;

use crate::app::Action;
use crate::app::App;
use crate::app::chat::Chat;
use crate::app::chat::state::clock;
use crate::app::chat::user_command::UserCommand;
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, split_left, split_right};

/// Maximum lines of output on the screen.
const MAX_LINES: usize = 8;

/// Desired height in rows; 0 without a command.
pub(super) fn height(chat: &Chat) -> u16 {
    chat.command.as_ref().map_or(0, |command| {
        let lines = command.output.trim_end().lines().count().min(MAX_LINES);
        u16::try_from(lines + 1).unwrap_or(u16::MAX)
    })
}

/// Draws the command, its state and the end of its output.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    let Some(command) = chat.command.as_ref().filter(|_| !area.is_empty()) else { return };
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (_, area) = split_left(area, 1);
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let state = state(app, command);
    let width = u16::try_from(text::width(&state)).unwrap_or(u16::MAX).min(area.width * 4 / 5);
    let (left, right) = split_right(line_of(area, 0), width + 1);
    put(canvas.buffer, left, &format!("! {}", text::one_line(&command.line)), style(theme.code), Align::Left);
    let look = if command.ended.is_some() { theme.muted } else { theme.working };
    put(canvas.buffer, right, &state, style(look), Align::Right);
    let room = usize::from(area.height).saturating_sub(1);
    let lines: Vec<&str> = command.output.trim_end().lines().collect();
    for (row, line) in lines.iter().skip(lines.len().saturating_sub(room)).enumerate() {
        let (_, place) = split_left(line_of(area, row + 1), 2);
        put(canvas.buffer, place, &line.replace('\t', "    "), style(theme.muted), Align::Left);
    }
}

/// State: `running 7 s · ctrl-c ends it`, or `exit code 1 · sent with your next prompt · esc drops it`.
fn state(app: &App, command: &UserCommand) -> String {
    if let Some(ended) = &command.ended {
        let sent = if command.is_context { " · sent with your next prompt" } else { "" };
        return format!("{ended}{sent} · esc drops it");
    }
    let key = app.keymap.hint(Action::Interrupt).map(|key| format!(" · {key} ends it")).unwrap_or_default();
    format!("running {}{key}", clock(app.now, command.since))
}
