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
use crate::domain::query::QueryErrorKind;
use crate::domain::query::complete::QueryCandidate;
use crate::domain::search::Hit;
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

/// Place of a query's text on the screen: after the prompt and a space, scrolled to the cursor as the field is.
struct QueryColumns<'a> {
    area: Rect,
    text: &'a str,
    /// Columns of the text that are scrolled out on the left.
    hidden: usize,
}

impl<'a> QueryColumns<'a> {
    fn new(line: Rect, search: &'a SearchScreen) -> Self {
        let (_, area) = split_left(line, 2);
        let hidden = (text::width(search.input.before_cursor()) + 1).saturating_sub(area.width.into());
        Self { area, text: search.input.text(), hidden }
    }

    /// Column of a byte of the query on the screen.
    fn of(&self, at: usize) -> u16 {
        let before = self.text.get(..at).map_or(0, text::width);
        let column = u16::try_from(before.saturating_sub(self.hidden)).unwrap_or(u16::MAX);
        self.area.x.saturating_add(column)
    }
}

/// Underlines errors in the query.
fn underline_errors(canvas: &mut Canvas, line: Rect, search: &SearchScreen) {
    let columns = QueryColumns::new(line, search);
    for mistake in search.mistakes() {
        let theme = canvas.app.theme();
        let look = match mistake.kind {
            QueryErrorKind::Invalid | QueryErrorKind::Unfinished => theme.error,
            QueryErrorKind::SearchedAsText => theme.warning,
        };
        let (from, to) = (columns.of(mistake.span.start), columns.of(mistake.span.end));
        let place = Rect { x: from, width: to.saturating_sub(from), ..columns.area };
        let place = place.intersection(columns.area).intersection(canvas.buffer.area);
        canvas.buffer.set_style(place, style(look).add_modifier(Modifier::UNDERLINED));
    }
}

/// Draws the number of results, and before it the first error and the spelling corrections.
fn draw_summary(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let theme = canvas.app.theme();
    let count = result_count(search);
    // A page without results lists all errors.
    let mistakes = mistakes(search).filter(|_| !search.results.rows().is_empty() || !search.is_active());
    let (label, look) = match (mistakes, corrections(search)) {
        (None, None) => {
            put(canvas.buffer, area, &count, style(theme.muted), Align::Left);
            return;
        }
        (Some((label, true)), _) => (label, theme.error),
        (Some((label, false)), None) => (label, theme.warning),
        (_, Some(label)) => (label, theme.warning),
    };
    let width = if count.is_empty() { 0 } else { text::width(&count) + 3 };
    let (left, right) = split_right(area, u16::try_from(width).unwrap_or(0));
    put(canvas.buffer, left, &label, style(look), Align::Left);
    let right = Rect { width: right.width.saturating_sub(1), ..right };
    put(canvas.buffer, right, &count, style(theme.muted), Align::Right);
}

/// Formats the first error, and true if its part is ignored.
fn mistakes(search: &SearchScreen) -> Option<(String, bool)> {
    let mut all = search.mistakes();
    let first = all.next()?;
    let more = match all.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    let at = search.input.text().get(first.span.clone()).unwrap_or_default();
    // Names the term, unless the message does.
    let is_named = first.message.contains(&format!("`{at}`"));
    let at = if is_named { String::new() } else { format!("{}: ", text::ellipsis(at, 24)) };
    Some((format!("{at}{}{more}", first.message), first.kind != QueryErrorKind::SearchedAsText))
}

/// Formats the spelling corrections of all words, or says that titles have the letters of the word only.
fn corrections(search: &SearchScreen) -> Option<String> {
    let corrections = &search.results.answer().corrections;
    let (typed, corrected): (Vec<_>, Vec<_>) =
        corrections.iter().map(|(typed, corrected)| (format!("“{typed}”"), format!("“{corrected}”"))).unzip();
    let label = || format!("No results for {}. Showing {}.", typed.join(", "), corrected.join(", "));
    let hits = &search.results.answer().hits;
    let query = || text::ellipsis(&text::one_line(search.input.text()), 24);
    let titles = || format!("No results for “{}”. Showing titles with these letters.", query());
    let is_by_title = !hits.is_empty() && hits.iter().all(Hit::is_by_abbreviation);
    if corrections.is_empty() { is_by_title.then(titles) } else { Some(label()) }
}

/// Formats the numbers of sessions, and of texts with matches; empty without results.
fn result_count(search: &SearchScreen) -> String {
    let answer = search.results.answer();
    if !search.is_active() || answer.hits.is_empty() {
        return String::new();
    }
    let mut label = count(search.results.sessions(), "session", "sessions");
    if search.results.count() > 0 {
        label = format!("{label} · matches in {}", count(search.results.count(), "text", "texts"));
    }
    if search.results.folded() > 0 {
        label = format!("{label} · {} folded", count(search.results.folded(), "copy", "copies"));
    }
    if !search.is_complete() {
        label.push_str(" so far …");
    }
    label
}

/// Draws the completion popup below the query line.
pub(super) fn draw_completions(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let theme = canvas.app.theme();
    if search.pending_values.is_some() {
        let label = "  counting …  ";
        let word = word_column(area, search, search.input.cursor()).min(area.right().saturating_sub(14));
        let place = Rect { x: word, width: 14, height: 1, ..area }.intersection(area);
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
    // The text of a row stands below the word: two columns are a mark and a space.
    let word = word_column(area, search, completing.start()).saturating_sub(2);
    let x = word.min(area.right() - width).max(area.x);
    let place = Rect { x, width, height: u16::try_from(shown).unwrap_or(0), ..area };
    Clear.render(place.intersection(canvas.buffer.area), canvas.buffer);
    canvas.buffer.set_style(place.intersection(canvas.buffer.area), style(theme.selected_away));
    let top = crate::app::scroll::reveal(0, completing.at(), shown, candidates.len());
    for (row, (at, candidate)) in candidates.iter().enumerate().skip(top).take(shown).enumerate() {
        let line = line_of(place, row);
        if at == completing.at() {
            canvas.select(line);
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

/// Column of a byte of the query, for a popup below the line.
fn word_column(area: Rect, search: &SearchScreen, at: usize) -> u16 {
    let (_, line) = split_left(area, 1);
    QueryColumns::new(line, search).of(at)
}

/// Note of a completion: number of sessions, or its description.
fn note(candidate: &QueryCandidate) -> String {
    candidate.count.map_or_else(|| candidate.hint.to_owned(), thousands)
}
