//! The search without results: what can be typed, or what was searched, what was left out, and what is still read.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Canvas;
use super::search::{count, issues, looked, unread};
use super::style::style;
use super::widgets::{line_of, put_line, wrapped};
use crate::app::search::Search;
use crate::app::{Action, App};
use crate::domain::query::Field;
use crate::stdx::text::{ellipsis, one_line};

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, search: &Search) {
    let inner = Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(2), ..area };
    let lines = if search.is_asked() { nothing(canvas.app, search, inner.width) } else { help(canvas.app, inner) };
    // A low screen has no line to spare.
    let first = usize::from(area.height > 7);
    for (row, line) in lines.iter().enumerate() {
        put_line(canvas.buffer, line_of(inner, first + row), line);
    }
}

/// Nothing was found, or nothing yet.
fn nothing(app: &App, search: &Search, width: u16) -> Vec<Line<'static>> {
    let theme = app.theme();
    let query = ellipsis(&one_line(search.input.text()), 200);
    let title = if search.is_complete() {
        format!("Nothing holds “{query}”.")
    } else {
        format!("Nothing holds “{query}” so far …")
    };
    let mut lines = wrapped(&title, width, 0, style(theme.title));
    let mut say = |words: &str, look| lines.extend(wrapped(words, width, 2, style(look)));
    let sentence = |words: &str| {
        let mut chars = words.chars();
        chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
    };
    say(&sentence(&looked(app, search)), theme.text);
    let others = app.known.catalog.len().saturating_sub(search.reach().sessions);
    if search.is_complete()
        && others > 0
        && search.query().branches.iter().any(|branch| branch.filters().next().is_some())
    {
        say(&format!("Its filters leave out {}.", count(others, "other session", "other sessions")), theme.text);
    }
    for mistake in &search.query().mistakes {
        let at = search.input.text().get(mistake.span.clone()).unwrap_or_default();
        say(&format!("Left out: {}, because {}.", ellipsis(at, 40), mistake.message), theme.warning);
    }
    for open in unread(app) {
        say(&sentence(&format!("still {open}")), theme.warning);
    }
    if let Some(issues) = issues(app) {
        say(&format!("{issues}: what could not be read is not searched either."), theme.warning);
    }
    if search.is_complete() {
        let order = app.keymap.hint(Action::Back).unwrap_or_default();
        say(&format!("{order} clears the line."), theme.muted);
    }
    lines
}

/// What can be typed, and what was searched for before.
fn help(app: &App, area: Rect) -> Vec<Line<'static>> {
    let theme = app.theme();
    let row = |key: &str, about: &str| {
        Line::from(vec![
            Span::styled(format!("{key:<24}"), style(theme.key)),
            Span::styled(about.to_owned(), style(theme.muted)),
        ])
    };
    let mut lines = vec![
        row("words that all occur", "in any case, unless one has a capital"),
        row("\"an exact phrase\"", "spaces and punctuation count"),
        row("-without  this OR that", "what must not occur, and alternatives"),
        row("/regex/", "a regular expression"),
        row("an id, a command", "or a transcript's path leads to its session"),
    ];
    let names: Vec<_> = Field::ALL.iter().map(|(_, name, _)| format!("{name}:")).collect();
    lines.push(Line::default());
    lines.extend(wrapped(&names.join(" "), area.width, 0, style(theme.key)));
    let room = usize::from(area.height).saturating_sub(lines.len() + 3);
    let recent: Vec<_> = app.searched.newest().take(room).collect();
    if !recent.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled("Searched before (↑)", style(theme.title)));
        let width = usize::from(area.width);
        lines
            .extend(recent.into_iter().map(|query| Line::styled(ellipsis(&one_line(query), width), style(theme.text))));
    }
    lines
}
