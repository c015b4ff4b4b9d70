//! Chat screen: header, transcript, queue, approval, composer, and a status line.

mod composer;
mod queue;
mod status;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::approval::{self, ApprovalPlacement};
use super::canvas::{Canvas, ViewCache};
use super::preview;
use super::reader::ReaderMode;
use super::style::{self, style};
use super::widgets::{Align, put, put_line, split_left, split_right, styled_line};
use crate::app::approvals::ApprovalScope;
use crate::app::chat::{Chat, ChatFocus};
use crate::domain::run::{Conversation, Phase};
use crate::stdx::text;

/// Minimum height of the transcript, because the context of an approval must stay readable.
const MIN_TRANSCRIPT_HEIGHT: u16 = 3;

/// Left margin of an approval, equal to that of the header, the queue and the status line.
const MARGIN: u16 = 1;

/// Draws the chat screen.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat, cache: &mut ViewCache) {
    let app = canvas.app;
    let mut rest = Remaining(area);
    let header = rest.top(u16::from(area.height >= 5));
    let status = rest.bottom(u16::from(area.height >= 3));
    let least = |rest: &Remaining| rest.0.height.saturating_sub(MIN_TRANSCRIPT_HEIGHT);
    let composer = composer::height(chat, rest.0).min(least(&rest).max(1)).min(rest.0.height);
    let composer = rest.bottom(composer);
    let scope = chat.run.clone().map(ApprovalScope::Run);
    let approval_area = match &scope {
        Some(scope) if canvas.active => approval::height(app, scope, area.width.saturating_sub(MARGIN), least(&rest)),
        Some(scope) => u16::from(app.approvals.current(&app.runs, scope).is_some()),
        None => 0,
    };
    let approval_area = rest.bottom(approval_area);
    let (_, question) = split_left(approval_area, MARGIN);
    let queue = rest.bottom(queue::height(app, chat).min(area.height / 4).min(least(&rest)));
    let header = if canvas.active { super::header::beside_badge(app, header) } else { header };
    draw_header(canvas, header, chat);
    let reading = chat.focus == ChatFocus::Transcript || chat.reader.find.is_some();
    preview::draw_mode(canvas, rest.0, &chat.reader, ReaderMode::Chat { footer: reading }, cache);
    draw_empty(canvas, rest.0, chat);
    queue::draw(canvas, queue, chat);
    if let Some(scope) = scope.as_ref().filter(|_| !canvas.active) {
        draw_approval_note(canvas, question, scope);
    } else if let Some(scope) = &scope {
        // Plain letters belong to the composer, also while the transcript has the focus.
        approval::draw(canvas, question, scope, ApprovalPlacement::Composer);
    }
    composer::draw(canvas, composer, chat);
    composer::draw_completion(canvas, rest.0.union(queue).union(approval_area), chat);
    status::draw(canvas, status, chat);
}

/// Draws a one-line note of an open approval in the pinned session, which keys do not answer.
fn draw_approval_note(canvas: &mut Canvas, area: Rect, scope: &ApprovalScope) {
    let Some((waiting, ..)) = canvas.app.approvals.current(&canvas.app.runs, scope) else { return };
    let label = format!("! {}", approval::headline(waiting.approval));
    put(canvas.buffer, area, &label, style(canvas.app.theme().needs_you), Align::Left);
}

/// Remaining area while rows are taken from its top and bottom.
struct Remaining(Rect);

impl Remaining {
    fn top(&mut self, height: u16) -> Rect {
        let taken = Rect { height: height.min(self.0.height), ..self.0 };
        self.0 = Rect { y: self.0.y + taken.height, height: self.0.height - taken.height, ..self.0 };
        taken
    }

    fn bottom(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        self.0.height -= height;
        Rect { y: self.0.y + self.0.height, height, ..self.0 }
    }
}

/// Draws title, agent and directory, and on the right whether the session is running here or read-only.
fn draw_header(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (control, tone) = match &chat.read_only {
        Some(why) => (format!("read-only: {why}"), theme.warning),
        None => (control_state(canvas, chat), theme.accent),
    };
    let unseen = chat.reader.unseen();
    let new = if unseen > 0 && !chat.reader.is_following() { format!("{unseen} new · ") } else { String::new() };
    // The detail is omitted if it would take room from the title.
    let long = text::width(&control) > usize::from(area.width) / 3;
    let control =
        if long && chat.read_only.is_none() { control.split(" (").next().unwrap_or_default() } else { &control };
    let right = format!("{new}{control}");
    let width = u16::try_from(text::width(&right)).unwrap_or(u16::MAX).min(area.width * 2 / 3);
    let (left, at_right) = split_right(area, width + 1);
    put(canvas.buffer, at_right, &right, style(tone), Align::Right);
    let session = app.sessions.catalog.get(&chat.reader.key);
    let title = session.map(|session| session.title.text.to_string()).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| untitled(chat));
    let directory = session.map(|session| session.cwd.to_string()).or_else(|| {
        let of_run = chat.info(&app.runs).map(|info| info.cwd.display().to_string());
        of_run.or_else(|| chat.start.as_ref().map(|start| start.cwd.display().to_string()))
    });
    let mut spans = vec![
        Span::styled(format!(" {}", text::one_line(&title)), style(theme.title)),
        Span::styled(" · ", style(theme.faint)),
        Span::styled(chat.agent.name(), style::agent(theme, chat.agent)),
    ];
    let directory = directory.filter(|directory| !directory.is_empty());
    spans.extend(
        directory.map(|directory| Span::styled(format!(" · {}", text::one_line(&directory)), style(theme.muted))),
    );
    put_line(canvas.buffer, left, &Line::from(styled_line::cut(spans, left.width.into())));
}

fn control_state(canvas: &Canvas, chat: &Chat) -> String {
    match (chat.info(&canvas.app.runs), &chat.start) {
        (Some(info), _) => match info.pid {
            _ if matches!(info.phase, Phase::Stopped(_)) => "controlled by salon".to_owned(),
            Some(pid) => format!("running in salon (pid {pid})"),
            None => "running in salon".to_owned(),
        },
        (None, Some(start)) => match start.conversation {
            Conversation::New { .. } => "new session".to_owned(),
            Conversation::Resume(_) => "ready to continue".to_owned(),
            Conversation::Fork(_) => "fork".to_owned(),
        },
        (None, None) => String::new(),
    }
}

fn untitled(chat: &Chat) -> String {
    match chat.reader.prompts().last() {
        Some(first) => text::one_line(text::first_chars(first, 200)),
        None => "new session".to_owned(),
    }
}

/// Draws the hint of an empty session.
fn draw_empty(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if !chat.reader.is_empty() || chat.reader.is_stored() || area.height < 3 {
        return;
    }
    let theme = canvas.app.theme();
    let (_, at) = split_left(Rect { y: area.y + area.height / 3, height: 1, ..area }, 2);
    let label = format!("New session with {}. Type your first prompt.", chat.agent.label());
    put(canvas.buffer, at, &label, style(theme.muted), Align::Left);
}
