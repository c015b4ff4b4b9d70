//! Reasoning: folded into one line, or shown like an answer but quieter.

use ratatui::text::{Line, Span};

use super::{Frame, Laid, answer};
use crate::app::reader::Fold;
use crate::domain::transcript::Entry;
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::rich;

/// Lays reasoning out.
pub fn lay(entry: &Entry, frame: &mut Frame<'_>, laid: &mut Laid) {
    let look = style(frame.theme.thinking);
    if frame.fold != Fold::Line {
        answer::lay(&entry.text, look, frame, laid);
        return;
    }
    let head = text::one_line(text::first_chars(&entry.text, 400));
    let words = head.replace("**", "");
    let spans = vec![
        Span::styled("▸ ", style(frame.theme.faint)),
        Span::styled("thought  ", look),
        Span::styled(words, style(frame.theme.muted)),
    ];
    laid.lines.push(Line::from(rich::cut(spans, frame.width)));
}
