//! Plans: a list with check boxes, or a proposal in Markdown with the user's decision.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::{EntryLayout, LayoutContext, answer, plain_text};
use crate::app::reader::{CallStage, Fold};
use crate::domain::transcript::{Entry, PlanItem, PlanStatus, Tool, ToolStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::styled_line::StyledLine;

/// Lays out a proposed plan: a headline with the decision, the plan, and the reason against it.
pub(super) fn lay_proposal(entry: &Entry, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let theme = context.theme;
    let Some(tool) = &entry.tool else {
        return answer::lay(&entry.text, style(theme.text), context, layout);
    };
    let (decision, look) = match tool.status {
        ToolStatus::Done => ("✓ approved", theme.success),
        ToolStatus::Denied => ("✗ not approved", theme.warning),
        ToolStatus::Failed => ("✗ failed", theme.error),
        ToolStatus::Interrupted => ("■ interrupted", theme.warning),
        ToolStatus::Pending | ToolStatus::Running if context.stage == CallStage::Ended => ("", theme.muted),
        ToolStatus::Pending | ToolStatus::Running => ("waiting for your decision", theme.needs_you),
    };
    let mut headline = StyledLine::plain("Proposed plan", style(theme.plan));
    headline.push(&format!("  {decision}"), style(look));
    headline.wrap_into(context.width, &[], &[], &mut layout.lines);
    if context.fold == Fold::Line {
        return;
    }
    // Separate layout, so that the headline and the reason do not count towards the line limit.
    let mut body = EntryLayout::default();
    answer::lay(&entry.text, style(theme.text), context, &mut body);
    layout.pending |= body.pending;
    layout.lines.extend(body.lines);
    if let Some(reason) = refusal(tool) {
        let reason = StyledLine::plain(&text::one_line(reason), style(look));
        let first = Span::styled("✗ ", style(look));
        reason.wrap_into(context.width, &[first], &[Span::raw("  ")], &mut layout.lines);
    }
}

/// Reason of a denial, without the agent's own explanation before it, or of a failure.
fn refusal(tool: &Tool) -> Option<&str> {
    const BEFORE_REASON: &str = "the user said:";
    let reason = tool.output.rsplit_once(BEFORE_REASON).map_or(tool.output.as_str(), |(_, reason)| reason).trim();
    let is_refused = matches!(tool.status, ToolStatus::Denied | ToolStatus::Failed);
    (is_refused && !reason.is_empty()).then_some(reason)
}

/// Lays out a plan: a headline, then one line per item.
pub(super) fn lay(items: &[PlanItem], context: &LayoutContext<'_>, layout: &mut EntryLayout) {
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
