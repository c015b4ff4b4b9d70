//! Inbox overlay: the items that need the user, and below them the selected item with its choices.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::approval::{self, ApprovalPlacement};
use super::canvas::Canvas;
use super::home_path::with_tilde;
use super::session_title::session_title;
use super::style::{self, style};
use super::widgets::styled_line;
use super::widgets::{Align, line_of, overlay, overlay_width, put, put_line, split_left, split_right, wrapped};
use crate::app::approvals::ApprovalScope;
use crate::app::inbox::{Inbox, InboxItem, InboxItemKind};
use crate::app::msg::ApprovalFeedback;
use crate::app::msg::Target;
use crate::app::{Action, App, age, failure, scroll};
use crate::domain::approval::Approval;
use crate::domain::live_status::LiveStatus;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::Phase;
use crate::stdx::text;

const WIDTH: u16 = 96;

/// Maximum rows of the list.
const MAX_ROWS: usize = 8;

/// Minimum height for the list. On lower screens the selected item shows its position instead.
pub(super) const MIN_HEIGHT_WITH_LIST: u16 = 12;

/// Draws the inbox.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, inbox: &Inbox) {
    let app = canvas.app;
    let items = inbox.items(&app.runs, &app.approvals);
    let Some(at) = inbox.position(&app.approvals, &items) else {
        draw_empty(canvas, area);
        return;
    };
    let width = overlay_width(area, WIDTH);
    let listed = if area.height < MIN_HEIGHT_WITH_LIST || items.len() == 1 { 0 } else { items.len().min(MAX_ROWS) };
    let above = u16::try_from(listed + usize::from(listed > 0)).unwrap_or(0);
    let item = &items[at];
    let below = match &item.kind {
        // If it does not fit into a frame, the overlay has none.
        InboxItemKind::Approval => approval::height(app, &ApprovalScope::All, width, area.height.saturating_sub(above)),
        InboxItemKind::Elsewhere | InboxItemKind::Prompt(_) | InboxItemKind::Failure => {
            u16::try_from(lines(app, item, width).len() + item.kind.choices().len()).unwrap_or(u16::MAX)
        }
    };
    let inner = overlay(canvas, area, "Inbox", (WIDTH, above.saturating_add(below)));
    let list = Rect { height: above.min(inner.height), ..inner };
    let top = scroll::reveal(0, at, listed, items.len());
    for (row, (nth, item)) in items.iter().enumerate().skip(top).take(listed).enumerate() {
        draw_item(canvas, line_of(list, row), item, (nth, nth == at));
    }
    let rest = Rect { y: inner.y + list.height, height: inner.height - list.height, ..inner };
    match &item.kind {
        InboxItemKind::Approval => {
            approval::draw(canvas, rest, &ApprovalScope::All, ApprovalPlacement::Inbox(at, items.len()));
        }
        InboxItemKind::Elsewhere | InboxItemKind::Prompt(_) | InboxItemKind::Failure => {
            draw_problem(canvas, rest, item);
        }
    }
}

fn draw_empty(canvas: &mut Canvas, area: Rect) {
    let width = overlay_width(area, WIDTH / 2);
    let theme = canvas.app.theme();
    let mut lines = wrapped("Nothing needs your attention.", width, 0, style(theme.text));
    lines.extend(wrapped("Permission requests appear here (esc closes).", width, 0, style(theme.muted)));
    let inner = overlay(canvas, area, "Inbox", (WIDTH / 2, u16::try_from(lines.len()).unwrap_or(u16::MAX)));
    for (row, line) in lines.iter().enumerate() {
        put_line(canvas.buffer, line_of(inner, row), line);
    }
}

/// Draws a row: `▌claude  Retry failed webhooks · Bash: cargo test      2m`.
fn draw_item(canvas: &mut Canvas, area: Rect, item: &InboxItem, (at, selected): (usize, bool)) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    canvas.target(area, Target::Choice(at));
    if selected {
        canvas.select(area);
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let (_, rest) = split_left(area, 1);
    let (agent, rest) = split_left(rest, 9);
    put(canvas.buffer, agent, item.agent.name(), style::agent(theme, item.agent), Align::Left);
    let (rest, since) = split_right(rest, 5);
    let ago = item.since.map(|since| age::text(app.now, since)).unwrap_or_default();
    put(canvas.buffer, since, &ago, style(theme.muted), Align::Right);
    let what = match &item.kind {
        InboxItemKind::Approval => {
            let approvals = item.info.iter().flat_map(|info| &info.approvals);
            approvals.filter(|approval| approval.id == item.id.id).map(Approval::headline).next().unwrap_or_default()
        }
        InboxItemKind::Elsewhere => elsewhere(app, item),
        InboxItemKind::Prompt(prompt) => format!("{}  {}", state(prompt), text::one_line(&prompt.text)),
        InboxItemKind::Failure => "failed".to_owned(),
    };
    let spans =
        vec![Span::styled(title(app, item), style(theme.text)), Span::styled(format!(" · {what}"), style(theme.muted))];
    put_line(canvas.buffer, rest, &Line::from(styled_line::cut(spans, rest.width.into())));
}

/// Draws a held prompt or a failed run: text, reason and choices.
fn draw_problem(canvas: &mut Canvas, area: Rect, item: &InboxItem) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let choices = item.kind.choices();
    let lines = lines(app, item, area.width);
    let room = usize::from(area.height).saturating_sub(choices.len());
    for (row, line) in lines.iter().take(room).enumerate() {
        put_line(canvas.buffer, line_of(area, row), line);
    }
    for (at, (label, _)) in choices.iter().enumerate() {
        let line = line_of(area, lines.len().min(room) + at);
        canvas.target(line, Target::Answer(at));
        let (digit, rest) = split_left(line, 3);
        put(canvas.buffer, digit, &(at + 1).to_string(), style(theme.key), Align::Left);
        put(canvas.buffer, rest, label, style(theme.text), Align::Left);
    }
    canvas.feedback.approval =
        Some(ApprovalFeedback { approval: item.id.clone(), question: 0, rows: 0, len: 0, is_cut: false });
}

fn lines(app: &App, item: &InboxItem, width: u16) -> Vec<Line<'static>> {
    let theme = app.theme();
    let line = format!("{} · {}", title(app, item), with_tilde(app, &text::one_line(&item.cwd.to_string_lossy())));
    let mut lines = wrapped(&line, width, 0, style(theme.title));
    match &item.kind {
        InboxItemKind::Approval => {}
        InboxItemKind::Elsewhere => {
            lines.extend(wrapped(&elsewhere(app, item), width, 0, style(theme.warning)));
            let key =
                app.keymap.hint(Action::Resume).map(|key| format!(", or open it here ({key})")).unwrap_or_default();
            let remedy = format!("Answer in its terminal{key}.");
            lines.extend(wrapped(&remedy, width, 0, style(theme.text)));
        }
        InboxItemKind::Prompt(prompt) => {
            let why = prompt.reason.as_deref().unwrap_or("waiting for you");
            let label = format!("Prompt {}: {why}", state(prompt));
            lines.extend(wrapped(&label, width, 0, style(theme.warning)));
            let mut text = wrapped(text::first_chars(&prompt.text, 2_000), width, 0, style(theme.prompt));
            text.truncate(6);
            lines.extend(text);
        }
        InboxItemKind::Failure => {
            let label = failure_text(item);
            lines.extend(wrapped(&label, width, 0, style(theme.error)));
        }
    }
    lines
}

/// Reason of a session that waits in another program: `waits in Claude Code, pid 123: permission prompt`.
fn elsewhere(app: &App, item: &InboxItem) -> String {
    let status = app.sessions.live.get(&item.session);
    let pid = status.and_then(|status| status.pid).map(|pid| format!(", pid {pid}")).unwrap_or_default();
    let reason = status.and_then(LiveStatus::reason);
    let reason = reason.map(|reason| format!(": {}", app.secrets.text(&reason))).unwrap_or_default();
    format!("waits in {}{pid}{reason}", item.agent.label())
}

fn failure_text(item: &InboxItem) -> String {
    match item.info.as_ref().map(|info| &info.phase) {
        Some(Phase::Stopped(stopped)) => failure::describe_stop(stopped, item.agent),
        Some(Phase::Starting | Phase::Idle | Phase::Working { .. } | Phase::Interrupting { .. }) | None => {
            String::new()
        }
    }
}

fn state(prompt: &Prompt) -> &'static str {
    match prompt.state {
        PromptState::Failed => "not delivered",
        PromptState::Pending
        | PromptState::Sending
        | PromptState::Delivered
        | PromptState::Held
        | PromptState::Cancelled => "held",
    }
}

fn title(app: &App, item: &InboxItem) -> String {
    let session = app.sessions.catalog.get(&item.session);
    let title = session.map(|session| session_title(app, session)).filter(|title| !title.is_empty());
    title.unwrap_or_else(|| "new session".to_owned())
}
