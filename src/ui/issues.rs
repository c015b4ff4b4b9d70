//! Overlay of problems: unreadable files and invalid settings.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{line_of, overlay, put_line, wrapped};
use crate::app::issues::IssuesView;
use crate::domain::Issue;

/// Draws each path with the reason below it; records of one file with one reason are named once.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, view: &IssuesView) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let width = area.width.saturating_sub(4).clamp(1, 110);
    let mut lines = Vec::new();
    let issues: Vec<&Issue> = app.issues().collect();
    for equal in issues.chunk_by(|a, b| a.path == b.path && a.reason == b.reason) {
        let [issue, ..] = equal else { continue };
        // A mistake in a query or a machine has no path.
        if !issue.path.as_os_str().is_empty() {
            let place = format!("{}{}", issue.path.display(), numbers(equal));
            lines.extend(wrapped(&place, width, 2, style(theme.text)));
        }
        let times = if equal.len() > 1 { format!(" ({} times)", equal.len()) } else { String::new() };
        lines.extend(wrapped(&format!("→ {}{times}", issue.reason), width, 2, style(theme.warning)));
    }
    if lines.is_empty() {
        lines.extend(wrapped("No problems.", width, 0, style(theme.muted)));
    }
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, "Problems", (width, height));
    canvas.feedback.overlay_rows = inner.height.into();
    canvas.feedback.overlay_len = lines.len();
    for (row, line) in lines.iter().skip(view.scroll.top).take(inner.height.into()).enumerate() {
        put_line(canvas.buffer, line_of(inner, row), line);
    }
}

/// Formats the line of an issue, or the first and the last one of several: `:17–40`.
fn numbers(issues: &[&Issue]) -> String {
    let mut lines = issues.iter().filter_map(|issue| issue.line);
    match (lines.next(), lines.next_back()) {
        (Some(first), Some(last)) => format!(":{first}–{last}"),
        (Some(line), None) => format!(":{line}"),
        (None, _) => String::new(),
    }
}
