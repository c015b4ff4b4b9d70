//! Coverage of a search and progress of reading and indexing, as text.

use super::numbers::{bytes, count, thousands};
use crate::app::App;
use crate::app::search::SearchScreen;
use crate::domain::catalog::IndexProgress;

/// Formats coverage and progress: `searched 2,001 sessions, 1.4 GB · indexing 812 of 2,001`.
pub(super) fn coverage_line(app: &App, search: &SearchScreen) -> String {
    let mut parts = vec![searched(app, search)];
    if search.is_active() {
        parts.extend(app.sessions.search_missing.iter().cloned());
    }
    parts.extend(progress_notes(app));
    parts.extend(issues(app));
    parts.join(" · ")
}

/// Formats the amount of searched data.
pub(super) fn searched(app: &App, search: &SearchScreen) -> String {
    let all = app.sessions.catalog.len();
    if !search.is_active() {
        return format!("{} to search", count(all, "session", "sessions"));
    }
    let reach = search.coverage();
    let (verb, part, all) = if search.is_complete() {
        ("searched", String::new(), reach.sessions)
    } else {
        ("searching", format!("{} of ", thousands(reach.sessions)), all)
    };
    // A query of filters only reads no text.
    let has_read = reach.bytes > 0 || !search.is_complete();
    let read = if has_read { format!(", {}", bytes(reach.bytes)) } else { String::new() };
    format!("{verb} {part}{}{read}", count(all, "session", "sessions"))
}

/// Formats reading and indexing that are still in progress.
pub(super) fn progress_notes(app: &App) -> Vec<String> {
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
pub(super) fn issues(app: &App) -> Option<String> {
    let issues = app.sessions.catalog.issues.len();
    (issues > 0).then(|| count(issues, "problem", "problems"))
}
