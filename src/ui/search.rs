//! The search screen: the line, what it came to, the results, and beside them the selected transcript at its hit.

use ratatui::layout::Rect;

use super::status::thousands;
use super::widgets::{divider, split_left};
use super::{Canvas, ViewCache, preview, search_empty, search_line, search_results};
use crate::app::App;
use crate::app::home::Pane;
use crate::app::search::Search;
use crate::domain::catalog::Progress;

/// Draws the screen.
pub fn draw(canvas: &mut Canvas, area: Rect, search: &Search, cache: &mut ViewCache) {
    let head = area.height.min(2);
    search_line::draw(canvas, Rect { height: head, ..area }, search);
    let body = Rect { y: area.y + head, height: area.height - head, ..area };
    let shown = canvas.app.panes().shows(Pane::Preview) && search.results.selected().is_some();
    let (list, rest) = split_left(body, if shown { body.width / 2 } else { body.width });
    canvas.drawn.list_rows = list.height.into();
    if search.results.rows().is_empty() {
        search_empty::draw(canvas, list, search);
    } else {
        let matcher = cache.reader.matcher_of(&search.sought());
        search_results::draw(canvas, list, search, matcher.as_deref());
    }
    if let Some(hit) = search.results.selected().filter(|_| shown) {
        let (line, pane) = split_left(rest, 1);
        divider(canvas, line);
        preview::draw_beside(canvas, pane, (&hit.session, search.preview.reader(&hit.session.key)), cache);
    }
    search_line::draw_completions(canvas, body, search);
}

/// What was looked through, and what is not yet: `looked through 2,001 sessions, 1.4 GB · indexing 812 of 2,001`.
pub fn reach(app: &App, search: &Search) -> String {
    let mut parts = vec![looked(app, search)];
    parts.extend(unread(app));
    parts.extend(issues(app));
    parts.join(" · ")
}

/// What was looked through.
pub fn looked(app: &App, search: &Search) -> String {
    let all = thousands(app.known.catalog.len());
    if !search.is_asked() {
        return format!("{all} sessions to search");
    }
    let reach = search.reach();
    let (verb, all) = if search.is_complete() { ("looked", String::new()) } else { ("looking", format!(" of {all}")) };
    format!("{verb} through {}{all} sessions, {}", thousands(reach.sessions), bytes(reach.bytes))
}

/// What is still being read.
pub fn unread(app: &App) -> Vec<String> {
    let progress = |verb: &str, progress: Progress| {
        let open = progress.done < progress.total;
        open.then(|| format!("{verb} {} of {}", thousands(progress.done), thousands(progress.total)))
    };
    [progress("reading", app.known.catalog.progress), progress("indexing", app.indexed)].into_iter().flatten().collect()
}

/// How much could not be read, or not be kept.
pub fn issues(app: &App) -> Option<String> {
    let issues = app.known.catalog.issues.len();
    (issues > 0).then(|| count(issues, "issue", "issues"))
}

/// `1 session`, `2,001 sessions`.
pub fn count(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// `950 B`, `12 kB`, `3.4 MB`, `1.4 GB`.
fn bytes(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}
