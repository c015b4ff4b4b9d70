//! Changes of files, as diffs.

use ratatui::text::Span;

use super::{EntryLayout, LayoutContext, plain_text};
use crate::domain::transcript::FileChange;
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::styled_line::StyledLine;

const INDENT: &str = "  ";

/// Lays out changes of files.
pub(super) fn lay(changes: &[FileChange], context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let max_lines = plain_text::max_lines(context.fold);
    let theme = context.theme;
    let width = context.split_width.unwrap_or(context.width).saturating_sub(INDENT.len()).max(1);
    for file in changes {
        if layout.lines.len() > max_lines {
            break;
        }
        if changes.len() > 1 {
            let path = StyledLine::plain(&text::one_line(context.relative(&file.path)), style(theme.strong));
            path.wrap_into(context.width, &[], &[], &mut layout.lines);
        }
        let options = diff::DiffOptions {
            theme,
            width,
            max_lines,
            path: &file.path,
            side_by_side: context.split_width.is_some(),
            sanitise: text::sanitise,
        };
        let laid = diff::lay(&file.kind, options, context.highlighter.as_deref_mut());
        layout.pending |= laid.pending;
        for mut line in laid.lines {
            line.spans.insert(0, Span::raw(INDENT));
            layout.lines.push(line);
        }
    }
    plain_text::truncate(layout, context, None);
}
