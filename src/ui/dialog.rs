//! Modal dialog with numbered choices.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::home_path::with_tilde;
use super::style::style;
use super::widgets::{Align, line_of, overlay, overlay_width, put, put_line, split_left, split_right, wrapped};
use crate::app::dialog::{Dialog, DialogOutcome};
use crate::app::msg::Target;
use crate::app::scroll;

const WIDTH: u16 = 64;

/// Draws the text and the choices. On a low screen the choices take precedence.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, dialog: &Dialog) {
    let theme = canvas.app.theme();
    let width = overlay_width(area, WIDTH);
    // Indented lines are programs, which are shown exactly.
    let shown = |line: &String| match line.strip_prefix(' ') {
        Some(_) => line.clone(),
        None => with_tilde(canvas.app, line).into_owned(),
    };
    let lines: Vec<_> =
        dialog.text.iter().flat_map(|line| wrapped(&shown(line), width, 0, style(theme.text))).collect();
    let text_height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let choices = u16::try_from(dialog.choices.len()).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, &dialog.title, (WIDTH, text_height.saturating_add(choices).saturating_add(1)));
    let text_height = text_height.min(inner.height.saturating_sub(choices));
    for (row, line) in lines.iter().take(text_height.into()).enumerate() {
        put_line(canvas.buffer, line_of(inner, row), line);
    }
    if lines.len() > text_height.into() && text_height > 0 {
        let (_, end) = split_right(line_of(inner, usize::from(text_height) - 1), 1);
        put(canvas.buffer, end, "…", style(theme.warning), Align::Left);
    }
    let choices = choices.min(inner.height);
    let choices_area = Rect { y: inner.bottom() - choices, height: choices, ..inner };
    let top = scroll::reveal(0, dialog.selected, choices.into(), dialog.choices.len());
    for (row, (at, choice)) in dialog.choices.iter().enumerate().skip(top).take(choices.into()).enumerate() {
        let area = line_of(choices_area, row);
        canvas.target(area, Target::Choice(at));
        if at == dialog.selected {
            canvas.select(area);
            put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
        }
        let (_, area) = split_left(area, 2);
        let (number, label) = split_left(area, 3);
        let digit = if at < 9 { (at + 1).to_string() } else { String::new() };
        put(canvas.buffer, number, &digit, style(theme.key), Align::Left);
        let shown = match choice.outcome {
            DialogOutcome::RunCommands(_) => choice.label.as_str().into(),
            _ => with_tilde(canvas.app, &choice.label),
        };
        put(canvas.buffer, label, &shown, style(theme.text), Align::Left);
    }
}
