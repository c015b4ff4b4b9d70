//! What neither the user nor the agent says: notices by their level, placeholders, kinds that are not known.

use ratatui::text::{Line, Span};

use super::{Frame, Laid, words};
use crate::app::reader::Fold;
use crate::domain::event::Level;
use crate::domain::transcript::Entry;
use crate::stdx::{text, wrap};
use crate::ui::style::style;
use crate::ui::widgets::rich;

/// Lays a notice out. A boundary is a rule with its text: what lies above is no longer remembered by the agent.
pub fn lay(entry: &Entry, frame: &Frame<'_>, laid: &mut Laid) {
    let theme = frame.theme;
    let look = match entry.level {
        Level::Boundary => {
            boundary(entry, frame, laid);
            return;
        }
        Level::Info => style(theme.notice),
        Level::Warning => style(theme.warning),
        Level::Error => style(theme.error),
    };
    words::plain(&entry.text, look, frame, laid);
}

/// Something that a terminal cannot show, by its name.
pub fn placeholder(kind: &str, label: &str, frame: &Frame<'_>, laid: &mut Laid) {
    let label = text::one_line(text::first_chars(label, 400));
    let whole = if label.is_empty() { format!("[{kind}]") } else { format!("[{kind}: {label}]") };
    words::plain(&whole, style(frame.theme.muted), frame, laid);
}

/// An entry of a kind that this version does not know: one line of it, or as it came.
pub fn other(entry: &Entry, frame: &Frame<'_>, laid: &mut Laid) {
    let look = style(frame.theme.muted);
    if frame.fold == Fold::Line {
        let head = text::one_line(text::first_chars(&entry.text, 400));
        laid.lines.push(Line::from(rich::cut(vec![Span::styled(format!("▸ {head}"), look)], frame.width)));
        return;
    }
    words::plain(&entry.text, look, frame, laid);
}

fn boundary(entry: &Entry, frame: &Frame<'_>, laid: &mut Laid) {
    let mut lines = entry.text.trim().splitn(2, '\n');
    let title = text::ellipsis(&text::one_line(lines.next().unwrap_or_default()), frame.width.saturating_sub(8));
    let free = frame.width.saturating_sub(wrap::columns(&title) + 2);
    let (before, after) = if title.is_empty() { (frame.width, 0) } else { (free / 2, free - free / 2) };
    let faint = style(frame.theme.faint);
    let mut spans = vec![Span::styled("─".repeat(before), faint)];
    if !title.is_empty() {
        spans.push(Span::styled(format!(" {title} "), style(frame.theme.notice)));
        spans.push(Span::styled("─".repeat(after), faint));
    }
    laid.lines.push(Line::from(rich::cut(spans, frame.width)));
    // A summary that replaces what was said is long; the rule is what one looks for.
    if let Some(rest) = lines.next().filter(|_| frame.fold == Fold::Full) {
        words::plain(rest.trim_start_matches('\n'), style(frame.theme.muted), frame, laid);
    }
}
