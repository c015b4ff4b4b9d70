//! The last two lines: a message, or what is shown and what is hidden and why; and the keys that matter now.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Canvas;
use super::style::style;
use super::widgets::{Align, put, put_line};
use crate::app::{Action, App};
use crate::domain::catalog::HiddenCounts;

/// Draws the message, or the counts.
pub fn draw(canvas: &mut Canvas, area: Rect) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    match app.notices.current() {
        Some(notice) if notice.error => put(canvas.buffer, area, &notice.text, style(theme.error), Align::Left),
        Some(notice) => put(canvas.buffer, area, &notice.text, style(theme.accent), Align::Left),
        None => put(canvas.buffer, area, &counts(app), style(theme.bar), Align::Left),
    };
}

/// Draws as many hints as there is room for, each whole.
pub fn draw_hints(canvas: &mut Canvas, area: Rect) {
    let theme = canvas.app.theme();
    let mut spans = vec![Span::raw(" ")];
    let mut room = usize::from(area.width);
    for hint in canvas.app.hints() {
        let (key, word) = (hint.key, format!(" {}  ", hint.word));
        let width = crate::stdx::text::width(&key) + crate::stdx::text::width(&word);
        if width > room {
            break;
        }
        room -= width;
        spans.push(Span::styled(key, style(theme.key)));
        spans.push(Span::styled(word, style(theme.muted)));
    }
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// `37 shown · 200 hidden: 180 sub-agents, 20 empty (H shows them) · 12 elsewhere (tab)`.
fn counts(app: &App) -> String {
    let HiddenCounts { subagent, headless, empty, archived, elsewhere } = app.home.hidden;
    let shown = thousands(app.home.shown);
    let mut parts = vec![match app.home.filter.is_active() {
        true => format!("{shown} match"),
        false => format!("{shown} shown"),
    }];
    let key =
        |action: Action, does: &str| app.keymap.hint(action).map(|key| format!(" ({key}{does})")).unwrap_or_default();
    let reasons = [(subagent, "sub-agents"), (headless, "headless"), (empty, "empty"), (archived, "archived")];
    let hidden: usize = reasons.iter().map(|(count, _)| count).sum();
    if hidden > 0 {
        let reasons = reasons.iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<_> =
            reasons.map(|(count, word)| format!("{} {}", thousands(*count), plural(*count, word))).collect();
        let key = key(Action::ShowHidden, " shows them");
        parts.push(format!("{} hidden: {}{key}", thousands(hidden), reasons.join(", ")));
    } else if app.home.show_hidden {
        parts.push(format!("nothing hidden{}", key(Action::ShowHidden, " hides")));
    }
    if elsewhere > 0 {
        parts.push(format!("{} elsewhere{}", thousands(elsewhere), key(Action::Scope, "")));
    }
    parts.join(" · ")
}

fn plural(count: usize, word: &'static str) -> &'static str {
    if count == 1 && word == "sub-agents" { "sub-agent" } else { word }
}

/// `2,001`.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
