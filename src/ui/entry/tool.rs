//! A tool call: one line that says what was done and how it ended, then what it printed or changed.

use ratatui::text::{Line, Span};

use super::{Frame, Laid, words};
use crate::app::reader::Fold;
use crate::domain::transcript::{Entry, Tool, ToolStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::rich;

/// Lays a tool call out.
pub fn lay(entry: &Entry, frame: &Frame<'_>, laid: &mut Laid) {
    let Some(tool) = &entry.tool else { return };
    laid.lines.push(headline(entry, tool, frame));
    if frame.fold == Fold::Line {
        return;
    }
    let (output, cut) = words::bounded(&tool.output);
    words::indented(output.trim_end(), style(frame.theme.muted), "  ", frame, laid);
    words::limit(laid, frame, cut.then_some(tool.output.len()));
}

fn headline(entry: &Entry, tool: &Tool, frame: &Frame<'_>) -> Line<'static> {
    let theme = frame.theme;
    let status = match tool.status {
        ToolStatus::Done => Span::styled(" ✓", style(theme.success)),
        ToolStatus::Failed => Span::styled(" ✗", style(theme.error)),
        ToolStatus::Denied => Span::styled(" denied", style(theme.warning)),
        ToolStatus::Interrupted => Span::styled(" interrupted", style(theme.warning)),
        ToolStatus::Pending | ToolStatus::Running => Span::styled(" …", style(theme.muted)),
    };
    let mark = if frame.fold == Fold::Line { "▸ " } else { "▾ " };
    let spans = vec![
        Span::styled(mark, style(theme.faint)),
        Span::styled(text::one_line(&tool.name), style(theme.tool)),
        Span::styled(format!("  {}", text::one_line(&entry.text)), style(theme.text)),
    ];
    let room = frame.width.saturating_sub(rich::columns(std::slice::from_ref(&status)));
    let mut spans = rich::cut(spans, room);
    spans.push(status);
    Line::from(rich::cut(spans, frame.width))
}
