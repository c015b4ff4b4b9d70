//! Plain text, and limits for long texts.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{EntryLayout, FEW_LINES, LayoutContext, MAX_BYTES, MAX_LINES};
use crate::app::reader::Fold;
use crate::app::reader::fold::CUT_LINES;
use crate::domain::units;
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::styled_line::StyledLine;

/// Sanitised prefix of a text, at most `MAX_BYTES` long; true if the text was cut.
pub(super) fn bounded(whole: &str) -> (Cow<'_, str>, bool) {
    if whole.len() <= MAX_BYTES {
        return (text::sanitise(whole), false);
    }
    let end = (0..=MAX_BYTES).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
    (text::sanitise(&whole[..end]), true)
}

/// Lays out a text and keeps its line breaks.
pub(super) fn lay(whole: &str, look: Style, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let (shown, cut) = bounded(whole);
    lay_indented(shown.trim_end(), look, "", context, layout);
    truncate(layout, context, cut.then_some(whole.len()));
}

/// Appends indented lines of a sanitised text, not more than will be shown.
pub(super) fn lay_indented(
    shown: &str,
    look: Style,
    indent: &'static str,
    context: &LayoutContext<'_>,
    layout: &mut EntryLayout,
) {
    let prefix = if indent.is_empty() { Vec::new() } else { vec![Span::raw(indent)] };
    let max = layout.lines.len() + max_lines(context.fold) + 1;
    for line in shown.lines() {
        if layout.lines.len() > max {
            return;
        }
        StyledLine::plain(line, look).wrap_into(context.width, &prefix, &prefix, &mut layout.lines);
    }
}

/// Maximum lines for a fold state.
pub(super) fn max_lines(fold: Fold) -> usize {
    match fold {
        Fold::Hidden | Fold::Line => 0,
        Fold::Few => FEW_LINES,
        Fold::Cut => CUT_LINES,
        Fold::Full => MAX_LINES,
    }
}

/// Truncates the layout to the line limit and appends a note. `whole` is the size in bytes of a text that was cut.
pub(super) fn truncate(layout: &mut EntryLayout, context: &LayoutContext<'_>, whole: Option<usize>) {
    let max = match context.fold {
        Fold::Hidden => 0,
        Fold::Line => 1,
        Fold::Few => FEW_LINES,
        Fold::Cut => CUT_LINES,
        Fold::Full => MAX_LINES,
    };
    let beyond = layout.lines.len().saturating_sub(max);
    if beyond == 0 && whole.is_none() {
        return;
    }
    layout.lines.truncate(max);
    let more = match (context.fold, whole) {
        (Fold::Hidden | Fold::Line, _) => return,
        (Fold::Few | Fold::Cut, _) => "… more (Enter)".to_owned(),
        (Fold::Full, Some(bytes)) => {
            format!("… {} in total: o opens the full text in the editor", units::bytes(bytes as u64))
        }
        (Fold::Full, None) => format!("… {beyond} more lines: o opens the full text in the editor"),
    };
    push_note(&more, context, layout);
}

/// Appends a line that is not part of the transcript.
pub(super) fn push_note(label: &str, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let label = text::ellipsis(label, context.width);
    layout.lines.push(Line::from(Span::styled(label, style(context.theme.muted))));
}
