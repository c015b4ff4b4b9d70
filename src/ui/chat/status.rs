//! Status line of a chat: state, the running tool, queue and usage. Parts that do not fit are omitted.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::chat::Chat;
use crate::app::chat::state::Tone;
use crate::config::theme::ThemeStyle;
use crate::domain::Time;
use crate::domain::prompt::PromptState;
use crate::domain::run::RunInfo;
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::columns;
use crate::ui::style::style;
use crate::ui::widgets::{put_line, split_left, styled_line};

/// Draws the status line.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (label, tone) = chat.status(&app.runs, &app.keymap, app.now);
    let paint = match tone {
        Tone::Quiet => theme.muted,
        Tone::Working => theme.working,
        Tone::NeedsYou => theme.needs_you,
        Tone::Warning => theme.warning,
        Tone::Error => theme.error,
    };
    let (_, area) = split_left(area, 1);
    let room = usize::from(area.width);
    let look = |paint: ThemeStyle, label: String| Span::styled(label, style(paint));
    let mut parts: Vec<_> = chat.activity(&app.runs, app.now).map(|call| look(theme.text, call)).into_iter().collect();
    let queue = chat.queue(&app.runs);
    parts.extend(
        queued(
            queue.iter().filter(|prompt| prompt.state == PromptState::Pending).count(),
            queue.iter().filter(|prompt| is_held(prompt.state)).count(),
        )
        .map(|label| look(theme.warning, label)),
    );
    parts.extend(chat.info(&app.runs).into_iter().flat_map(usage).map(|label| look(theme.muted, label)));
    let spinner = if chat.is_busy(&app.runs) { spinner(app.now) } else { "" };
    let state = format!("{spinner}{}", text::one_line(&label));
    let mut used = text::width(&state);
    let mut spans = vec![Span::styled(state, style(paint))];
    for part in parts {
        let width = text::width(&part.content) + 3;
        // The state itself is always shown, cut if necessary.
        if used + width > room {
            continue;
        }
        used += width;
        spans.push(Span::styled(" · ", style(theme.faint)));
        spans.push(part);
    }
    put_line(canvas.buffer, area, &Line::from(styled_line::cut(spans, room)));
}

/// Frame of the activity indicator. It changes with the clock of the turn, once a second.
fn spinner(now: Time) -> &'static str {
    const FRAMES: [&str; 8] = ["⠋ ", "⠙ ", "⠹ ", "⠸ ", "⠼ ", "⠴ ", "⠦ ", "⠧ "];
    let second = usize::try_from(now.millis() / 1_000).unwrap_or(0);
    FRAMES[second % FRAMES.len()]
}

fn is_held(state: PromptState) -> bool {
    matches!(state, PromptState::Held | PromptState::Failed)
}

/// Formats the length of the queue. A prompt that is being sent is not counted, because it has left the queue.
fn queued(pending: usize, held: usize) -> Option<String> {
    match (pending, held) {
        (0, 0) => None,
        (pending, 0) => Some(format!("{pending} queued")),
        (0, held) => Some(format!("{held} held")),
        (pending, held) => Some(format!("{pending} queued, {held} held")),
    }
}

/// Formats context left, tokens and cost, the most useful first.
fn usage(info: &RunInfo) -> Vec<String> {
    let left = info.context.filter(|(_, size)| *size > 0).map(|(used, size)| {
        let left = size.saturating_sub(used) * 100 / size;
        format!("{left}% context left")
    });
    let tokens = columns::tokens(info.tokens.total());
    let tokens = (!tokens.is_empty()).then(|| format!("{tokens} tokens"));
    let cost = info.cost_usd.map(|cost| format!("${cost:.2}"));
    [left, tokens, cost].into_iter().flatten().collect()
}
