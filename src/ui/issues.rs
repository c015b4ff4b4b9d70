//! Overlay of problems: unreadable files and invalid settings.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{line_of, overlay, put_line, wrapped};
use crate::app::issues::IssuesView;

/// Draws each path with the reason below it.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, view: &IssuesView) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let width = area.width.saturating_sub(4).clamp(1, 110);
    let mut lines = Vec::new();
    for issue in app.issues() {
        let line = issue.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = format!("{}{line}", issue.path.display());
        lines.extend(wrapped(&place, width, 2, style(theme.text)));
        lines.extend(wrapped(&format!("→ {}", issue.reason), width, 2, style(theme.warning)));
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
