//! Overlay of problems: unreadable files and invalid settings.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::home_path::with_tilde;
use super::style::style;
use super::widgets::{line_of, overlay, overlay_width, put_line, wrapped};
use crate::app::issues::{self, EqualIssues, IssuesView};

/// Draws each path with the reason below it; records of one file with one reason are named once.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, view: &IssuesView) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let width = overlay_width(area, 110);
    let mut lines = Vec::new();
    for EqualIssues { first, count, lines: numbers } in issues::group(app.issues()) {
        // A mistake in a query or a machine has no path.
        if !first.path.as_os_str().is_empty() {
            let place = format!("{}{}", with_tilde(app, &first.path.to_string_lossy()), place_in_file(numbers));
            lines.extend(wrapped(&place, width, 2, style(theme.text)));
        }
        let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
        let reason = format!("→ {}{times}", with_tilde(app, &first.reason));
        lines.extend(wrapped(&reason, width, 2, style(theme.warning)));
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

/// Formats the first and the last line of problems: `:17–40`, or `:17`.
fn place_in_file(lines: Option<(u64, u64)>) -> String {
    match lines {
        Some((first, last)) if first < last => format!(":{first}–{last}"),
        Some((line, _)) => format!(":{line}"),
        None => String::new(),
    }
}
