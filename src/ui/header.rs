//! The first line: what is listed, in which order, and how far the index is.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::Canvas;
use super::status::thousands;
use super::style::style;
use super::widgets::{Align, put, put_line, split_right};
use crate::app::inbox::Waits;
use crate::app::layer::Layer;
use crate::app::{Action, App};
use crate::config::settings::Scope;
use crate::stdx::text;

/// Draws the header.
pub fn draw(canvas: &mut Canvas, area: Rect) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let mut right: Vec<_> =
        [quitting(app), progress(app), waiting(app), troubled(app), issues(app)].into_iter().flatten().collect();
    // What does not fit is left out as a whole, on either side.
    while right.len() > 1 && text::width(&right.join(" · ")) > usize::from(area.width / 3 * 2) {
        right.pop();
    }
    let right = right.join(" · ");
    let width = u16::try_from(text::width(&right)).unwrap_or(u16::MAX).saturating_add(1);
    let (left, right_area) = split_right(area, width.min(area.width));
    put(canvas.buffer, right_area, &right, style(theme.warning), Align::Right);
    let mut spans = vec![
        Span::styled(" salon ", style(theme.accent).patch(style(theme.title))),
        Span::styled(format!(" {}", scope(app)), style(theme.title)),
        Span::styled(format!(" · by {}", app.home.sort.name()), style(theme.muted)),
    ];
    while spans.len() > 1 && Line::from(spans.clone()).width() > left.width.into() {
        spans.pop();
    }
    put_line(canvas.buffer, left, &Line::from(spans));
}

fn scope(app: &App) -> String {
    let name = || app.home.workspaces.selected_name().map(text::one_line);
    match app.home.scope() {
        Some(Scope::All) => "all workspaces".to_owned(),
        Some(Scope::Here) => format!("here: {}", name().unwrap_or_default()),
        None => name().unwrap_or_default(),
    }
}

fn progress(app: &App) -> Option<String> {
    let progress = app.known.catalog.progress;
    let reading = progress.done < progress.total;
    reading.then(|| format!("reading {} of {}", thousands(progress.done), thousands(progress.total)))
}

/// Sessions that wait for the user, wherever they are listed.
fn waiting(app: &App) -> Option<String> {
    let key = app.keymap.hint(Action::NextNeedsYou).map(|key| format!(" ({key})")).unwrap_or_default();
    match app.home.waiting {
        0 => None,
        1 => Some(format!("1 needs you{key}")),
        count => Some(format!("{} need you{key}", thousands(count))),
    }
}

/// What waits in the inbox besides questions: runs that failed, prompts that were kept back.
fn troubled(app: &App) -> Option<String> {
    let key = app.keymap.hint(Action::Inbox).map(|key| format!(" ({key})")).unwrap_or_default();
    match app.inbox().iter().filter(|item| !matches!(item.what, Waits::Question)).count() {
        0 => None,
        count => Some(format!("{} to look at{key}", thousands(count))),
    }
}

/// What is left of the first line of another screen than home beside the badge.
pub fn beside_badge(app: &App, area: Rect) -> Rect {
    Rect { width: area.width.saturating_sub(badge_width(app)), ..area }
}

/// Columns that [`draw_badge`] takes.
pub fn badge_width(app: &App) -> u16 {
    badge(app).map_or(0, |words| u16::try_from(text::width(&words)).unwrap_or(u16::MAX).saturating_add(2))
}

/// How many sessions need the user, on any other screen than home.
fn badge(app: &App) -> Option<String> {
    let screen = app.screen()?;
    let words = match app.home.waiting {
        0 => return None,
        count if app.size.0 < 60 => format!("!{}", thousands(count)),
        1 => "1 needs you".to_owned(),
        count => format!("{} need you", thousands(count)),
    };
    // Where letters are typed, the key is none.
    let key = matches!(screen, Layer::Reader(_)).then(|| app.keymap.hint(Action::NextNeedsYou)).flatten();
    Some(words + &key.map(|key| format!(" ({key})")).unwrap_or_default())
}

/// Draws how many sessions need the user at the right end of a screen's first line.
pub fn draw_badge(canvas: &mut Canvas, area: Rect) {
    let Some(words) = badge(canvas.app).filter(|_| area.height > 0) else { return };
    let (_, area) = split_right(area, badge_width(canvas.app).min(area.width));
    Clear.render(area.intersection(canvas.buffer.area), canvas.buffer);
    put(canvas.buffer, area, &words, style(canvas.app.theme().needs_you), Align::Right);
}

/// Salon ends once all is done.
fn quitting(app: &App) -> Option<String> {
    app.quitting.then(|| "quits when all is done".to_owned())
}

fn issues(app: &App) -> Option<String> {
    let count = app.known.catalog.issues.len();
    let key = app.keymap.hint(Action::Issues).map(|key| format!(" ({key})")).unwrap_or_default();
    match count {
        0 => None,
        1 => Some(format!("1 issue{key}")),
        count => Some(format!("{} issues{key}", thousands(count))),
    }
}
