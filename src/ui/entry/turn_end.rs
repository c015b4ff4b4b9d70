//! Line at the end of a turn: `2 min 05 s · 154k tokens · $0.41`.

use ratatui::text::{Line, Span};

use super::{EntryLayout, LayoutContext, duration};
use crate::domain::transcript::TurnTotals;
use crate::domain::units;
use crate::stdx::text;
use crate::ui::style::style;

/// Lays out the totals of a turn below its last entry.
pub(in crate::ui) fn lay(totals: &TurnTotals, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let time = (totals.duration_ms >= 1_000).then(|| duration(totals.duration_ms));
    let tokens = (totals.tokens.total() > 0).then(|| format!("{} tokens", units::tokens(totals.tokens.total())));
    let cost = totals.cost_usd.map(|cost| if cost < 0.01 { "< $0.01".to_owned() } else { format!("${cost:.2}") });
    let label = [time, tokens, cost].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let label = text::ellipsis(&label, context.width);
    layout.lines.push(Line::from(Span::styled(label, style(context.theme.faint))));
}
