//! Last two lines of the screen: a notice or the counts of shown and hidden sessions, and key hints.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::canvas::Canvas;
use super::coverage::coverage_line;
use super::home_path::with_tilde;
use super::numbers::thousands;
use super::style::style;
use super::widgets::{Align, put, put_line, split_right};
use crate::app::hints::{Hint, hints};
use crate::app::layer::Layer;
use crate::app::msg::Target;
use crate::app::{Action, App};

/// Draws the current notice, or the counts.
pub(super) fn draw(canvas: &mut Canvas, area: Rect) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let whole = area;
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    if app.notices.current().is_some() {
        Clear.render(whole.intersection(canvas.buffer.area), canvas.buffer);
    }
    match app.notices.current() {
        Some(notice) => {
            let colours = if notice.error { theme.error } else { theme.accent };
            put(canvas.buffer, area, &with_tilde(app, &notice.text), style(colours), Align::Left)
        }
        None => match app.stack.screen() {
            Some(Layer::Search(search)) => {
                let parts = marked(search.marked_sessions().len()).into_iter().chain([coverage_line(app, search)]);
                let line = parts.collect::<Vec<_>>().join(" · ");
                put(canvas.buffer, area, &line, style(theme.bar), Align::Left)
            }
            // A transcript shows the position on this line.
            Some(_) => 0,
            None => {
                let position = app.stack.home.list.position_of_selection();
                let position = position.map(|(at, of)| format!("{} / {} ", thousands(at), thousands(of)));
                let position = position.unwrap_or_default();
                let width = u16::try_from(crate::stdx::text::width(&position)).unwrap_or_default();
                let (left, right) = split_right(area, width);
                put(canvas.buffer, right, &position, style(theme.bar), Align::Left);
                put(canvas.buffer, left, &counts(app, left.width.into()), style(theme.bar), Align::Left)
            }
        },
    };
}

/// Draws as many key hints as fit; a click on one presses its key.
pub(super) fn draw_hints(canvas: &mut Canvas, area: Rect) {
    let theme = canvas.app.theme();
    let mut spans = vec![Span::raw(" ")];
    let mut room = area.width;
    for hint in fitting(hints(canvas.app, &canvas.feedback), area.width.into()) {
        let (width, key, word) = (columns(&hint), hint.key, format!(" {}  ", hint.label));
        let Some(width) = u16::try_from(width).ok().filter(|width| *width <= room) else { break };
        if let Some(press) = hint.press {
            let x = area.x + 1 + (area.width - room);
            canvas.target(Rect { x, width: width - 2, ..area }, Target::Hint(press));
        }
        room -= width;
        spans.push(Span::styled(key, style(theme.key)));
        spans.push(Span::styled(word, style(theme.muted)));
    }
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// Returns the first hints that fit. The way out stays: where it would not fit, in place of the last of them.
fn fitting(mut hints: Vec<Hint>, width: usize) -> Vec<Hint> {
    let count = |hints: &[Hint], room: usize| {
        let ends = hints.iter().scan(0, |end, hint| {
            *end += columns(hint);
            Some(*end)
        });
        ends.take_while(|end| *end <= room).count()
    };
    let fits = count(&hints, width);
    let Some(out) = hints.iter().rposition(|hint| hint.key == "esc").filter(|at| *at >= fits) else {
        hints.truncate(fits);
        return hints;
    };
    let out = hints.remove(out);
    let fits = count(&hints, width.saturating_sub(columns(&out)));
    hints.truncate(fits);
    hints.push(out);
    hints
}

/// Columns of a hint with the space after it.
fn columns(hint: &Hint) -> usize {
    crate::stdx::text::width(&hint.key) + crate::stdx::text::width(hint.label) + 3
}

/// Formats counts: `37 shown · 200 hidden: 180 sub-agents, 20 empty (H shows them) · 12 elsewhere (tab)`, or a
/// shorter form if that does not fit.
fn counts(app: &App, room: usize) -> String {
    let full = counts_with(app, true);
    if crate::stdx::text::width(&full) <= room { full } else { counts_with(app, false) }
}

fn counts_with(app: &App, reasons: bool) -> String {
    let (by_reason, elsewhere) = (app.stack.home.hidden.by_reason(), app.stack.home.hidden.elsewhere);
    let hidden: usize = by_reason.iter().map(|(count, _)| count).sum();
    let key = |action, does: &str| app.hint(action).map(|key| format!(" ({key}{does})")).unwrap_or_default();
    let verb = if app.stack.home.filter.is_active() { "matching" } else { "shown" };
    let mut parts = vec![format!("{} {verb}", thousands(app.stack.home.shown))];
    if let Some(marked) = marked(app.stack.home.marked_sessions().len()) {
        parts.insert(0, marked);
    }
    if hidden > 0 && reasons {
        let named = by_reason.iter().filter(|(count, _)| *count > 0);
        let named: Vec<_> =
            named.map(|(count, word)| format!("{} {}", thousands(*count), plural(*count, word))).collect();
        let key = key(Action::ShowHidden, " shows them");
        parts.push(format!("{} hidden: {}{key}", thousands(hidden), named.join(", ")));
    } else if hidden > 0 {
        parts.push(format!("{} hidden{}", thousands(hidden), key(Action::ShowHidden, "")));
    } else if app.stack.home.show_hidden {
        parts.push(format!("nothing hidden{}", key(Action::ShowHidden, " hides")));
    }
    if elsewhere > 0 {
        parts.push(format!("{} elsewhere{}", thousands(elsewhere), key(Action::Scope, "")));
    }
    parts.join(" · ")
}

/// Formats the number of marked sessions.
fn marked(count: usize) -> Option<String> {
    (count > 0).then(|| format!("{} marked", thousands(count)))
}

fn plural(count: usize, word: &'static str) -> &'static str {
    match word {
        "sub-agents" if count == 1 => "sub-agent",
        "copies" if count == 1 => "copy",
        word => word,
    }
}
