//! Form for writing sessions to files.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::style::style;
use super::widgets::{Align, field, line_of, overlay, put, put_line, split_left};
use crate::app::export::{ExportField, ExportForm};
use crate::domain::document::DocumentFormat;

/// Columns of the names of the fields.
const NAME_WIDTH: u16 = 9;

/// Draws the fields and a note about what will be written.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, form: &ExportForm) {
    let theme = canvas.app.theme();
    let title = match form.keys.len() {
        1 => "Export".to_owned(),
        count => format!("Export {count} sessions"),
    };
    let inner = overlay(canvas, area, &title, (64, 5));
    for (row, part) in ExportField::ALL.into_iter().enumerate() {
        let focused = form.field == part;
        let (name, rest) = split_left(line_of(inner, row), NAME_WIDTH);
        let look = style(if focused { theme.accent } else { theme.muted });
        put(canvas.buffer, name, label(part), look, Align::Left);
        match part {
            ExportField::Format => {
                let choices = DocumentFormat::ALL.map(|format| (format.label(), format == form.format));
                draw_choices(canvas, rest, &choices);
            }
            ExportField::Secrets => {
                let choices = [("masked", !form.with_secrets), ("not masked", form.with_secrets)];
                draw_choices(canvas, rest, &choices);
            }
            ExportField::Folder => field(canvas, rest, "", &form.folder, focused),
        }
    }
    let (help, look) = if form.with_secrets {
        ("Keys, tokens and passwords will be in the file", theme.warning)
    } else {
        ("Existing files are not replaced. “.” is the current directory.", theme.muted)
    };
    put(canvas.buffer, line_of(inner, 4), help, style(look), Align::Left);
}

fn label(part: ExportField) -> &'static str {
    match part {
        ExportField::Format => "format",
        ExportField::Secrets => "secrets",
        ExportField::Folder => "folder",
    }
}

fn draw_choices(canvas: &mut Canvas, area: Rect, choices: &[(&'static str, bool)]) {
    let theme = canvas.app.theme();
    let span = |(label, chosen): &(&str, bool)| {
        let (mark, look) = if *chosen { ("●", theme.accent) } else { ("○", theme.muted) };
        Span::styled(format!("{mark} {label}  "), style(look))
    };
    let (_, area) = split_left(area, 1);
    put_line(canvas.buffer, area, &choices.iter().map(span).collect::<Line<'_>>());
}
