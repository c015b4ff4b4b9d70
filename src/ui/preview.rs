//! Transcript of a session, as a preview beside a list or on the whole screen.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::canvas::{Canvas, ViewCache};
use super::columns;
use super::entry::RenderContext;
use super::header;
use super::home_path::with_tilde;
use super::numbers::thousands;
use super::reader::{self, ReaderMode};
use super::session_title::session_title;
use super::style::style;
use super::widgets::{Align, line_of, put, split_left};
use crate::app::home::{Pane, Relation};
use crate::app::layout::OutlineSetting;
use crate::app::msg::Target;
use crate::app::reader::Reader;
use crate::app::{Action, App, annotate, health, keep};
use crate::domain::live_status::LiveStatus;
use crate::domain::remote::{RemoteFailure, RemoteState, RemoteStatus};
use crate::domain::{Session, SessionKey, SessionState, Time};
use crate::stdx::text::{ellipsis, one_line};

/// Maximum columns of the title of a session that continues another one, or is continued.
const MAX_ORIGIN_COLUMNS: usize = 40;

/// Milliseconds within which a time is written without its date.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Draws the preview of the session selected on the home screen.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, cache: &mut ViewCache) {
    let app = canvas.app;
    let Some(session) = app.stack.home.list.session() else { return };
    draw_beside(canvas, area, (session, app.stack.home.preview.reader(&session.key)), cache);
}

/// Removes the bar beside the selected entry: without the focus, no key acts on that entry.
fn clear_selection(canvas: &mut Canvas, area: Rect) {
    let area = area.intersection(canvas.buffer.area);
    for y in area.top()..area.bottom() {
        if let Some(cell) = canvas.buffer.cell_mut((area.x, y)).filter(|cell| cell.symbol() == "▌") {
            cell.set_symbol(" ");
        }
    }
}

/// Draws a session beside a list: its details and its transcript.
pub(super) fn draw_beside(
    canvas: &mut Canvas,
    area: Rect,
    (session, reader): (&Session, Option<&Reader>),
    cache: &mut ViewCache,
) {
    canvas.target(area, Target::Preview);
    let heading = draw_heading(canvas, area, session, &cache.zone).min(area.height);
    let body = Rect { y: area.y + heading, height: area.height - heading, ..area };
    if let Some(reader) = reader {
        draw_reader(canvas, body, reader, ReaderMode::Preview, cache);
    }
    if canvas.app.stack.focus() != Some(Pane::Preview) {
        clear_selection(canvas, area);
    }
}

/// Draws the title, details and what the session is waiting for. Returns the number of lines.
fn draw_heading(canvas: &mut Canvas, area: Rect, session: &Session, zone: &TimeZone) -> u16 {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (_, inner) = split_left(area, 1);
    let look = if app.stack.focus() == Some(Pane::Preview) { theme.accent } else { theme.text };
    let title = session_title(app, session);
    let title = if title.is_empty() { session.key.id.to_string() } else { title };
    put(canvas.buffer, line_of(inner, 0), &title, style(look).patch(style(theme.title)), Align::Left);
    put(canvas.buffer, line_of(inner, 1), &details(app, session, zone), style(theme.muted), Align::Left);
    let waiting = app.sessions.live.get(&session.key).filter(|status| status.state == SessionState::NeedsYou);
    let waiting = waiting.and_then(LiveStatus::reason);
    let waiting = waiting.map(|waiting| (format!("waiting for: {}", app.secrets.text(&waiting)), theme.needs_you));
    let mut lines = 2;
    let damage = health::damage(session, &app.sessions.catalog.issues);
    let damage = damage.map(|damage| (format!("damaged: {damage}"), theme.warning));
    let annotation = annotation_line(session).map(|line| (line, theme.accent));
    let purge = purge_line(app, session).map(|line| (line, theme.warning));
    let origin = session.continues().map(|origin| (continues(app, &origin), theme.muted));
    let continued = continued(app, session).map(|text| (text, theme.muted));
    let offline = app.sessions.offline(session).map(|remote| (offline_line(remote, app, zone), theme.warning));
    for (text, look) in [waiting, offline, damage, purge, origin, continued, annotation].into_iter().flatten() {
        put(canvas.buffer, line_of(inner, lines.into()), &text, style(look), Align::Left);
        lines += 1;
    }
    lines
}

/// Says that the machine of a session has no connection, and how old its row is: `box offline since 16:42 · as of 16:40`.
fn offline_line(remote: &RemoteStatus, app: &App, zone: &TimeZone) -> String {
    let time = |time: Time| {
        let form = if app.now.since(time) < DAY { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        time.timestamp().to_zoned_datetime(zone.clone()).strftime(form).to_string()
    };
    let as_of = remote.as_of.map(|as_of| format!(" · as of {}", time(as_of))).unwrap_or_default();
    let since = match &remote.state {
        RemoteState::Offline { since, .. } => format!(" since {}", time(*since)),
        RemoteState::Connecting | RemoteState::Connected | RemoteState::Limited => String::new(),
    };
    let action = match &remote.state {
        RemoteState::Offline { failure: RemoteFailure::Stopped, .. } => "starts it",
        RemoteState::Offline { failure: RemoteFailure::NeedsUser(_), .. } => "answers ssh",
        _ => "",
    };
    let key = app.hint(Action::Connect).filter(|_| !action.is_empty());
    let action = key.map(|key| format!(" · {key} {action}")).unwrap_or_default();
    format!("{} {}{since}{action}{as_of}", remote.name, remote.state.label())
}

/// Says when its agent deletes a session, if that is soon, or that it has.
fn purge_line(app: &App, session: &Session) -> Option<String> {
    if app.sessions.is_purged(session) {
        return Some("deleted; salon's archive has it".to_owned());
    }
    let (days, _) = keep::days_left(session, app).filter(|(_, is_soon)| *is_soon)?;
    let key = app.hint(Action::Keep).map(|key| format!(" ({key} keeps it)")).unwrap_or_default();
    Some(match days {
        0 => format!("deleted soon{key}"),
        1 => format!("deleted in 1 day{key}"),
        days => format!("deleted in {days} days{key}"),
    })
}

/// Formats the star, the tags and the note: `★ #infra ask Mara first`.
fn annotation_line(session: &Session) -> Option<String> {
    let annotation = session.annotation()?;
    let note = annotation.note.as_deref().map(one_line);
    let line = annotate::marks(annotation).into_iter().chain(note).collect::<Vec<_>>().join(" ");
    Some(line).filter(|line| !line.is_empty())
}

/// Formats details: `2026-11-21 09:25 · opus-4-8 · main · 12 turns · 26k tokens · fork · ~/shop-api`.
fn details(app: &App, session: &Session, zone: &TimeZone) -> String {
    let date = |time: Time| time.timestamp().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let relation = app.stack.home.relation(session).map(|relation| match relation {
        Relation::Fork => "fork",
        Relation::Subagent => "sub-agent",
        Relation::Parent => "with sub-agents",
    });
    let copies = match app.stack.home.copies(session) {
        0 => String::new(),
        1 => "1 copy".to_owned(),
        copies => format!("{} copies", thousands(copies)),
    };
    let tokens = columns::tokens(session.tokens.total());
    let turns = match session.turns {
        0 => String::new(),
        1 => "1 turn".to_owned(),
        turns => format!("{} turns", thousands(turns as usize)),
    };
    let days = keep::days_left(session, app).filter(|(_, is_soon)| !is_soon);
    let days = days.map(|(days, _)| format!("deleted in {days} days"));
    let details = [
        session.last_activity.map(date).unwrap_or_default(),
        session.model.as_deref().map(columns::short_model).unwrap_or_default().to_owned(),
        app.sessions.branch(session),
        turns,
        if tokens.is_empty() { tokens } else { format!("{tokens} tokens") },
        relation.unwrap_or_default().to_owned(),
        copies,
        days.unwrap_or_default(),
        if session.flags.app { "app or editor".to_owned() } else { String::new() },
        with_tilde(app, &session.place()).into_owned(),
    ];
    details.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// Names the session that another one continues.
fn continues(app: &App, origin: &SessionKey) -> String {
    let title = app.sessions.catalog.get(origin).map(|session| session_title(app, session));
    let title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| origin.id.to_string());
    format!("continues {}: {}", origin.agent, ellipsis(&title, MAX_ORIGIN_COLUMNS))
}

/// Names the newest session that continues this one in another agent.
fn continued(app: &App, session: &Session) -> Option<String> {
    let later = app.sessions.catalog.iter().filter(|later| later.continues().as_ref() == Some(&session.key));
    let newest = later.max_by_key(|later| later.last_activity)?;
    let title = ellipsis(&session_title(app, newest), MAX_ORIGIN_COLUMNS);
    Some(format!("continued in {}: {title}", newest.key.agent))
}

/// Draws a transcript as a screen of its own.
pub(super) fn draw_full(canvas: &mut Canvas, area: Rect, reader: &Reader, cache: &mut ViewCache) {
    draw_reader(canvas, area, reader, ReaderMode::Full, cache);
}

/// Draws a transcript in a given mode.
pub(super) fn draw_mode(canvas: &mut Canvas, area: Rect, reader: &Reader, mode: ReaderMode, cache: &mut ViewCache) {
    draw_reader(canvas, area, reader, mode, cache);
}

fn draw_reader(canvas: &mut Canvas, area: Rect, reader: &Reader, mode: ReaderMode, cache: &mut ViewCache) {
    let app = canvas.app;
    let reserved = if mode == ReaderMode::Full && canvas.active { header::badge_width(app) } else { 0 };
    let context = RenderContext {
        theme: app.theme(),
        zone: &cache.zone,
        now: app.now,
        reserved,
        outline: app.outline == OutlineSetting::Shown,
        diff_view: app.diff_view,
        secrets: app.secrets,
    };
    let session = app.sessions.catalog.get(&reader.key).map(|session| &**session);
    let (found, regions) = reader::draw(area, canvas.buffer, (reader, session), mode, &context, &mut cache.reader);
    canvas.feedback.reader = Some(found);
    canvas.feedback.needs_redraw |= cache.reader.is_waiting();
    canvas.feedback.regions.extend(regions);
}
