//! Query line of the search with marked errors, the summary below it, and the completion popup.

use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::canvas::Canvas;
use super::header;
use super::numbers::{count, thousands};
use super::style::style;
use super::widgets::{Align, field, line_of, put, put_line, split_left, split_right};
use crate::app::search::{SearchFocus, SearchScreen};
use crate::domain::query::complete::QueryCandidate;
use crate::stdx::text;

/// Maximum rows of the completion popup.
const MAX_COMPLETIONS: usize = 8;

/// Draws the query line and the summary.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let theme = canvas.app.theme();
    let (_, line) = split_left(header::beside_badge(canvas.app, line_of(area, 0)), 1);
    let order = format!("by {}", search.results.order.name());
    let room = if line.width >= 56 { text::width(&order) + 2 } else { 0 };
    let (line, right) = split_right(line, u16::try_from(room).unwrap_or(0));
    put(
        canvas.buffer,
        Rect { width: right.width.saturating_sub(1), ..right },
        &order,
        style(theme.muted),
        Align::Right,
    );
    let typing = search.focus == SearchFocus::Line && search.naming.is_none();
    field(canvas, line, "/", &search.input, typing);
    underline_errors(canvas, line, search);
    let (_, info) = split_left(line_of(area, 1), 1);
    match &search.naming {
        Some(name) => field(canvas, info, "save this view as:", name, true),
        None => draw_summary(canvas, info, search),
    }
}

/// Underlines errors in the query.
fn underline_errors(canvas: &mut Canvas, line: Rect, search: &SearchScreen) {
    // Same geometry as the field: after the prompt and a space, scrolled to the cursor.
    let (_, area) = split_left(line, 2);
    let hidden = (text::width(search.input.before_cursor()) + 1).saturating_sub(area.width.into());
    let look = style(canvas.app.theme().error).add_modifier(Modifier::UNDERLINED);
    let column = |at: usize| {
        let before = search.input.text().get(..at).map_or(0, text::width);
        u16::try_from(before.saturating_sub(hidden)).unwrap_or(u16::MAX)
    };
    for mistake in &search.query().errors {
        let (from, to) = (column(mistake.span.start), column(mistake.span.end));
        let place = Rect { x: area.x.saturating_add(from), width: to.saturating_sub(from), ..area };
        let place = place.intersection(area).intersection(canvas.buffer.area);
        canvas.buffer.set_style(place, look);
    }
}

/// Draws the first error, the spelling correction, or the number of results.
fn draw_summary(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let theme = canvas.app.theme();
    if let Some(mistake) = search.query().errors.first() {
        let at = search.input.text().get(mistake.span.clone()).unwrap_or_default();
        let more = match search.query().errors.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        // Names the term, unless the message does.
        let is_named = mistake.message.contains(&format!("`{at}`"));
        let at = if is_named { String::new() } else { format!("{}: ", text::ellipsis(at, 24)) };
        let label = format!("{at}{}{more}", mistake.message);
        put(canvas.buffer, area, &label, style(theme.error), Align::Left);
        return;
    }
    let answer = search.results.answer();
    if let Some((typed, corrected)) = answer.corrections.first() {
        let label = format!("No results for “{typed}”. Showing “{corrected}”.");
        put(canvas.buffer, area, &label, style(theme.warning), Align::Left);
        return;
    }
    if !search.is_active() || answer.hits.is_empty() {
        return;
    }
    let mut label = count(answer.hits.len(), "session", "sessions");
    if search.results.count() > 0 {
        label = format!("{label} · {}", count(search.results.count(), "hit", "hits"));
    }
    if !search.is_complete() {
        label.push_str(" so far …");
    }
    put(canvas.buffer, area, &label, style(theme.muted), Align::Left);
}

/// Draws the completion popup below the query line.
pub(super) fn draw_completions(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let theme = canvas.app.theme();
    if search.pending_values.is_some() {
        let label = "  counting …  ";
        let place = Rect { x: area.x + 2.min(area.width), width: 14, height: 1, ..area }.intersection(area);
        Clear.render(place.intersection(canvas.buffer.area), canvas.buffer);
        canvas.buffer.set_style(place.intersection(canvas.buffer.area), style(theme.selected_away));
        put(canvas.buffer, place, label, style(theme.muted), Align::Left);
        return;
    }
    let Some(completing) = &search.completion else { return };
    let candidates = completing.candidates();
    let shown = candidates.len().min(MAX_COMPLETIONS).min(area.height.into());
    let widest = |width: &dyn Fn(&QueryCandidate) -> usize| candidates.iter().map(width).max().unwrap_or(0);
    let about = widest(&|candidate| text::width(&note(candidate)).min(48));
    let room = usize::from(area.width).saturating_sub(about + 6);
    let name = widest(&|candidate| text::width(&candidate.text)).min(room);
    let width = u16::try_from(name + about + 6).unwrap_or(u16::MAX).min(area.width);
    let place =
        Rect { x: area.x + 2.min(area.width - width), width, height: u16::try_from(shown).unwrap_or(0), ..area };
    Clear.render(place.intersection(canvas.buffer.area), canvas.buffer);
    canvas.buffer.set_style(place.intersection(canvas.buffer.area), style(theme.selected_away));
    let top = crate::app::scroll::reveal(0, completing.at(), shown, candidates.len());
    for (row, (at, candidate)) in candidates.iter().enumerate().skip(top).take(shown).enumerate() {
        let line = line_of(place, row);
        if at == completing.at() {
            canvas.buffer.set_style(line, style(theme.selected));
            put(canvas.buffer, line, "▌", style(theme.accent), Align::Left);
        }
        let (_, line) = split_left(line, 2);
        let (line, right) = split_right(line, u16::try_from(about + 2).unwrap_or(0));
        put(
            canvas.buffer,
            Rect { width: right.width.saturating_sub(1), ..right },
            &note(candidate),
            style(theme.muted),
            Align::Right,
        );
        // The end of a long path distinguishes it from others.
        let name = text::ellipsis_before(&text::one_line(&candidate.text), line.width.into());
        put_line(canvas.buffer, line, &Line::from(Span::styled(name, style(theme.text))));
    }
}

/// Note of a completion: number of sessions, or its description.
fn note(candidate: &QueryCandidate) -> String {
    candidate.count.map_or_else(|| candidate.hint.to_owned(), thousands)
}
