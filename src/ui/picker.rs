//! The overlay in which model, mode and effort are chosen.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Canvas;
use super::style::style;
use super::widgets::{Align, field, line_of, overlay, put, put_line, split_left, split_right};
use crate::app::msg::Target;
use crate::app::picker::{Offer, Picker, Tab, skips_permissions};
use crate::app::{App, age, scroll};
use crate::domain::run::RunInfo;
use crate::stdx::text;

const SIZE: (u16, u16) = (64, 16);

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, picker: &Picker) {
    let app = canvas.app;
    let Some(info) = app.runs.get(&picker.run) else { return };
    let title = format!("{} · model, mode, effort", info.agent.label());
    let inner = overlay(canvas, area, &title, SIZE);
    draw_tabs(canvas, line_of(inner, 0), picker, info);
    field(canvas, line_of(inner, 1), ">", &picker.input, true);
    let state = state(app, picker, info);
    let foot = u16::from(!state.is_empty() && inner.height > 3);
    let rows = Rect { y: inner.y + 2.min(inner.height), height: inner.height.saturating_sub(2 + foot), ..inner };
    let offers = picker.offers(info, &app.runs);
    if offers.is_empty() {
        let words = nothing(picker, info);
        put(canvas.buffer, line_of(rows, 0), &words, style(app.theme().muted), Align::Left);
    }
    let selected = picker.selected.min(offers.len().saturating_sub(1));
    let top = scroll::reveal(0, selected, rows.height.into(), offers.len());
    for (row, (at, offer)) in offers.iter().enumerate().skip(top).take(rows.height.into()).enumerate() {
        draw_offer(canvas, line_of(rows, row), offer, (at, at == selected), picker.tab);
    }
    if foot > 0 {
        let last = line_of(inner, usize::from(inner.height) - 1);
        put(canvas.buffer, last, &state, style(app.theme().muted), Align::Left);
    }
}

/// ` model opus │ mode default │ effort high `, the chosen one marked.
fn draw_tabs(canvas: &mut Canvas, area: Rect, picker: &Picker, info: &RunInfo) {
    let theme = canvas.app.theme();
    let mut spans = Vec::new();
    for tab in Tab::ALL {
        let value = match tab {
            Tab::Model => &info.model,
            Tab::Mode => &info.mode,
            Tab::Effort => &info.effort,
        };
        let look =
            if tab == picker.tab { style(theme.selected).patch(style(theme.accent)) } else { style(theme.muted) };
        spans.push(Span::styled(format!(" {} ", tab.name()), look));
        if area.width < 56 && tab != picker.tab {
            continue;
        }
        let value = value.as_deref().map_or("–".to_owned(), text::one_line);
        let paint = if tab == Tab::Mode && skips_permissions(&value) { theme.error } else { theme.text };
        spans.push(Span::styled(format!("{} ", text::ellipsis(&value, 16)), style(paint)));
    }
    put_line(canvas.buffer, area, &Line::from(spans));
}

fn draw_offer(canvas: &mut Canvas, area: Rect, offer: &Offer, (at, selected): (usize, bool), tab: Tab) {
    let theme = canvas.app.theme();
    canvas.target(area, Target::Choice(at));
    if selected {
        canvas.buffer.set_style(area, style(theme.selected));
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let (_, rest) = split_left(area, 1);
    let (mark, rest) = split_left(rest, 2);
    put(canvas.buffer, mark, if offer.current { "●" } else { " " }, style(theme.accent), Align::Left);
    let skips = tab == Tab::Mode && skips_permissions(&offer.name);
    let look = if skips { theme.error } else { theme.text };
    let note = match offer {
        _ if skips => "asks for nothing",
        Offer { typed: true, .. } => "as typed",
        _ if offer.label != offer.name => &offer.label,
        _ => "",
    };
    let width = u16::try_from(text::width(note)).unwrap_or(0).min(rest.width / 2);
    let (rest, beside) = split_right(rest, width);
    put(canvas.buffer, beside, note, style(theme.muted), Align::Right);
    put(canvas.buffer, rest, &offer.name, style(look), Align::Left);
}

fn nothing(picker: &Picker, info: &RunInfo) -> String {
    let agent = info.agent.label();
    match picker.tab {
        _ if !picker.input.is_empty() => "nothing is called that".to_owned(),
        Tab::Model => "unavailable: type a model's name".to_owned(),
        Tab::Mode => format!("{agent} has told no modes"),
        Tab::Effort => format!("{agent} has told no efforts"),
    }
}

/// How old the list of models is, and why it is not newer.
fn state(app: &App, picker: &Picker, info: &RunInfo) -> String {
    if picker.tab != Tab::Model {
        return String::new();
    }
    let models = app.runs.models(info.agent);
    let as_of = models.and_then(|models| models.as_of).map(|then| match age::text(app.now, then) {
        age if age == "now" => "as of now".to_owned(),
        age => format!("as of {age} ago"),
    });
    let failure = models.and_then(|models| models.failure.as_deref()).map(text::one_line);
    let known = as_of.unwrap_or_else(|| "unavailable".to_owned());
    match failure {
        _ if picker.asking => format!("{known} · asking {} …", info.agent.label()),
        Some(failure) => format!("{known} · {failure} · f5 asks again"),
        None if models.is_none() => format!("asking {} …", info.agent.label()),
        None => format!("{known} · f5 asks again"),
    }
}
