//! Chat screen: header, transcript, queue, approval, composer, and a status line.

mod composer;
mod header;
mod queue;
mod status;
mod tasks;
mod user_command;

use ratatui::layout::Rect;

use super::approval::{self, ApprovalPlacement};
use super::canvas::{Canvas, ViewCache};
use super::preview;
use super::reader::ReaderMode;
use super::style::style;
use super::widgets::{Align, put, split_left};
use crate::app::approvals::ApprovalScope;
use crate::app::chat::{Chat, ChatFocus};

/// Minimum height of the transcript, because the context of an approval must stay readable.
const MIN_TRANSCRIPT_HEIGHT: u16 = 3;

/// Height below which an approval may cover the whole transcript, because its choices must be visible.
const LOW_SCREEN: u16 = 16;

/// Margin at both sides of an approval and of the composer, equal to that of the header, the queue and the status line.
const MARGIN: u16 = 1;

/// Minimum width of a screen with margins.
const WITH_MARGINS: u16 = 12;

/// Draws the chat screen.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat, cache: &mut ViewCache) {
    let app = canvas.app;
    let mut rest = Remaining(area);
    let header = rest.top(u16::from(area.height >= 5));
    let status = rest.bottom(u16::from(area.height >= 3));
    let transcript = if area.height < LOW_SCREEN { 0 } else { MIN_TRANSCRIPT_HEIGHT };
    let least = |rest: &Remaining| rest.0.height.saturating_sub(transcript);
    let composer = composer::height(chat, within_margins(rest.0)).min(least(&rest).max(1)).min(rest.0.height);
    let composer = rest.bottom(composer);
    let command = rest.bottom(user_command::height(chat).min(area.height / 3).min(least(&rest)));
    let scope = chat.run.clone().map(ApprovalScope::Run);
    let approval_area = match &scope {
        Some(scope) if canvas.active => {
            let full = app.approvals.is_unfolded(&app.runs, scope);
            let room = if full { rest.0.height } else { least(&rest) };
            approval::height(app, scope, within_margins(area).width, room)
        }
        Some(scope) => u16::from(app.approvals.current(&app.runs, scope).is_some()),
        None => 0,
    };
    let approval_area = rest.bottom(approval_area);
    let question = within_margins(approval_area);
    let queue = rest.bottom(queue::height(app, chat).min(area.height / 4).min(least(&rest)));
    let tasks = tasks::height(app, chat, area.height).min(area.height / 3).min(least(&rest));
    let tasks = rest.bottom(tasks);
    let header = if canvas.active { super::header::beside_badge(app, header) } else { header };
    header::draw(canvas, header, chat);
    let reading = chat.focus == ChatFocus::Transcript || chat.reader.find.is_some();
    preview::draw_mode(canvas, rest.0, &chat.reader, ReaderMode::Chat { footer: reading }, cache);
    draw_empty(canvas, rest.0, chat);
    queue::draw(canvas, queue, chat);
    tasks::draw(canvas, tasks, chat);
    user_command::draw(canvas, command, chat);
    if let Some(scope) = scope.as_ref().filter(|_| !canvas.active) {
        draw_approval_note(canvas, question, scope);
    } else if let Some(scope) = &scope {
        // Plain letters belong to the composer, also while the transcript has the focus.
        approval::draw(canvas, question, scope, ApprovalPlacement::Composer);
    }
    composer::draw(canvas, within_margins(composer), chat);
    composer::draw_completion(canvas, rest.0.union(queue).union(approval_area), chat);
    status::draw(canvas, status, chat);
}

/// Returns an area without the margins, if there is room for them.
fn within_margins(area: Rect) -> Rect {
    let margin = if area.width < WITH_MARGINS { 0 } else { MARGIN };
    Rect { x: area.x + margin, width: area.width - 2 * margin, ..area }
}

/// Draws a one-line note of an open approval in the pinned session, which keys do not answer.
fn draw_approval_note(canvas: &mut Canvas, area: Rect, scope: &ApprovalScope) {
    let Some((waiting, ..)) = canvas.app.approvals.current(&canvas.app.runs, scope) else { return };
    let label = format!("! {}", waiting.approval.headline());
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
