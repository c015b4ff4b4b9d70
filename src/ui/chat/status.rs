//! One line: what the run does, and with what. What does not fit is left out as a whole, the least important first.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::chat::Chat;
use crate::app::chat::state::Tone;
use crate::app::picker::skips_permissions;
use crate::config::theme::Paint;
use crate::domain::prompt::PromptState;
use crate::domain::run::RunInfo;
use crate::stdx::text;
use crate::ui::Canvas;
use crate::ui::columns;
use crate::ui::style::{self, style};
use crate::ui::widgets::{put_line, rich, split_left};

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (words, tone) = app.state_of(chat);
    let paint = match tone {
        Tone::Quiet => theme.muted,
        Tone::Working => theme.working,
        Tone::NeedsYou => theme.needs_you,
        Tone::Warning => theme.warning,
        Tone::Error => theme.error,
    };
    let (_, area) = split_left(area, 1);
    let room = usize::from(area.width);
    let look = |paint: Paint, words: String| Span::styled(words, style(paint));
    let (model, mode) = match (app.info(chat), &chat.opening) {
        (Some(info), _) => (info.model.as_deref(), info.mode.as_deref()),
        (None, Some(opening)) => (opening.model.as_deref(), opening.mode.as_deref()),
        (None, None) => (None, None),
    };
    // That nothing is asked must be seen however narrow the screen is.
    let (unguarded, mode) = match mode {
        Some(mode) if skips_permissions(mode) => (Some(mode), None),
        mode => (None, mode),
    };
    let mut facts: Vec<_> = unguarded.map(|mode| look(theme.error, text::one_line(mode))).into_iter().collect();
    facts.push(Span::styled(chat.agent.name(), style::agent(theme, chat.agent)));
    facts.extend(model.map(|model| look(theme.text, columns::short_model(model).to_owned())));
    facts.extend(mode.map(|mode| look(theme.muted, text::one_line(mode))));
    let queue = chat.run.as_ref().map_or(&[][..], |run| app.runs.queue(run));
    facts.extend(
        queued(queue.len(), queue.iter().filter(|prompt| is_kept_back(prompt.state)).count())
            .map(|words| look(theme.warning, words)),
    );
    facts.extend(app.info(chat).into_iter().flat_map(usage).map(|words| look(theme.muted, words)));
    let state = text::one_line(&words);
    let mut used = text::width(&state);
    let mut spans = vec![Span::styled(state, style(paint))];
    for fact in facts {
        let width = text::width(&fact.content) + 3;
        // What the line begins with is said in any case, if cut.
        if used + width > room {
            continue;
        }
        used += width;
        spans.push(Span::styled(" · ", style(theme.faint)));
        spans.push(fact);
    }
    put_line(canvas.buffer, area, &Line::from(rich::cut(spans, room)));
}

fn is_kept_back(state: PromptState) -> bool {
    matches!(state, PromptState::Held | PromptState::Failed)
}

fn queued(all: usize, kept_back: usize) -> Option<String> {
    match (all, kept_back) {
        (0, _) => None,
        (all, 0) => Some(format!("{all} queued")),
        (all, kept) => Some(format!("{all} queued, {kept} held")),
    }
}

/// Context left, tokens, cost; the more useful first.
fn usage(info: &RunInfo) -> Vec<String> {
    let left = info.context.filter(|(_, size)| *size > 0).map(|(used, size)| {
        let left = size.saturating_sub(used) * 100 / size;
        format!("{left} % context left")
    });
    let tokens = columns::tokens(info.tokens.total());
    let tokens = (!tokens.is_empty()).then(|| format!("{tokens} tokens"));
    let cost = info.cost_usd.map(|cost| format!("${cost:.2}"));
    [left, tokens, cost].into_iter().flatten().collect()
}
