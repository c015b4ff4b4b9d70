//! Search screen: query line, summary, results, and a preview of the selected hit.

use ratatui::layout::Rect;

use super::status::thousands;
use super::widgets::{divider, split_left};
use super::{Canvas, ViewCache, preview, search_empty, search_line, search_results};
use crate::app::App;
use crate::app::home::Pane;
use crate::app::search::SearchScreen;
use crate::domain::catalog::IndexProgress;

/// Draws the screen.
pub fn draw(canvas: &mut Canvas, area: Rect, search: &SearchScreen, cache: &mut ViewCache) {
    let head = area.height.min(2);
    search_line::draw(canvas, Rect { height: head, ..area }, search);
    let body = Rect { y: area.y + head, height: area.height - head, ..area };
    let shown = canvas.app.panes().shows(Pane::Preview) && search.results.selected().is_some();
    let (list, rest) = split_left(body, if shown { body.width / 2 } else { body.width });
    canvas.feedback.list_rows = list.height.into();
    if search.results.rows().is_empty() {
        search_empty::draw(canvas, list, search);
    } else {
        let matcher = cache.reader.matcher_of(&search.highlighted_query());
        search_results::draw(canvas, list, search, matcher.as_deref());
    }
    if let Some(hit) = search.results.selected().filter(|_| shown) {
        let (line, pane) = split_left(rest, 1);
        divider(canvas, line);
        preview::draw_beside(canvas, pane, (&hit.session, search.preview.reader(&hit.session.key)), cache);
    }
    search_line::draw_completions(canvas, body, search);
}

/// Formats coverage and progress: `searched 2,001 sessions, 1.4 GB · indexing 812 of 2,001`.
pub fn coverage_line(app: &App, search: &SearchScreen) -> String {
    let mut parts = vec![searched(app, search)];
    parts.extend(progress_notes(app));
    parts.extend(issues(app));
    parts.join(" · ")
}

/// Formats the amount of searched data.
pub fn searched(app: &App, search: &SearchScreen) -> String {
    let all = thousands(app.sessions.catalog.len());
    if !search.is_active() {
        return format!("{all} sessions to search");
    }
    let reach = search.coverage();
    let (verb, all) =
        if search.is_complete() { ("searched", String::new()) } else { ("searching", format!(" of {all}")) };
    format!("{verb} {}{all} sessions, {}", thousands(reach.sessions), bytes(reach.bytes))
}

/// Formats reading and indexing that are still in progress.
pub fn progress_notes(app: &App) -> Vec<String> {
    let progress = |verb: &str, progress: IndexProgress| {
        let open = progress.done < progress.total;
        open.then(|| format!("{verb} {} of {}", thousands(progress.done), thousands(progress.total)))
    };
    [progress("reading", app.sessions.catalog.progress), progress("indexing", app.index_progress)]
        .into_iter()
        .flatten()
        .collect()
}

/// Formats the number of problems; `None` without problems.
pub fn issues(app: &App) -> Option<String> {
    let issues = app.sessions.catalog.issues.len();
    (issues > 0).then(|| count(issues, "problem", "problems"))
}

/// Formats a count with its unit: `1 session`, `2,001 sessions`.
pub fn count(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// Formats a size: `950 B`, `12 kB`, `3.4 MB`, `1.4 GB`.
fn bytes(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}
