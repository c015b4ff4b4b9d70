//! Changes of files, as diffs.

use ratatui::text::Span;

use super::{EntryLayout, FEW_LINES, LayoutContext, plain_text};
use crate::app::reader::Fold;
use crate::domain::transcript::FileChange;
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::styled_line::StyledLine;

const INDENT: &str = "  ";

/// Lines of a diff among which the first changed ones are found.
const SEARCHED_LINES: usize = 200;

/// Lays out changes of files; of which only a few lines are shown, without the unchanged ones.
pub(super) fn lay(changes: &[FileChange], context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let changes_only = context.fold == Fold::Few;
    let max_lines = if changes_only { SEARCHED_LINES } else { plain_text::max_lines(context.fold) };
    let theme = context.theme;
    let width = context.split_width.unwrap_or(context.width).saturating_sub(INDENT.len()).max(1);
    let (mut starts, mut is_cut) = (Vec::new(), false);
    for file in changes {
        if layout.lines.len() > max_lines {
            is_cut = true;
            break;
        }
        if changes.len() > 1 {
            let path = StyledLine::plain(&text::one_line(context.relative(&file.path)), style(theme.strong));
            let indent = [Span::raw(INDENT)];
            starts.push(layout.lines.len());
            path.wrap_into(context.width, &indent, &indent, &mut layout.lines);
        }
        let options = diff::DiffOptions {
            theme,
            width,
            max_lines,
            path: &file.path,
            changes_only,
            side_by_side: context.split_width.is_some(),
            sanitise: text::sanitise,
        };
        let laid = diff::lay(&file.kind, options, context.highlighter.as_deref_mut());
        layout.pending |= laid.pending;
        is_cut |= laid.is_cut;
        starts.extend(laid.starts.iter().map(|start| layout.lines.len() + start));
        for mut line in laid.lines {
            line.spans.insert(0, Span::raw(INDENT));
            layout.lines.push(line);
        }
    }
    if changes_only {
        let laid = starts.len();
        let all = if is_cut { laid.max(changed_lines(changes)) } else { laid };
        first_lines(all, &starts, context, layout);
    } else {
        plain_text::truncate(layout, context, None);
    }
}

/// Estimates the number of changed lines.
fn changed_lines(changes: &[FileChange]) -> usize {
    changes.iter().map(|file| diff::count(&file.kind)).map(|(added, removed)| added + removed).sum()
}

/// Keeps the first lines, with a note about the others of `all`. `starts` are the indices at which lines that are not
/// wrapped begin.
fn first_lines(all: usize, starts: &[usize], context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    // The note takes as much room as a line.
    if layout.lines.len() <= FEW_LINES + 1 {
        return;
    }
    layout.lines.truncate(FEW_LINES);
    let shown = starts.iter().filter(|start| **start < FEW_LINES).count();
    let note = match all.saturating_sub(shown) {
        0 => "  … more".to_owned(),
        1 => "  … 1 more line".to_owned(),
        hidden => format!("  … {hidden} more lines"),
    };
    plain_text::push_note(&note, context, layout);
}
