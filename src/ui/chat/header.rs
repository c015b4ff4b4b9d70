//! First line of a chat: agent, model and mode, then the session, and on the right who controls it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::chat::Chat;
use crate::app::chat::state::wait;
use crate::app::picker::skips_permissions;
use crate::domain::Time;
use crate::domain::remote::{RemoteState, RemoteStatus};
use crate::domain::run::{Conversation, Phase, Quota, RunInfo};
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::columns;
use crate::ui::home_path::with_tilde;
use crate::ui::session_title::session_title;
use crate::ui::style::{self, style};
use crate::ui::widgets::{Align, put, put_line, split_right, styled_line};

/// Width below which the right part is omitted, unless it restricts what the user can do.
const NARROW: u16 = 60;

/// Percent of a limit from which its reset is shown.
const NEAR_LIMIT: f32 = 80.0;

/// Draws the header.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let theme = canvas.app.theme();
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let (right, tone) = match &chat.read_only {
        Some(why) => (format!("read-only: {why}"), theme.warning),
        None => (control(canvas, area.width, chat), theme.accent),
    };
    let width = u16::try_from(text::width(&right)).unwrap_or(u16::MAX).min(area.width * 2 / 3);
    let (left, at_right) = split_right(area, if width > 0 { width + 2 } else { 0 });
    put(canvas.buffer, at_right, &right, style(tone), Align::Right);
    let mut spans = settings(canvas, chat);
    spans.extend(session(canvas, chat));
    put_line(canvas.buffer, left, &Line::from(styled_line::cut(spans, left.width.into())));
}

/// Number of entries below the screen, and whether the session is running here.
fn control(canvas: &Canvas, width: u16, chat: &Chat) -> String {
    let unseen = chat.reader.unseen();
    let new = (unseen > 0 && !chat.reader.is_following()).then(|| format!("{unseen} new"));
    let state = Some(control_state(canvas, chat)).filter(|_| width >= NARROW);
    // The detail is omitted if it would take room from the title.
    let short = |state: String| {
        let too_long = text::width(&state) > usize::from(width) / 3;
        if too_long { state.split(" (").next().unwrap_or_default().to_owned() } else { state }
    };
    let quota = chat.info(&canvas.app.runs).and_then(|info| info.quota).filter(|_| width >= NARROW);
    let quota = quota.map(|quota| quota_text(quota, canvas.app.now));
    new.into_iter().chain(quota).chain(state.map(short)).collect::<Vec<_>>().join(" · ")
}

/// Formats the used part of the account's limit: `limit 63%, resets in 2 h 5 min`. The time is shown when it matters.
fn quota_text(quota: Quota, now: Time) -> String {
    let used = format!("limit {:.0}%", quota.percent);
    match quota.resets_at.filter(|resets| quota.percent >= NEAR_LIMIT && *resets > now) {
        Some(resets) => format!("{used}, resets in {}", wait(resets.since(now))),
        None => used,
    }
}

/// Agent, model and mode. A mode that skips permissions precedes the model, so that it is visible on any width.
fn settings(canvas: &Canvas, chat: &Chat) -> Vec<Span<'static>> {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (model, mode) = match (chat.info(&app.runs), &chat.start) {
        (Some(info), _) => (info.model.as_deref(), info.mode.as_deref()),
        (None, Some(start)) => (start.model.as_deref(), start.mode.as_deref()),
        (None, None) => (None, None),
    };
    let model = model.map(|model| Span::styled(text::one_line(columns::short_model(model)), style(theme.text)));
    let unguarded = mode.is_some_and(skips_permissions);
    let look = if unguarded { theme.error } else { theme.muted };
    let mode = mode.map(|mode| Span::styled(text::one_line(mode), style(look)));
    let parts = if unguarded { [mode, model] } else { [model, mode] };
    let mut spans = vec![Span::raw(" "), Span::styled(chat.agent.name(), style::agent(theme, chat.agent))];
    for part in parts.into_iter().flatten() {
        spans.extend([Span::styled(" · ", style(theme.faint)), part]);
    }
    spans
}

/// Title and directory.
fn session(canvas: &Canvas, chat: &Chat) -> Vec<Span<'static>> {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let session = app.sessions.catalog.get(&chat.reader.key);
    let title = session.map(|session| session_title(app, session)).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| untitled(chat));
    let directory = session.map(|session| session.place()).or_else(|| {
        let of_run = chat.info(&app.runs).map(RunInfo::place);
        of_run.or_else(|| chat.start.as_ref().map(|start| start.cwd.display().to_string()))
    });
    let mut spans = vec![Span::styled(format!("  {}", text::one_line(&title)), style(theme.title))];
    let directory = directory.filter(|directory| !directory.is_empty());
    let work_tree = directory.as_deref().and_then(|directory| app.sessions.work_tree(directory));
    let work_tree =
        work_tree.map(|summary| Span::styled(format!(" · {}", text::one_line(&summary.text())), style(theme.muted)));
    spans.extend(work_tree);
    spans.extend(
        directory
            .map(|directory| with_tilde(app, &text::one_line(&directory)).into_owned())
            .map(|directory| Span::styled(format!(" · {directory}"), style(theme.muted))),
    );
    spans
}

fn control_state(canvas: &Canvas, chat: &Chat) -> String {
    if let Some(remote) = remote(canvas, chat) {
        return match remote.state {
            RemoteState::Connected | RemoteState::Limited => format!("on {}", remote.name),
            RemoteState::Connecting | RemoteState::Offline { .. } => {
                format!("{} {}", remote.name, remote.state.label())
            }
        };
    }
    match (chat.info(&canvas.app.runs), &chat.start) {
        (Some(info), _) => match (info.pid, info.service) {
            _ if matches!(info.phase, Phase::Stopped(_)) => "controlled by salon".to_owned(),
            (Some(pid), _) => format!("running in salon (pid {pid})"),
            (None, Some(pid)) => format!("controlled in the service of {} (pid {pid})", info.agent.label()),
            (None, None) => "running in salon".to_owned(),
        },
        (None, Some(start)) => match start.conversation {
            Conversation::New { .. } => "new session".to_owned(),
            Conversation::Resume(_) => "ready to continue".to_owned(),
            Conversation::Fork(_) => "fork".to_owned(),
        },
        (None, None) => String::new(),
    }
}

/// Returns the connection to the machine of a chat, if it is another one.
fn remote<'a>(canvas: &Canvas<'a>, chat: &Chat) -> Option<&'a RemoteStatus> {
    canvas.app.sessions.remotes.get(chat.host()?)
}

fn untitled(chat: &Chat) -> String {
    match chat.reader.prompts().last() {
        Some(first) => text::one_line(text::first_chars(first, 200)),
        None => "new session".to_owned(),
    }
}
