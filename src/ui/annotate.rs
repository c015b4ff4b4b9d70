//! Form for the name or the tags of sessions.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{Align, field, line_of, overlay, put};
use crate::app::annotate::{AnnotationField, AnnotationForm};

/// Draws the input and what Enter does.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, form: &AnnotationForm) {
    let theme = canvas.app.theme();
    let title = match (form.field, form.keys.len()) {
        (AnnotationField::Name, _) => "Rename".to_owned(),
        (AnnotationField::Tags, 1) => "Tags".to_owned(),
        (AnnotationField::Tags, count) => format!("Tag {count} sessions"),
    };
    let inner = overlay(canvas, area, &title, (68, 3));
    field(canvas, line_of(inner, 0), ">", &form.input, true);
    let renamable =
        form.renamable.map(|agent| format!("enter save · alt-enter save in {} too · esc cancel", agent.label()));
    let help = match (form.field, form.keys.len()) {
        (AnnotationField::Name, _) => "enter save · empty: the agent's title again · esc cancel",
        (AnnotationField::Tags, 1) if form.adds => "enter save · too many tags to show: adds them, -tag removes one",
        (AnnotationField::Tags, 1) => "enter save · separate tags with spaces · search with #tag",
        (AnnotationField::Tags, _) => "enter save · -tag removes a tag from all of them",
    };
    let (text, look) =
        form.error.as_deref().map_or((renamable.as_deref().unwrap_or(help), theme.muted), |error| (error, theme.error));
    put(canvas.buffer, line_of(inner, 2), text, style(look), Align::Left);
}
