//! The prompts that wait to be sent, one a line, and why they wait.

use ratatui::layout::Rect;

use crate::app::chat::{Chat, Focus, queue};
use crate::app::{Action, App, age};
use crate::domain::prompt::{Prompt, PromptState};
use crate::stdx::text;
use crate::ui::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, split_left, split_right};

/// Prompts that are shown at once.
const MOST: usize = 6;

/// Rows that it wants.
pub fn height(app: &App, chat: &Chat) -> u16 {
    let waiting = prompts(app, chat).len();
    let rows = waiting.min(MOST) + usize::from(heading(app, chat).is_some());
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let (app, theme) = (canvas.app, canvas.app.theme());
    let mut rows = area;
    if let Some(words) = heading(app, chat) {
        let (_, at) = split_left(line_of(rows, 0), 1);
        put(canvas.buffer, at, &words, style(theme.warning), Align::Left);
        rows = Rect { y: rows.y + 1, height: rows.height - 1, ..rows };
    }
    let prompts = prompts(app, chat);
    let selected = match chat.focus {
        Focus::Queue(id) => prompts.iter().position(|prompt| prompt.id == id),
        Focus::Composer | Focus::Transcript => None,
    };
    let height = usize::from(rows.height);
    let top = crate::app::scroll::reveal(0, selected.unwrap_or(0), height, prompts.len());
    for (line, (at, prompt)) in prompts.iter().enumerate().skip(top).take(height).enumerate() {
        let row = line_of(rows, line);
        // What does not fit is counted in the last row.
        let beyond = prompts.len() - at;
        let last = line + 1 == height && beyond > 1;
        draw_prompt(canvas, row, (at, prompt), selected == Some(at), last.then_some(beyond - 1));
    }
}

fn draw_prompt(canvas: &mut Canvas, row: Rect, (at, prompt): (usize, &Prompt), selected: bool, beyond: Option<usize>) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    if selected {
        canvas.buffer.set_style(row, style(theme.selected));
        put(canvas.buffer, row, "▌", style(theme.accent), Align::Left);
    }
    let (_, row) = split_left(row, 1);
    let (number, row) = split_left(row, 3);
    put(canvas.buffer, number, &(at + 1).to_string(), style(theme.muted), Align::Left);
    let waits = queue::waits_for(prompt).unwrap_or_default();
    let more = beyond.map(|beyond| format!("  +{beyond} more")).unwrap_or_default();
    let age = age::text(app.now, prompt.submitted);
    let right = [age, waits].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ") + &more;
    let width = u16::try_from(text::width(&right)).unwrap_or(u16::MAX).min(row.width / 2);
    let (left, right_at) = split_right(row, width + 1);
    let paint = match prompt.state {
        PromptState::Held => theme.warning,
        PromptState::Failed => theme.error,
        PromptState::Pending | PromptState::Sending | PromptState::Delivered | PromptState::Cancelled => theme.muted,
    };
    put(canvas.buffer, right_at, &right, style(paint), Align::Right);
    let words = text::one_line(text::first_chars(&prompt.text, 2_000));
    put(canvas.buffer, left, &words, style(theme.prompt), Align::Left);
}

/// Why nothing of it is sent, and which key lets it go on.
fn heading(app: &App, chat: &Chat) -> Option<String> {
    let first = prompts(app, chat).first()?;
    let kept_back = matches!(first.state, PromptState::Held | PromptState::Failed);
    let info = app.info(chat).filter(|info| info.paused || kept_back)?;
    if kept_back {
        return Some(
            "the first one was kept back, and what follows waits for it: up, then r sends it, x drops it".into(),
        );
    }
    let why = match &info.last {
        Some(crate::domain::run::Outcome::Interrupted) => "the turn was interrupted",
        Some(crate::domain::run::Outcome::Failed(_)) => "the last turn failed",
        Some(crate::domain::run::Outcome::Done) | None => "it waits for you",
    };
    let key = app.keymap.hint(Action::GoOn).map(|key| format!(" or {key}")).unwrap_or_default();
    Some(format!("queue paused, {why}: enter{key} goes on"))
}

fn prompts<'a>(app: &'a App, chat: &Chat) -> &'a [Prompt] {
    chat.run.as_ref().map_or(&[], |run| app.runs.queue(run))
}
