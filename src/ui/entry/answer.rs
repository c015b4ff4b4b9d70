//! Answers of the agent, as Markdown.

use ratatui::style::Style;

use super::{EntryLayout, LayoutContext, plain_text};
use crate::ui::widgets::markdown::{self, MarkdownOptions};

/// Lays out a Markdown text.
pub(super) fn lay(whole: &str, base: Style, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let (shown, cut) = plain_text::bounded(whole);
    let options = MarkdownOptions {
        theme: context.theme,
        width: context.width,
        base,
        max_lines: plain_text::max_lines(context.fold),
        highlighter: context.highlighter.as_deref_mut(),
    };
    let rows = markdown::lay(&shown, options);
    layout.lines.extend(rows.lines);
    layout.pending |= rows.pending;
    plain_text::truncate(layout, context, cut.then_some(whole.len()));
}
