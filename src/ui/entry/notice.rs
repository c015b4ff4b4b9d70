//! Notices by level, placeholders, and entries of unknown kinds.

use ratatui::text::{Line, Span};

use super::{EntryLayout, LayoutContext, plain_text};
use crate::app::reader::Fold;
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::Entry;
use crate::stdx::{text, wrap};
use crate::ui::style::style;
use crate::ui::widgets::styled_line;

/// Lays out a notice. A boundary becomes a labelled rule: the agent does not remember entries above it.
pub(super) fn lay(entry: &Entry, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let theme = context.theme;
    let look = match entry.level {
        NoticeLevel::Boundary => {
            boundary(entry, context, layout);
            return;
        }
        NoticeLevel::Info => style(theme.notice),
        NoticeLevel::Warning => style(theme.warning),
        NoticeLevel::Error => style(theme.error),
    };
    plain_text::lay(&entry.text, look, context, layout);
}

/// Lays out a placeholder for content that a terminal cannot show.
pub(super) fn placeholder(kind: &str, label: &str, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let label = text::one_line(text::first_chars(label, 400));
    let whole = match &*label {
        "" => format!("[{kind}]"),
        // A label of the reader names its kind: an image, or a document.
        label if label.starts_with('[') && label.ends_with(']') => label.to_owned(),
        label => format!("[{kind}: {label}]"),
    };
    plain_text::lay(&whole, style(context.theme.muted), context, layout);
}

/// Lays out an entry of an unknown kind: as one line, or as raw text.
pub(super) fn other(entry: &Entry, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let look = style(context.theme.muted);
    if context.fold == Fold::Line {
        let head = text::one_line(text::first_chars(&entry.text, 400));
        layout.lines.push(Line::from(styled_line::cut(vec![Span::styled(format!("▸ {head}"), look)], context.width)));
        return;
    }
    plain_text::lay(&entry.text, look, context, layout);
}

fn boundary(entry: &Entry, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let mut lines = entry.text.trim().splitn(2, '\n');
    let first = text::one_line(lines.next().unwrap_or_default());
    let rest = lines.next().map(|rest| rest.trim_start_matches('\n'));
    // The summary after a compaction is long, so it is shown only if unfolded.
    let first = if rest.is_some() && context.fold != Fold::Full { format!("▸ {first}") } else { first };
    let title = text::ellipsis(&first, context.width.saturating_sub(8));
    let free = context.width.saturating_sub(wrap::columns(&title) + 2);
    let (before, after) = if title.is_empty() { (context.width, 0) } else { (free / 2, free - free / 2) };
    let faint = style(context.theme.faint);
    let mut spans = vec![Span::styled("─".repeat(before), faint)];
    if !title.is_empty() {
        spans.push(Span::styled(format!(" {title} "), style(context.theme.notice)));
        spans.push(Span::styled("─".repeat(after), faint));
    }
    layout.lines.push(Line::from(styled_line::cut(spans, context.width)));
    if let Some(rest) = rest.filter(|_| context.fold == Fold::Full) {
        plain_text::lay(rest, style(context.theme.muted), context, layout);
    }
}
