//! What the agent says: Markdown.

use ratatui::style::Style;

use super::{Frame, Laid, words};
use crate::ui::widgets::markdown::{self, Setting};

/// Lays a Markdown text out.
pub fn lay(whole: &str, base: Style, frame: &mut Frame<'_>, laid: &mut Laid) {
    let (shown, cut) = words::bounded(whole);
    let setting = Setting {
        theme: frame.theme,
        width: frame.width,
        base,
        most: words::most(frame.fold),
        highlighter: frame.highlighter.as_deref_mut(),
    };
    let rows = markdown::lay(&shown, setting);
    laid.lines.extend(rows.lines);
    laid.pending |= rows.pending;
    words::limit(laid, frame, cut.then_some(whole.len()));
}
