//! Empty state of the search: query syntax, recent searches and sessions before a search, or the reasons for no results.

use std::collections::HashMap;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::columns::Column;
use super::coverage::{issues, progress_notes, searched};
use super::numbers::count;
use super::session_title::{repeated_title, session_title, without_title};
use super::sessions::agent_name;
use super::style::{self, style};
use super::widgets::{Align, line_of, put, put_line, split_left, split_right, wrapped};
use crate::app::msg::Target;
use crate::app::search::{SearchScreen, recent};
use crate::app::{Action, App, scroll};
use crate::domain::Session;
use crate::domain::query::{FilterKey, QueryErrorKind};
use crate::stdx::text::{ellipsis, one_line};

/// Maximum number of recent searches, because the history is reached with a key as well.
const MAX_QUERIES: usize = 6;

/// Minimum width of whole sentences about the syntax.
const WITH_SENTENCES: u16 = 64;

/// Syntax of queries.
const SYNTAX: [(&str, &str); 6] = [
    ("several words", "all must match; capitals match exactly"),
    ("\"an exact phrase\"", "spaces and punctuation must match"),
    ("-without  this OR that", "exclude a word, or match either"),
    ("retry*backoff", "* is any text without white space"),
    ("/regex/", "a regular expression"),
    ("an id, a command", "or a transcript's path opens its session"),
];

/// Syntax of queries on narrow screens.
const SHORT_SYNTAX: [(&str, &str); 6] = [
    ("several words", "all must match"),
    ("\"exact phrase\"", "as it is written"),
    ("-word", "exclude a word"),
    ("retry*backoff", "* is any text"),
    ("/regex/", "regular expression"),
    ("an id or a path", "opens the session"),
];

/// Minimum width of a row with the agent.
const WITH_AGENT: u16 = 60;

/// Rows of the recent sessions, at least: a blank one, the heading, and a session.
const MIN_RECENT: usize = 3;

/// Draws the empty state.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let inner = Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(2), ..area };
    // A low screen has no line to spare.
    let first = usize::from(area.height > 7);
    let mut lines =
        if search.is_active() { no_results(canvas.app, search, inner.width) } else { help(canvas.app, inner) };
    // A selected session must be visible.
    if search.recent_row().is_some() && usize::from(area.height) < first + lines.len() + MIN_RECENT {
        lines.clear();
    }
    for (row, line) in lines.iter().enumerate() {
        put_line(canvas.buffer, line_of(inner, first + row), line);
    }
    if !search.is_active() {
        let used = u16::try_from(first + lines.len()).unwrap_or(u16::MAX).min(area.height);
        draw_recent(canvas, Rect { y: area.y + used, height: area.height - used, ..area }, search);
    }
}

/// Draws the recent sessions, if there is room for the heading and at least one.
fn draw_recent(canvas: &mut Canvas, area: Rect, search: &SearchScreen) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let sessions = recent::sessions(&app.sessions);
    if usize::from(area.height) < MIN_RECENT || sessions.is_empty() {
        return;
    }
    let (_, heading) = split_left(line_of(area, 1), 1);
    put(canvas.buffer, heading, "Recent sessions (↓)", style(theme.title), Align::Left);
    let rows = Rect { y: area.y + 2, height: area.height - 2, ..area };
    let selected = search.recent_row();
    let mut titles: HashMap<&str, usize> = HashMap::new();
    sessions.iter().for_each(|session| *titles.entry(&*session.title.text).or_default() += 1);
    let top = scroll::reveal(0, selected.unwrap_or(0), rows.height.into(), sessions.len());
    for (line, (row, session)) in sessions.iter().enumerate().skip(top).take(rows.height.into()).enumerate() {
        let area = line_of(rows, line);
        canvas.target(area, Target::Row(row));
        let repeats_title = titles.get(&*session.title.text).is_some_and(|count| *count > 1);
        draw_recent_session(canvas, area, session, (selected == Some(row), repeats_title));
    }
}

/// Draws a session; one whose title another one has too by its newest prompt.
fn draw_recent_session(canvas: &mut Canvas, area: Rect, session: &Session, (selected, repeats_title): (bool, bool)) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    if selected {
        canvas.select(area);
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let (_, rest) = split_left(area, 1);
    let (agent, rest) = split_left(rest, if area.width >= WITH_AGENT { 3 } else { 0 });
    let name = agent_name(session.key.agent, 2);
    put(canvas.buffer, agent, name, style::agent(theme, session.key.agent), Align::Left);
    let (rest, age) = split_right(rest, 6);
    let age = Rect { width: age.width.saturating_sub(1), ..age };
    put(canvas.buffer, age, &Column::Age.text(app, session), style(theme.muted), Align::Right);
    let (title, workspace) = split_right(rest, if rest.width >= 30 { 12 } else { 0 });
    put(
        canvas.buffer,
        workspace,
        &Column::Workspace.fitting_text(app, session, workspace.width),
        style(theme.muted),
        Align::Left,
    );
    let title = Rect { width: title.width.saturating_sub(1), ..title };
    let text = repeated_title(app, session).filter(|_| repeats_title);
    let text = text.unwrap_or_else(|| session_title(app, session));
    let text = if text.is_empty() { without_title(session) } else { &text };
    put(canvas.buffer, title, text, style(theme.text), Align::Left);
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
    for mistake in search.mistakes() {
        let at = ellipsis(search.input.text().get(mistake.span.clone()).unwrap_or_default(), 40);
        let note = match mistake.kind {
            QueryErrorKind::Invalid | QueryErrorKind::Unfinished => format!("Ignored: {at} ({}).", mistake.message),
            QueryErrorKind::SearchedAsText => format!("{at}: {}.", mistake.message),
        };
        push(&note, theme.warning);
    }
    for open in progress_notes(app) {
        push(&sentence(&format!("still {open}")), theme.warning);
    }
    if let Some(issues) = issues(app) {
        push(&format!("{issues}: unreadable files are not searched."), theme.warning);
    }
    if search.is_complete() {
        let key = app.hint(Action::Back).unwrap_or_default();
        push(&format!("{key} clears the query."), theme.muted);
    }
    lines
}

/// Lines of help: query syntax and recent searches.
fn help(app: &App, area: Rect) -> Vec<Line<'static>> {
    let theme = app.theme();
    let (syntax, width) = if area.width < WITH_SENTENCES { (SHORT_SYNTAX, 18) } else { (SYNTAX, 24) };
    let row = |(key, about): (&str, &'static str)| {
        let key = Span::styled(format!("{key:<width$}"), style(theme.key));
        Line::from(vec![key, Span::styled(about, style(theme.muted))])
    };
    let mut lines: Vec<_> = syntax.into_iter().map(row).collect();
    let names: Vec<_> = FilterKey::ALL.iter().map(|(_, name, _)| format!("{name}:")).collect();
    lines.push(Line::default());
    lines.extend(wrapped(&names.join(" "), area.width, 0, style(theme.key)));
    // Half of the room is for recent sessions.
    let room = usize::from(area.height).saturating_sub(lines.len() + 5) / 2;
    let recent: Vec<_> = app.search_history.newest().take(room.min(MAX_QUERIES)).collect();
    if !recent.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled("Recent searches (↑)", style(theme.title)));
        let width = usize::from(area.width);
        lines
            .extend(recent.into_iter().map(|query| Line::styled(ellipsis(&one_line(query), width), style(theme.text))));
    }
    lines
}
