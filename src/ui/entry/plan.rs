//! Plans, as a list with check boxes.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::{EntryLayout, LayoutContext, plain_text};
use crate::app::reader::Fold;
use crate::domain::transcript::{PlanItem, PlanStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::styled_line::StyledLine;

/// Lays out a plan: a headline, then one line per item.
pub fn lay(items: &[PlanItem], context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let theme = context.theme;
    let done = items.iter().filter(|item| item.status == PlanStatus::Done).count();
    let mut headline = StyledLine::plain("Plan", style(theme.plan));
    headline.push(&format!("  {done} of {} done", items.len()), style(theme.muted));
    headline.wrap_into(context.width, &[], &[], &mut layout.lines);
    if context.fold == Fold::Line {
        return;
    }
    for item in items.iter().take(plain_text::max_lines(context.fold) + 1) {
        let (mark, look) = match item.status {
            PlanStatus::Pending => (style(theme.muted), style(theme.text)),
            PlanStatus::Active => (style(theme.plan), style(theme.text).add_modifier(Modifier::BOLD)),
            PlanStatus::Done => (style(theme.success), style(theme.muted)),
            PlanStatus::Cancelled => (style(theme.faint), style(theme.muted).add_modifier(Modifier::CROSSED_OUT)),
        };
        let first = Span::styled(format!("{} ", item.status.mark()), mark);
        let text = StyledLine::plain(&text::one_line(&item.text), look);
        text.wrap_into(context.width, &[first], &[Span::raw("    ")], &mut layout.lines);
    }
    plain_text::truncate(layout, context, None);
}
