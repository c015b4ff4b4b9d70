//! The overlay of what waits for the user: the list, and below it what is selected with its answers.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Canvas;
use super::approval::{self, Beside};
use super::style::{self, style};
use super::widgets::rich;
use super::widgets::{Align, line_of, overlay, put, put_line, split_left, split_right, wrapped};
use crate::app::approvals::{Among, ApprovalDrawn};
use crate::app::inbox::{Inbox, Item, Waits};
use crate::app::msg::Target;
use crate::app::{App, age, failure, scroll};
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::Phase;
use crate::stdx::text;

const WIDTH: u16 = 96;

/// Most rows of the list.
const LISTED: usize = 8;

/// Below so many rows there is no list: the selected item says which one of how many it is.
const LOW: u16 = 12;

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, inbox: &Inbox) {
    let app = canvas.app;
    let items = app.inbox();
    let Some(at) = app.inbox_at(inbox, &items) else {
        draw_empty(canvas, area);
        return;
    };
    let width = WIDTH.min(area.width.saturating_sub(4)).max(1);
    let listed = if area.height < LOW || items.len() == 1 { 0 } else { items.len().min(LISTED) };
    let above = u16::try_from(listed + usize::from(listed > 0)).unwrap_or(0);
    let item = &items[at];
    let below = match &item.what {
        // Where it would not fit into a frame, it goes without one.
        Waits::Question => approval::height(app, &Among::All, width, area.height.saturating_sub(above)),
        Waits::Prompt(_) | Waits::Failure => {
            u16::try_from(lines(app, item, width).len() + item.what.choices().len()).unwrap_or(u16::MAX)
        }
    };
    let inner = overlay(canvas, area, "Waits for you", (WIDTH, above.saturating_add(below)));
    let list = Rect { height: above.min(inner.height), ..inner };
    let top = scroll::reveal(0, at, listed, items.len());
    for (row, (nth, item)) in items.iter().enumerate().skip(top).take(listed).enumerate() {
        draw_item(canvas, line_of(list, row), item, (nth, nth == at));
    }
    let rest = Rect { y: inner.y + list.height, height: inner.height - list.height, ..inner };
    match &item.what {
        Waits::Question => approval::draw(canvas, rest, &Among::All, Beside::Inbox(at, items.len())),
        Waits::Prompt(_) | Waits::Failure => draw_trouble(canvas, rest, item),
    }
}

fn draw_empty(canvas: &mut Canvas, area: Rect) {
    let inner = overlay(canvas, area, "Waits for you", (WIDTH / 2, 2));
    let theme = canvas.app.theme();
    put(canvas.buffer, line_of(inner, 0), "Nothing waits for you.", style(theme.text), Align::Left);
    let words = "Questions of agents come here (esc closes).";
    put(canvas.buffer, line_of(inner, 1), words, style(theme.muted), Align::Left);
}

/// `▌claude  Retry failed webhooks · Bash  cargo test      2m`.
fn draw_item(canvas: &mut Canvas, area: Rect, item: &Item, (at, selected): (usize, bool)) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    canvas.target(area, Target::Choice(at));
    if selected {
        canvas.buffer.set_style(area, style(theme.selected));
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let (_, rest) = split_left(area, 1);
    let (agent, rest) = split_left(rest, 9);
    put(canvas.buffer, agent, item.info.agent.name(), style::agent(theme, item.info.agent), Align::Left);
    let (rest, since) = split_right(rest, 5);
    let ago = item.since.map(|since| age::text(app.now, since)).unwrap_or_default();
    put(canvas.buffer, since, &ago, style(theme.muted), Align::Right);
    let what = match &item.what {
        Waits::Question => {
            let mut asked = item.info.approvals.iter().filter(|approval| approval.id == item.asked.id);
            asked.next().map(approval::headline).unwrap_or_default()
        }
        Waits::Prompt(prompt) => format!("{}  {}", state(prompt), text::one_line(&prompt.text)),
        Waits::Failure => "failed".to_owned(),
    };
    let spans =
        vec![Span::styled(title(app, item), style(theme.text)), Span::styled(format!(" · {what}"), style(theme.muted))];
    put_line(canvas.buffer, rest, &Line::from(rich::cut(spans, rest.width.into())));
}

/// A prompt that was kept back, or a run that failed: what, why, and what can be done.
fn draw_trouble(canvas: &mut Canvas, area: Rect, item: &Item) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let choices = item.what.choices();
    let lines = lines(app, item, area.width);
    let room = usize::from(area.height).saturating_sub(choices.len());
    for (row, line) in lines.iter().take(room).enumerate() {
        put_line(canvas.buffer, line_of(area, row), line);
    }
    for (at, (label, _)) in choices.iter().enumerate() {
        let place = line_of(area, lines.len().min(room) + at);
        canvas.target(place, Target::Answer(at));
        let (digit, rest) = split_left(place, 3);
        put(canvas.buffer, digit, &(at + 1).to_string(), style(theme.key), Align::Left);
        put(canvas.buffer, rest, label, style(theme.text), Align::Left);
    }
    canvas.drawn.approval = Some(ApprovalDrawn { asked: item.asked.clone(), question: 0, rows: 0, len: 0 });
}

fn lines(app: &App, item: &Item, width: u16) -> Vec<Line<'static>> {
    let theme = app.theme();
    let place = format!("{} · {}", title(app, item), text::one_line(&item.info.cwd.to_string_lossy()));
    let mut lines = wrapped(&place, width, 0, style(theme.title));
    match &item.what {
        Waits::Question => {}
        Waits::Prompt(prompt) => {
            let why = prompt.reason.as_deref().unwrap_or("it waits for you");
            let words = format!("A prompt is {}: {why}", state(prompt));
            lines.extend(wrapped(&words, width, 0, style(theme.warning)));
            let mut text = wrapped(text::first_chars(&prompt.text, 2_000), width, 0, style(theme.prompt));
            text.truncate(6);
            lines.extend(text);
        }
        Waits::Failure => {
            let words = failure_of(item);
            lines.extend(wrapped(&words, width, 0, style(theme.error)));
        }
    }
    lines
}

fn failure_of(item: &Item) -> String {
    match &item.info.phase {
        Phase::Stopped(stopped) => failure::stopped(stopped, item.info.agent),
        Phase::Starting | Phase::Idle | Phase::Working { .. } | Phase::Interrupting { .. } => String::new(),
    }
}

fn state(prompt: &Prompt) -> &'static str {
    match prompt.state {
        PromptState::Failed => "not delivered",
        PromptState::Pending
        | PromptState::Sending
        | PromptState::Delivered
        | PromptState::Held
        | PromptState::Cancelled => "held back",
    }
}

fn title(app: &App, item: &Item) -> String {
    let session = item.info.session.as_ref().and_then(|key| app.known.catalog.get(key));
    let title = session.map(|session| text::one_line(&session.title.text)).filter(|title| !title.is_empty());
    title.unwrap_or_else(|| "new session".to_owned())
}
