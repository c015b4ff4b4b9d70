//! The overlay of what could not be read.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::Canvas;
use super::style::style;
use super::widgets::overlay;
use crate::app::issues::IssuesView;
use crate::stdx::text::one_line;

/// Draws each file with its reason below it.
pub fn draw(canvas: &mut Canvas, area: Rect, view: &IssuesView) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let mut lines = Vec::new();
    for issue in &app.known.catalog.issues {
        let line = issue.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = format!("{}{line}", issue.path.display());
        lines.push(Line::styled(one_line(&place), style(theme.text)));
        lines.push(Line::styled(format!("  {}", one_line(&issue.reason)), style(theme.warning)));
    }
    if lines.is_empty() {
        lines.push(Line::styled("Everything could be read.", style(theme.muted)));
    }
    let width = area.width.saturating_sub(4).clamp(1, 110);
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    let len = text.line_count(width);
    let inner = overlay(canvas, area, "What could not be read", (width, u16::try_from(len).unwrap_or(u16::MAX)));
    canvas.drawn.overlay_rows = inner.height.into();
    canvas.drawn.overlay_len = len;
    let top = u16::try_from(view.scroll.top).unwrap_or(u16::MAX);
    text.scroll((top, 0)).render(inner, canvas.buffer);
}
