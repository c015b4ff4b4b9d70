//! Reasoning: folded into one line, or laid out like an answer in a dimmer style.

use ratatui::text::{Line, Span};

use super::{EntryLayout, LayoutContext, answer};
use crate::app::reader::Fold;
use crate::domain::transcript::Entry;
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::styled_line;

/// Lays out reasoning.
pub(super) fn lay(entry: &Entry, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let look = style(context.theme.thinking);
    if context.fold != Fold::Line {
        answer::lay(&entry.text, look, context, layout);
        return;
    }
    let head = text::one_line(text::first_chars(&entry.text, 400));
    let summary = head.replace("**", "");
    let spans = vec![
        Span::styled("▸ ", style(context.theme.faint)),
        Span::styled("thought  ", look),
        Span::styled(summary, style(context.theme.muted)),
    ];
    layout.lines.push(Line::from(styled_line::cut(spans, context.width)));
}
