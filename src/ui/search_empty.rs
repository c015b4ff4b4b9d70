//! Empty state of the search: query syntax before a search, or the reasons for no results.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::coverage::{issues, progress_notes, searched};
use super::numbers::count;
use super::style::style;
use super::widgets::{line_of, put_line, wrapped};
use crate::app::search::SearchScreen;
use crate::app::{Action, App};
use crate::domain::query::FilterKey;
use crate::stdx::text::{ellipsis, one_line};

/// Draws the empty state.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let inner = Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(2), ..area };
    let lines = if search.is_active() { no_results(canvas.app, search, inner.width) } else { help(canvas.app, inner) };
    // A low screen has no line to spare.
    let first = usize::from(area.height > 7);
    for (row, line) in lines.iter().enumerate() {
        put_line(canvas.buffer, line_of(inner, first + row), line);
    }
}

/// Lines for a search without results: coverage, filters, errors and progress.
fn no_results(app: &App, search: &SearchScreen, width: u16) -> Vec<Line<'static>> {
    let theme = app.theme();
    let query = ellipsis(&one_line(search.input.text()), 200);
    let title = if search.is_complete() && app.sessions.catalog.is_empty() {
        "No sessions on this machine yet.".to_owned()
    } else if search.is_complete() {
        format!("No results for “{query}”.")
    } else {
        format!("No results for “{query}” yet …")
    };
    let mut lines = wrapped(&title, width, 0, style(theme.title));
    let mut push = |text: &str, look| lines.extend(wrapped(text, width, 2, style(look)));
    let sentence = |text: &str| {
        let mut chars = text.chars();
        chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
    };
    push(&sentence(&searched(app, search)), theme.text);
    let others = app.sessions.catalog.len().saturating_sub(search.coverage().sessions);
    if search.is_complete()
        && others > 0
        && search.query().branches.iter().any(|branch| branch.filters().next().is_some())
    {
        push(&format!("Filters exclude {}.", count(others, "other session", "other sessions")), theme.text);
    }
    for mistake in &search.query().errors {
        let at = search.input.text().get(mistake.span.clone()).unwrap_or_default();
        push(&format!("Ignored: {} ({}).", ellipsis(at, 40), mistake.message), theme.warning);
    }
    for open in progress_notes(app) {
        push(&sentence(&format!("still {open}")), theme.warning);
    }
    if let Some(issues) = issues(app) {
        push(&format!("{issues}: unreadable files are not searched."), theme.warning);
    }
    if search.is_complete() {
        let key = app.keymap.hint(Action::Back).unwrap_or_default();
        push(&format!("{key} clears the query."), theme.muted);
    }
    lines
}

/// Lines of help: query syntax and recent searches.
fn help(app: &App, area: Rect) -> Vec<Line<'static>> {
    let theme = app.theme();
    let row = |key: &str, about: &str| {
        Line::from(vec![
            Span::styled(format!("{key:<24}"), style(theme.key)),
            Span::styled(about.to_owned(), style(theme.muted)),
        ])
    };
    let mut lines = vec![
        row("several words", "all must match; capitals match exactly"),
        row("\"an exact phrase\"", "spaces and punctuation must match"),
        row("-without  this OR that", "exclude a word, or match either"),
        row("/regex/", "a regular expression"),
        row("an id, a command", "or a transcript's path opens its session"),
    ];
    let names: Vec<_> = FilterKey::ALL.iter().map(|(_, name, _)| format!("{name}:")).collect();
    lines.push(Line::default());
    lines.extend(wrapped(&names.join(" "), area.width, 0, style(theme.key)));
    let room = usize::from(area.height).saturating_sub(lines.len() + 3);
    let recent: Vec<_> = app.search_history.newest().take(room).collect();
    if !recent.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled("Recent searches (↑)", style(theme.title)));
        let width = usize::from(area.width);
        lines
            .extend(recent.into_iter().map(|query| Line::styled(ellipsis(&one_line(query), width), style(theme.text))));
    }
    lines
}
