//! Overlay for choosing model, mode and effort.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::columns::short_model;
use super::style::style;
use super::widgets::{Align, field, line_of, overlay, put, put_line, split_left, split_right};
use crate::app::msg::Target;
use crate::app::picker::{Picker, PickerOption, Tab, skips_permissions};
use crate::app::runs::ModelSource;
use crate::app::{App, age, scroll};
use crate::domain::run::RunInfo;
use crate::stdx::text;

const SIZE: (u16, u16) = (64, 16);

/// Draws the overlay.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, picker: &Picker) {
    let app = canvas.app;
    let Some(info) = app.runs.get(&picker.run) else { return };
    let title = format!("{} · model, mode, effort", info.agent.label());
    let inner = overlay(canvas, area, &title, SIZE);
    draw_tabs(canvas, line_of(inner, 0), picker, info);
    field(canvas, line_of(inner, 1), ">", &picker.input, true);
    let state = state(app, picker, info);
    let foot = u16::from(!state.is_empty() && inner.height > 3);
    let rows = Rect { y: inner.y + 2.min(inner.height), height: inner.height.saturating_sub(2 + foot), ..inner };
    let options = picker.options(info, &app.runs);
    if options.is_empty() {
        let label = empty_text(picker, info);
        put(canvas.buffer, line_of(rows, 0), &label, style(app.theme().muted), Align::Left);
    }
    let selected = picker.selected.min(options.len().saturating_sub(1));
    let top = scroll::reveal(0, selected, rows.height.into(), options.len());
    for (row, (at, option)) in options.iter().enumerate().skip(top).take(rows.height.into()).enumerate() {
        draw_option(canvas, line_of(rows, row), option, (at, at == selected), picker.tab);
    }
    if foot > 0 {
        let last = line_of(inner, usize::from(inner.height) - 1);
        put(canvas.buffer, last, &state, style(app.theme().muted), Align::Left);
    }
}

/// Draws the tabs: ` model opus │ mode default │ effort high `.
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
        let value = value.as_deref().map(|value| if tab == Tab::Model { short_model(value) } else { value });
        let value = value.map_or("–".to_owned(), text::one_line);
        let paint = if tab == Tab::Mode && skips_permissions(&value) { theme.error } else { theme.text };
        spans.push(Span::styled(format!("{} ", text::ellipsis(&value, 16)), style(paint)));
    }
    put_line(canvas.buffer, area, &Line::from(spans));
}

fn draw_option(canvas: &mut Canvas, area: Rect, option: &PickerOption, (at, selected): (usize, bool), tab: Tab) {
    let theme = canvas.app.theme();
    canvas.target(area, Target::Choice(at));
    if selected {
        canvas.select(area);
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let (_, rest) = split_left(area, 1);
    let (mark, rest) = split_left(rest, 2);
    put(canvas.buffer, mark, if option.current { "●" } else { " " }, style(theme.accent), Align::Left);
    let skips = tab == Tab::Mode && skips_permissions(&option.name);
    let look = if skips { theme.error } else { theme.text };
    let note = match option {
        _ if skips => "never asks",
        PickerOption { typed: true, .. } => "as typed",
        _ if option.label != option.name => &option.label,
        _ => "",
    };
    let width = u16::try_from(text::width(note)).unwrap_or(0).min(rest.width / 2);
    let (rest, beside) = split_right(rest, width);
    put(canvas.buffer, beside, note, style(theme.muted), Align::Right);
    put(canvas.buffer, rest, &option.name, style(look), Align::Left);
}

fn empty_text(picker: &Picker, info: &RunInfo) -> String {
    let agent = info.agent.label();
    match picker.tab {
        _ if !picker.input.is_empty() => "no match".to_owned(),
        Tab::Model => "no list available: type a model name".to_owned(),
        Tab::Mode => format!("{agent} reports no modes"),
        Tab::Effort => format!("{agent} reports no efforts"),
    }
}

/// Age of the model list, and the reason if it could not be refreshed.
fn state(app: &App, picker: &Picker, info: &RunInfo) -> String {
    if picker.tab != Tab::Model {
        return String::new();
    }
    let models = app.runs.models(&ModelSource::of_run(info));
    let as_of = models.and_then(|models| models.as_of).map(|then| match age::text(app.now, then) {
        age if age == "now" => "updated now".to_owned(),
        age => format!("updated {age} ago"),
    });
    let failure = models.and_then(|models| models.failure.as_deref()).map(text::one_line);
    let known = as_of.unwrap_or_else(|| "unavailable".to_owned());
    match failure {
        _ if picker.asking => format!("{known} · querying {} …", info.agent.label()),
        Some(failure) => format!("{known} · {failure} · f5 refreshes"),
        None if models.is_none() => format!("querying {} …", info.agent.label()),
        None => format!("{known} · f5 refreshes"),
    }
}
