//! Overlay for a new session.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::style::{self, style};
use super::widgets::{Align, field, line_of, overlay, put, put_line, split_left, text_area};
use crate::app::line_editor::LineEditor;
use crate::app::new_session::{NewSession, NewSessionField};
use crate::app::picker::skips_permissions;
use crate::domain::Agent;
use crate::stdx::text;

const WIDTH: u16 = 72;

/// Maximum number of suggestions.
const SUGGESTION_ROWS: usize = 5;

/// Height of the prompt while another field has the focus.
const PROMPT_ROWS: usize = 5;

/// Draws the overlay.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, new: &NewSession) {
    let height = 5 + PROMPT_ROWS + 1 + SUGGESTION_ROWS;
    let title = if new.origin().is_some() { "Continue in another agent" } else { "New session" };
    let inner = overlay(canvas, area, title, (WIDTH, u16::try_from(height).unwrap_or(u16::MAX)));
    // Six rows: the other five fields and the error.
    let room = usize::from(inner.height).saturating_sub(6);
    // The focused prompt takes all the room; otherwise suggestions get what is left.
    let prompt = if new.field == NewSessionField::Prompt { room } else { PROMPT_ROWS.min(room) }.max(1);
    let mut row = 0;
    for part in NewSessionField::ALL {
        let height = if part == NewSessionField::Prompt { prompt } else { 1 };
        let place = rows_of(inner, row, height);
        draw_part(canvas, place, new, part);
        row += height;
    }
    let below = rows_of(inner, row, usize::from(inner.height).saturating_sub(row));
    draw_below(canvas, below, new);
}

fn rows_of(area: Rect, from: usize, count: usize) -> Rect {
    let first = line_of(area, from);
    let rest = area.height.saturating_sub(first.y - area.y);
    Rect { height: u16::try_from(count).unwrap_or(u16::MAX).min(rest).min(first.height * u16::MAX), ..first }
}

fn draw_part(canvas: &mut Canvas, area: Rect, new: &NewSession, part: NewSessionField) {
    let theme = canvas.app.theme();
    let focused = new.field == part;
    let (name, rest) = split_left(area, 11);
    let look = if focused { theme.accent } else { theme.muted };
    put(canvas.buffer, name, part.name(), style(look), Align::Left);
    let line = |canvas: &mut Canvas, input: &LineEditor, unset: &str| {
        field(canvas, line_of(rest, 0), "", input, focused);
        if input.is_empty() {
            let (_, hint) = split_left(rest, 1);
            put(canvas.buffer, hint, unset, style(theme.faint), Align::Left);
        }
    };
    match part {
        NewSessionField::Agent => draw_agents(canvas, rest, new),
        NewSessionField::Directory => line(canvas, &new.directory, "working directory"),
        NewSessionField::Worktree => line(canvas, &new.worktree, "none (space: one with its own branch)"),
        NewSessionField::Model => line(canvas, &new.model, "the agent's default"),
        NewSessionField::Mode => {
            line(canvas, &new.mode, "the agent's default");
            if skips_permissions(new.mode.text()) {
                canvas.buffer.set_style(rest, style(theme.error));
            }
        }
        NewSessionField::Prompt => draw_prompt(canvas, rest, new),
    }
}

/// Draws the agents that salon can run; those that are not installed are faint. Where not all fit, the chosen one is
/// visible, and a mark stands for those that are left out.
fn draw_agents(canvas: &mut Canvas, area: Rect, new: &NewSession) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let choice = |(at, (agent, installed)): (usize, &(Agent, bool))| {
        let chosen = at == new.agent;
        let mut look = if *installed { style::agent(theme, *agent) } else { style(theme.faint) };
        if chosen {
            look = look.patch(style(theme.selected));
        }
        let note = if chosen && new.is_missing(*installed) { " (not installed)  " } else { "  " };
        let mark = if chosen { "●" } else { "○" };
        [Span::styled(format!("{mark} {agent}"), look), Span::styled(note, style(theme.faint))]
    };
    let choices: Vec<_> = app.runs.agents().iter().enumerate().map(choice).collect();
    let shown = visible_choices(&choices, new.agent, usize::from(area.width.saturating_sub(1)));
    let mark = |is_cut: bool, mark| is_cut.then(|| Span::styled(mark, style(theme.faint)));
    let marks = [mark(shown.start > 0, "… "), mark(shown.end < choices.len(), "…")];
    let [before, after] = marks;
    let middle = choices.into_iter().skip(shown.start).take(shown.len()).flatten();
    let (_, area) = split_left(area, 1);
    put_line(canvas.buffer, area, &before.into_iter().chain(middle).chain(after).collect::<Line<'_>>());
}

/// Choices that fit into `room` columns with the marks of those that do not, the chosen one among them.
fn visible_choices(choices: &[[Span<'_>; 2]], chosen: usize, room: usize) -> Range<usize> {
    let width = |range: Range<usize>| {
        let marks = 2 * usize::from(range.start > 0) + usize::from(range.end < choices.len());
        choices[range].iter().flatten().map(Span::width).sum::<usize>() + marks
    };
    let end = choices.len().min(chosen + 1);
    let first = (0..end).find(|first| width(*first..end) <= room).unwrap_or(end.saturating_sub(1));
    let last = (end..=choices.len()).rev().find(|last| width(first..*last) <= room).unwrap_or(end);
    first..last
}

/// Draws the rows of the prompt around the cursor.
fn draw_prompt(canvas: &mut Canvas, area: Rect, new: &NewSession) {
    let theme = canvas.app.theme();
    let (_, area) = split_left(area, 1);
    text_area(canvas, area, &new.prompt, new.field == NewSessionField::Prompt);
    if new.prompt.is_empty() {
        put(canvas.buffer, area, "describe the task (alt-enter: new line)", style(theme.faint), Align::Left);
    }
}

/// Draws the error, or suggestions for the focused field.
fn draw_below(canvas: &mut Canvas, area: Rect, new: &NewSession) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    if let Some(trouble) = &new.error {
        put(canvas.buffer, line_of(area, 0), trouble, style(theme.error), Align::Left);
        return;
    }
    if new.creating.is_some() {
        put(canvas.buffer, line_of(area, 0), "Creating the worktree …", style(theme.accent), Align::Left);
        return;
    }
    let suggestions = new.suggestions(&app.runs);
    for (row, name) in suggestions.iter().take(area.height.into()).enumerate() {
        let (_, place) = split_left(line_of(area, row), 12);
        let look = if row == 0 { theme.text } else { theme.muted };
        put(canvas.buffer, place, &text::one_line(name), style(look), Align::Left);
    }
    if let (false, (mark, _)) = (suggestions.is_empty(), split_left(line_of(area, 0), 11)) {
        put(canvas.buffer, mark, "tab", style(theme.key), Align::Left);
    }
}
