//! Queue of a run: prompts that are not sent yet, one per line, and the reason.

use ratatui::layout::Rect;

use crate::app::chat::{Chat, ChatFocus, queue};
use crate::app::{Action, App, age};
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Phase, StopReason};
use crate::domain::units;
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, split_left, split_right};

/// Maximum number of visible prompts.
const MAX_PROMPTS: usize = 6;

/// Desired height in rows.
pub(super) fn height(app: &App, chat: &Chat) -> u16 {
    let waiting = chat.queue(&app.runs).len();
    let rows = waiting.min(MAX_PROMPTS) + usize::from(heading(app, chat).is_some());
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Draws the queue.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let (app, theme) = (canvas.app, canvas.app.theme());
    let mut rows = area;
    if let Some(label) = heading(app, chat) {
        let (_, at) = split_left(line_of(rows, 0), 1);
        put(canvas.buffer, at, &label, style(theme.warning), Align::Left);
        rows = Rect { y: rows.y + 1, height: rows.height - 1, ..rows };
    }
    let prompts = chat.queue(&app.runs);
    let selected = match chat.focus {
        ChatFocus::Queue(id) => prompts.iter().position(|prompt| prompt.id == id),
        ChatFocus::Composer | ChatFocus::Transcript | ChatFocus::Tasks(_) => None,
    };
    let height = usize::from(rows.height);
    let top = crate::app::scroll::reveal(0, selected.unwrap_or(0), height, prompts.len());
    for (line, (at, prompt)) in prompts.iter().enumerate().skip(top).take(height).enumerate() {
        let row = line_of(rows, line);
        // The last row counts prompts that do not fit.
        let beyond = prompts.len() - at;
        let last = line + 1 == height && beyond > 1;
        draw_prompt(canvas, row, (at, prompt), selected == Some(at), last.then_some(beyond - 1));
    }
}

fn draw_prompt(canvas: &mut Canvas, row: Rect, (at, prompt): (usize, &Prompt), selected: bool, beyond: Option<usize>) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    if selected {
        canvas.select(row);
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
    let (left, right_at) = split_right(row, width + 2);
    let paint = match prompt.state {
        PromptState::Held => theme.warning,
        PromptState::Failed => theme.error,
        PromptState::Pending | PromptState::Sending | PromptState::Delivered | PromptState::Cancelled => theme.muted,
    };
    let right_at = Rect { width: right_at.width.saturating_sub(1), ..right_at };
    put(canvas.buffer, right_at, &right, style(paint), Align::Right);
    let label = text::one_line(text::first_chars(&prompt.text, 2_000));
    put(canvas.buffer, left, &label, style(theme.prompt), Align::Left);
}

/// Reason why the queue is paused, and the key that resumes it.
fn heading(app: &App, chat: &Chat) -> Option<String> {
    let first = *chat.queue(&app.runs).first()?;
    let blocked = match first.state {
        PromptState::Held => Some("is held"),
        PromptState::Failed => Some("has failed"),
        PromptState::Pending | PromptState::Sending | PromptState::Delivered | PromptState::Cancelled => None,
    };
    let info = chat.info(&app.runs)?;
    if let Some(time) = info.continues_at.filter(|time| *time > app.now) {
        let wait = match units::age(time, app.now).as_str() {
            "now" => "within a minute".to_owned(),
            age => format!("in {age}"),
        };
        return Some(format!("continues by itself {wait}, when the limit is over: up, then x cancels it"));
    }
    let key = app.hint(Action::ResumeQueue);
    if let Some(state) = blocked {
        let send = key.map(|key| format!("{key} sends it, or ")).unwrap_or_default();
        return Some(format!("the first prompt {state} and blocks the queue: {send}up, then r send, x cancel"));
    }
    let key = key.map(|key| format!(" or {key}")).unwrap_or_default();
    if matches!(info.phase, Phase::Stopped(StopReason::NotStarted)) {
        return Some(format!("not sent yet: enter{key} to send"));
    }
    if !info.paused {
        return None;
    }
    if let Some(stop) = info.over_budget {
        return Some(format!("{stop}: enter{key} resumes"));
    }
    let why = match &info.last_outcome {
        Some(crate::domain::run::TurnOutcome::Interrupted) => "the turn was interrupted",
        Some(crate::domain::run::TurnOutcome::Failed(_)) => "the last turn failed",
        Some(crate::domain::run::TurnOutcome::Done) | None => "waiting for you",
    };
    Some(format!("queue paused, {why}: enter{key} to resume"))
}
