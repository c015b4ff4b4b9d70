//! Page of backends: a row per process and server, with its reason and its latest changes of state below.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::style::{agent, style};
use super::widgets::{line_of, overlay, overlay_width, put_line, wrapped};
use crate::app::backends::BackendsView;
use crate::config::theme::Theme;
use crate::domain::backend::{Backend, BackendState};
use crate::domain::{Time, units};
use crate::stdx::text::one_line;

/// Draws the page.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, view: &BackendsView) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let width = overlay_width(area, 110);
    let mut lines = Vec::new();
    match &view.list {
        None => lines.extend(wrapped("Reading…", width, 0, style(theme.muted))),
        Some(list) if list.is_empty() => {
            lines.extend(wrapped("No agent runs. One starts with the next prompt.", width, 0, style(theme.muted)));
        }
        Some(list) => {
            let memory = list.iter().filter_map(|backend| backend.memory).sum::<u64>();
            let running = list.iter().filter(|backend| backend.pid.is_some()).count();
            let limit = app.settings.limits.runs;
            let total = format!("{running} running, at most {limit} · {} of memory", units::bytes(memory));
            lines.extend(wrapped(&total, width, 0, style(theme.muted)));
            for backend in list {
                lines.push(headline(backend, app.now, theme));
                for detail in details(backend, app.now) {
                    lines.extend(wrapped(&format!("    {detail}"), width, 6, style(theme.muted)));
                }
            }
        }
    }
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, "Running agents", (width, height));
    canvas.feedback.overlay_rows = inner.height.into();
    canvas.feedback.overlay_len = lines.len();
    for (row, line) in lines.iter().skip(view.scroll.top).take(inner.height.into()).enumerate() {
        put_line(canvas.buffer, line_of(inner, row), line);
    }
}

fn headline(backend: &Backend, now: Time, theme: &Theme) -> Line<'static> {
    let state = match backend.state {
        BackendState::Working | BackendState::Interrupting | BackendState::Starting => theme.working,
        BackendState::Idle => theme.idle,
        BackendState::NotStarted | BackendState::Stopped | BackendState::Evicted => theme.muted,
        BackendState::Degraded | BackendState::RateLimited => theme.warning,
        BackendState::NotInstalled
        | BackendState::NotLoggedIn
        | BackendState::UnsupportedVersion
        | BackendState::Crashed
        | BackendState::Failed => theme.error,
    };
    let mut facts = Vec::new();
    if backend.is_server {
        facts.push(if backend.is_external { "external server".to_owned() } else { "server".to_owned() });
    }
    facts.extend(backend.port.map(|port| format!("port {port}")));
    facts.extend(backend.pid.map(|pid| format!("pid {pid}")));
    facts.extend(backend.memory.map(units::bytes));
    facts.extend(backend.started.map(|started| format!("up {}", elapsed(now, started))));
    if backend.state == BackendState::Idle {
        facts.extend(backend.last_event.map(|last| format!("idle {}", elapsed(now, last))));
    }
    if backend.queued > 0 {
        facts.push(format!("{} queued", backend.queued));
    }
    if backend.sessions > 0 {
        facts.push(counted(backend.sessions as u64, "session"));
    }
    if backend.generation > 1 {
        facts.push(counted(backend.generation - 1, "restart"));
    }
    Line::from(vec![
        Span::styled(format!("{:<10} ", backend.agent.name()), agent(theme, backend.agent)),
        Span::styled(format!("{:<14} ", backend.state.label()), style(state)),
        Span::styled(facts.join(" · "), style(theme.text)),
    ])
}

fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Time since an event, in the unit of lists.
fn elapsed(now: Time, then: Time) -> String {
    match units::age(now, then).as_str() {
        "now" => "<1m".to_owned(),
        age => age.to_owned(),
    }
}

/// Lines below the headline: the session, the reason, and the latest changes.
fn details(backend: &Backend, now: Time) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(backend.session.as_ref().map(|session| format!("session {}", one_line(session))));
    lines.extend(backend.reason.as_ref().map(|reason| format!("→ {}", one_line(reason))));
    let changes = backend.changes.iter().rev().take(4).rev();
    let changes: Vec<_> =
        changes.map(|change| format!("{} {}", change.state.label(), elapsed(now, change.time))).collect();
    if changes.len() > 1 {
        lines.push(changes.join(" → "));
    }
    lines
}
