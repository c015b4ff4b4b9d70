//! First line of the screen: scope, sort order, indexing progress and attention badges.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::canvas::Canvas;
use super::numbers::thousands;
use super::session_title::session_title;
use super::style::style;
use super::widgets::{Align, put, put_line, split_right};
use crate::app::inbox;
use crate::app::layer::Layer;
use crate::app::{Action, App, PendingQuit};
use crate::config::settings::ListScope;
use crate::domain::remote::RemoteState;
use crate::stdx::text;

/// Maximum columns of the title of a pinned conversation.
const MAX_PINNED: usize = 24;

/// Draws the header.
pub(super) fn draw(canvas: &mut Canvas, area: Rect) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    // The last column is a margin.
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let parts = [
        quitting(app),
        progress(app),
        waiting(app),
        remotes(app),
        pinned(app),
        unseen(app),
        inbox_items(app),
        issues(app),
    ];
    let mut right: Vec<_> = parts.into_iter().flatten().collect();
    // Parts that do not fit are omitted as a whole.
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
        Span::styled(format!(" · {}", thousands(app.stack.home.shown)), style(theme.muted)),
        Span::styled(format!(" · {}", app.stack.home.sort.label()), style(theme.muted)),
    ];
    while spans.len() > 1 && Line::from(spans.clone()).width() > left.width.into() {
        spans.pop();
    }
    put_line(canvas.buffer, left, &Line::from(spans));
}

fn scope(app: &App) -> String {
    let name = || app.stack.home.workspaces.selected_name().map(text::one_line);
    match app.stack.home.scope() {
        Some(ListScope::All) => "all workspaces".to_owned(),
        Some(ListScope::Here) => format!("here: {}", name().unwrap_or_default()),
        None => name().unwrap_or_default(),
    }
}

fn progress(app: &App) -> Option<String> {
    let progress = app.sessions.catalog.progress;
    let reading = progress.done < progress.total;
    reading.then(|| format!("reading {} of {}", thousands(progress.done), thousands(progress.total)))
}

/// Number of sessions in all workspaces that need the user.
fn waiting(app: &App) -> Option<String> {
    let key = app.hint(Action::NextNeedsYou).map(|key| format!(" ({key})")).unwrap_or_default();
    match app.stack.home.waiting {
        0 => None,
        1 => Some(format!("1 needs you{key}")),
        count => Some(format!("{} need you{key}", thousands(count))),
    }
}

/// Machines and containers without a connection.
fn remotes(app: &App) -> Option<String> {
    let missing = app.sessions.remotes.values().filter(|remote| remote.state != RemoteState::Connected);
    let key = app.hint(Action::Connect).map(|key| format!(" ({key})")).unwrap_or_default();
    let named = missing.map(|remote| {
        let key = if remote.state.waits_for_user() { key.as_str() } else { "" };
        format!("{} {}{key}", remote.name, remote.state.label())
    });
    let named: Vec<_> = named.collect();
    match named.len() {
        0 => None,
        1 | 2 => Some(named.join(" · ")),
        count => Some(format!("{count} machines without a connection")),
    }
}

/// Title of the pinned conversation, which is not on the home screen.
fn pinned(app: &App) -> Option<String> {
    let key = &app.stack.pinned.as_ref()?.reader()?.key;
    let title = app.sessions.catalog.get(key).map(|session| session_title(app, session)).unwrap_or_default();
    let title = if title.is_empty() { key.id.to_string() } else { title };
    Some(format!("pinned: {}", text::ellipsis(&title, MAX_PINNED)))
}

/// Number of sessions that were done and not looked at since.
fn unseen(app: &App) -> Option<String> {
    match app.stack.home.unseen {
        0 => None,
        count => Some(format!("{} done", thousands(count))),
    }
}

/// Number of other inbox items: failed runs and held prompts.
fn inbox_items(app: &App) -> Option<String> {
    let key = app.hint(Action::Inbox).map(|key| format!(" ({key})")).unwrap_or_default();
    match inbox::problems(&app.runs, &app.approvals) {
        0 => None,
        count => Some(format!("{} in inbox{key}", thousands(count))),
    }
}

/// Area of a first line without the badge, for screens other than home.
pub(super) fn beside_badge(app: &App, area: Rect) -> Rect {
    Rect { width: area.width.saturating_sub(badge_width(app)), ..area }
}

/// Width of [`draw_badge`] in columns.
pub(super) fn badge_width(app: &App) -> u16 {
    badge(app).map_or(0, |label| u16::try_from(text::width(&label)).unwrap_or(u16::MAX).saturating_add(3))
}

/// Text of the badge on screens other than home: number of sessions that need the user.
fn badge(app: &App) -> Option<String> {
    let screen = app.stack.screen()?;
    let label = match app.stack.home.waiting {
        0 => return None,
        count if app.size.0 < 60 => format!("!{}", thousands(count)),
        1 => "1 needs you".to_owned(),
        count => format!("{} need you", thousands(count)),
    };
    // Where text is typed, the key would be a letter.
    let key = matches!(screen, Layer::Reader(_)).then(|| app.hint(Action::NextNeedsYou)).flatten();
    Some(label + &key.map(|key| format!(" ({key})")).unwrap_or_default())
}

/// Draws the badge at the right end of the first line.
pub(super) fn draw_badge(canvas: &mut Canvas, area: Rect) {
    let Some(label) = badge(canvas.app).filter(|_| area.height > 0) else { return };
    let (_, area) = split_right(area, badge_width(canvas.app).min(area.width));
    Clear.render(area.intersection(canvas.buffer.area), canvas.buffer);
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    put(canvas.buffer, area, &label, style(canvas.app.theme().needs_you), Align::Right);
}

/// Note that salon quits when all runs have finished.
fn quitting(app: &App) -> Option<String> {
    let text = match app.quitting? {
        PendingQuit::WhenDone => "quits when finished",
        PendingQuit::Detach => "detaches after the open turns",
    };
    Some(text.to_owned())
}

fn issues(app: &App) -> Option<String> {
    let count = app.issues().count();
    let key = app.hint(Action::Issues).map(|key| format!(" ({key})")).unwrap_or_default();
    match count {
        0 => None,
        1 => Some(format!("1 problem{key}")),
        count => Some(format!("{} problems{key}", thousands(count))),
    }
}
