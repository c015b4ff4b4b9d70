//! A question over the screen.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::Canvas;
use super::style::style;
use super::widgets::{Align, line_of, overlay, put, split_left};
use crate::app::dialog::Dialog;
use crate::app::msg::Target;
use crate::stdx::text::one_line;

const WIDTH: u16 = 64;

/// Draws the question and its answers. Where there is little room the answers come first.
pub fn draw(canvas: &mut Canvas, area: Rect, dialog: &Dialog) {
    let theme = canvas.app.theme();
    let lines: Vec<_> = dialog.text.iter().map(|line| Line::styled(one_line(line), style(theme.text))).collect();
    let text = Paragraph::new(lines).wrap(Wrap { trim: true });
    let width = WIDTH.min(area.width.saturating_sub(4)).max(1);
    let text_height = u16::try_from(text.line_count(width)).unwrap_or(u16::MAX);
    let choices = u16::try_from(dialog.choices.len()).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, &dialog.title, (WIDTH, text_height.saturating_add(choices).saturating_add(1)));
    let text_height = text_height.min(inner.height.saturating_sub(choices));
    text.render(Rect { height: text_height, ..inner }, canvas.buffer);
    let choices = choices.min(inner.height);
    let answers = Rect { y: inner.bottom() - choices, height: choices, ..inner };
    for (at, choice) in dialog.choices.iter().enumerate() {
        let area = line_of(answers, at);
        canvas.target(area, Target::Choice(at));
        if at == dialog.selected {
            canvas.buffer.set_style(area, style(theme.selected));
            put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
        }
        let (_, area) = split_left(area, 2);
        let (number, label) = split_left(area, 3);
        put(canvas.buffer, number, &(at + 1).to_string(), style(theme.key), Align::Left);
        put(canvas.buffer, label, &choice.label, style(theme.text), Align::Left);
    }
}
