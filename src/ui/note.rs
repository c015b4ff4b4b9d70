//! Form for the note of a session.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{Align, line_of, overlay, put, text_area};
use crate::app::note::NoteForm;

/// Columns and rows of the form on a screen that has room for them.
const SIZE: (u16, u16) = (72, 12);

/// Draws the text and what the keys do.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, form: &NoteForm) {
    let theme = canvas.app.theme();
    let inner = overlay(canvas, area, "Note", SIZE);
    let Some(last) = usize::from(inner.height).checked_sub(1) else { return };
    // The last row is the help, after a blank one where there is room.
    let rows = inner.height.saturating_sub(if inner.height > 3 { 2 } else { 1 }).max(1);
    text_area(canvas, Rect { height: rows, ..inner }, &form.text, true);
    let help = "enter save · alt-enter new line · empty: no note · search with note:";
    let (text, look) = form.error.as_deref().map_or((help, theme.muted), |error| (error, theme.error));
    put(canvas.buffer, line_of(inner, last), text, style(look), Align::Left);
}
