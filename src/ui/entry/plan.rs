//! A plan: a list with check boxes.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::{Frame, Laid, words};
use crate::app::reader::Fold;
use crate::domain::transcript::{PlanItem, PlanStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::rich::Rich;

/// Lays a plan out: a headline, then an item a line.
pub fn lay(items: &[PlanItem], frame: &Frame<'_>, laid: &mut Laid) {
    let theme = frame.theme;
    let done = items.iter().filter(|item| item.status == PlanStatus::Done).count();
    let mut headline = Rich::plain("Plan", style(theme.plan));
    headline.push(&format!("  {done} of {} done", items.len()), style(theme.muted));
    headline.wrap_into(frame.width, &[], &[], &mut laid.lines);
    if frame.fold == Fold::Line {
        return;
    }
    for item in items.iter().take(words::most(frame.fold) + 1) {
        let (mark, look) = match item.status {
            PlanStatus::Pending => (style(theme.muted), style(theme.text)),
            PlanStatus::Active => (style(theme.plan), style(theme.text).add_modifier(Modifier::BOLD)),
            PlanStatus::Done => (style(theme.success), style(theme.muted)),
            PlanStatus::Cancelled => (style(theme.faint), style(theme.muted).add_modifier(Modifier::CROSSED_OUT)),
        };
        let first = Span::styled(format!("{} ", item.status.mark()), mark);
        let text = Rich::plain(&text::one_line(&item.text), look);
        text.wrap_into(frame.width, &[first], &[Span::raw("    ")], &mut laid.lines);
    }
    words::limit(laid, frame, None);
}
