//! A question of an agent: whose, what about, and what can be answered. The same in a chat and in the inbox.
//!
//! Where there is little room the answers come first: what is asked can be unfolded by a key, but what cannot be
//! seen cannot be answered.

mod body;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::Canvas;
use super::style::{self, style};
use super::widgets::rich::{self, Rich};
use super::widgets::{Align, field, line_of, put, put_line, split_left, split_right};
use crate::app::approvals::{Among, ApprovalDrawn, Desk, Draft, Field, Purpose, Row, Waiting, is_waiting};
use crate::app::layer::Layer;
use crate::app::msg::Target;
use crate::app::{App, age};
use crate::domain::approval::{Approval, ChoiceKind};
use crate::domain::transcript::Action;
use crate::stdx::text;
use crate::ui::entry::MOST_LINES;

/// Lines of what is asked about that are shown before a key asks for all of them.
const FOLDED: usize = 12;

/// Lines of it that are shown on the lowest screen.
const LEAST: usize = 2;

/// Where the question stands, which decides what its keys are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// In the inbox, as such an item of so many, from 0.
    Inbox(usize, usize),
    /// Beside a text that is being written, which the letters belong to.
    Text,
}

impl Beside {
    fn key(self, letter: &str) -> String {
        match self {
            Self::Inbox(..) => letter.to_owned(),
            Self::Text => format!("alt-{letter}"),
        }
    }
}

/// A question laid out.
struct Laid {
    /// Whose it is, what is wanted, and why.
    head: Head,
    body: Vec<Line<'static>>,
    /// There is more of the body than was laid out.
    more: bool,
    /// Lines of each answer.
    answers: Vec<Vec<Line<'static>>>,
}

struct Head {
    who: Line<'static>,
    what: Vec<Line<'static>>,
    why: Vec<Line<'static>>,
}

impl Laid {
    fn answers_height(&self) -> usize {
        self.answers.iter().map(Vec::len).sum()
    }

    fn head_height(&self) -> usize {
        1 + self.head.what.len() + self.head.why.len()
    }

    fn body_height(&self) -> usize {
        self.body.len() + usize::from(self.more)
    }

    /// Gives up what matters least until it fits, but for the body, which is folded where it is drawn.
    fn fit(&mut self, height: usize) -> Vec<Line<'static>> {
        let least = self.body_height().min(LEAST);
        if self.head_height() + least + self.answers_height() > height {
            self.head.why.clear();
        }
        if self.head_height() + least + self.answers_height() > height {
            for answer in self.answers.iter_mut().filter(|answer| answer.len() > 1) {
                answer.truncate(1);
                answer[0].push_span(Span::raw("…"));
            }
        }
        let mut head = Vec::new();
        if self.head_height() + least + self.answers_height() <= height {
            head.push(self.head.who.clone());
        }
        head.append(&mut self.head.what);
        head.append(&mut self.head.why);
        // A question must be read before it can be answered; of many answers the last ones give way to it.
        let room = height.saturating_sub(self.answers_height() + least).max(2);
        head.truncate(room);
        let room = height.saturating_sub(head.len() + least).max(1);
        self.answers.truncate(room);
        head
    }
}

/// Rows that the present question wants, at most `most`; 0 where nothing is asked.
pub fn height(app: &App, among: &Among, width: u16, most: u16) -> u16 {
    if outlived(app).is_some() {
        return 2.min(most);
    }
    let Some((waiting, ..)) = app.desk.current(&app.runs, among) else { return 0 };
    let draft = app.desk.draft(&waiting.asked());
    let laid = lay(app, &waiting, &draft, (width, most));
    let field = usize::from(app.desk.field().is_some());
    let wanted = laid.head_height() + laid.body_height() + laid.answers_height() + field;
    u16::try_from(wanted).unwrap_or(u16::MAX).min(most)
}

/// Draws the present question, and tells which one the keys answer.
pub fn draw(canvas: &mut Canvas, area: Rect, among: &Among, beside: Beside) {
    if area.is_empty() {
        return;
    }
    let app = canvas.app;
    if let Some(field) = outlived(app) {
        draw_outlived(canvas, area, field);
        return;
    }
    let Some((waiting, at, count)) = app.desk.current(&app.runs, among) else { return };
    let asked = waiting.asked();
    let draft = app.desk.draft(&asked);
    let place = match beside {
        Beside::Inbox(at, count) => (at, count),
        Beside::Text => (at, count),
    };
    let mut laid = lay(app, &waiting, &draft, (area.width, area.height));
    let typed = app.desk.field().filter(|field| field.asked == asked);
    let height = usize::from(area.height);
    let head = laid.fit(height - usize::from(typed.is_some()).min(height));
    let (top, rest) = split_top(area, head.len());
    for (row, line) in head.iter().enumerate() {
        put_line(canvas.buffer, line_of(top, row), line);
    }
    draw_place(canvas, line_of(top, 0), place, beside);
    let below = laid.answers_height() + usize::from(typed.is_some());
    let (middle, bottom) = split_top(rest, usize::from(rest.height).saturating_sub(below));
    let rows = draw_body(canvas, middle, &laid, &draft, beside);
    let len = laid.body.len();
    draw_answers(canvas, bottom, &laid, &draft, typed);
    canvas.drawn.approval = Some(ApprovalDrawn { asked, question: draft.given.len(), rows, len });
}

/// A line that was being typed for a question that is gone.
fn outlived(app: &App) -> Option<&Field> {
    app.desk.field().filter(|field| !is_waiting(&app.runs, &field.asked))
}

fn draw_outlived(canvas: &mut Canvas, area: Rect, typed: &Field) {
    let theme = canvas.app.theme();
    let words = "That was answered elsewhere; what is typed here goes nowhere (esc).";
    put(canvas.buffer, line_of(area, 0), words, style(theme.warning), Align::Left);
    field(canvas, line_of(area, 1), ">", &typed.input, true);
}

fn lay(app: &App, waiting: &Waiting, draft: &Draft, (width, room): (u16, u16)) -> Laid {
    let head = head(app, waiting, draft, width.into());
    let answers = answers(app, waiting.approval, draft, width.into());
    let most = if draft.unfolded { MOST_LINES } else { FOLDED.min(room.into()) };
    let mut body = body::lay(waiting.approval, app.theme(), width.into(), most + 1);
    let more = body.len() > most;
    body.truncate(most);
    Laid { head, body, more, answers }
}

/// `! claude · Retry failed webhooks · /home/ann/shop-api`, what it wants, and why.
fn head(app: &App, waiting: &Waiting, draft: &Draft, width: usize) -> Head {
    let theme = app.theme();
    let (info, approval) = (waiting.info, waiting.approval);
    let session = info.session.as_ref().and_then(|key| app.known.catalog.get(key));
    let title = session.map(|session| text::one_line(&session.title.text)).filter(|title| !title.is_empty());
    let mut spans = vec![
        Span::styled("! ", style(theme.needs_you)),
        Span::styled(info.agent.name(), style::agent(theme, info.agent)),
        Span::styled(format!(" · {}", title.as_deref().unwrap_or("new session")), style(theme.title)),
        Span::styled(format!(" · {}", text::one_line(&info.cwd.to_string_lossy())), style(theme.muted)),
    ];
    if let Some(since) = approval.since {
        spans.push(Span::styled(format!(" · {}", age::text(app.now, since)), style(theme.muted)));
    }
    let who = Line::from(rich::cut(spans, width));
    let (mut what, mut why) = (Vec::new(), Vec::new());
    let mut wants = Rich::plain(&wants(approval, draft), style(theme.strong));
    match approval.questions.get(draft.given.len()) {
        Some(question) => wants.push(&format!(": {}", text::one_line(&question.text)), style(theme.text)),
        None => wants.push(&format!("  {}", text::one_line(&approval.tool)), style(theme.muted)),
    }
    wants.wrap_into(width, &[], &[], &mut what);
    // Some agents give what is wanted as the reason, or a part of it.
    let headline = approval.action.headline();
    let new = |reason: &String| !headline.contains(reason.as_str());
    if let Some(reason) = approval.reason.as_deref().map(text::one_line).filter(new) {
        Rich::plain(&format!("because: {reason}"), style(theme.muted)).wrap_into(width, &[], &[], &mut why);
    }
    Head { who, what, why }
}

/// What the agent wants, in words.
fn wants(approval: &Approval, draft: &Draft) -> String {
    let count = approval.questions.len();
    match &approval.action {
        _ if count > 1 => format!("asks {} of {count}", draft.given.len() + 1),
        _ if count == 1 => "asks".to_owned(),
        _ if body::plan(approval).is_some() => "has a plan: may it begin?".to_owned(),
        Action::Command { .. } => "wants to run a command".to_owned(),
        Action::Read { .. } => "wants to read".to_owned(),
        Action::Edit(changes) if changes.len() == 1 => "wants to change a file".to_owned(),
        Action::Edit(changes) => format!("wants to change {} files", changes.len()),
        Action::Search { .. } => "wants to search".to_owned(),
        Action::Web { .. } => "wants to use the web".to_owned(),
        Action::Task { .. } => "wants to start a sub-agent".to_owned(),
        Action::Plan(_) => "wants to set its plan".to_owned(),
        Action::Question { .. } => "asks".to_owned(),
        Action::Other(_) => "wants to use a tool".to_owned(),
    }
}

/// The numbered answers.
fn answers(app: &App, approval: &Approval, draft: &Draft, width: usize) -> Vec<Vec<Line<'static>>> {
    let theme = app.theme();
    let question = approval.questions.get(draft.given.len());
    let multiple = question.is_some_and(|question| question.multiple);
    let mark = |on: bool| if on { "[x] " } else { "[ ] " };
    // A digit alone belongs to the text that was begun.
    let written = app.layers.last().and_then(Layer::chat).is_some_and(|chat| !chat.composer.is_empty());
    let alt = if written { "alt-" } else { "" };
    let lay = |(at, row): (usize, &Row)| {
        let (mark, label, look) = match *row {
            Row::Option(option) => {
                let label = question.and_then(|question| question.options.get(option)).map(|o| text::one_line(o));
                let mark = if multiple { mark(draft.picked.contains(&option)) } else { "" };
                (mark, label.unwrap_or_default(), theme.text)
            }
            Row::Other => match &draft.other {
                Some(other) => (mark(true), text::one_line(other), theme.text),
                None if multiple => (mark(false), "something else".to_owned(), theme.text),
                None => ("", "something else".to_owned(), theme.text),
            },
            Row::Choice(choice) => approval.choices.get(choice).map_or(("", String::new(), theme.text), |choice| {
                let look = if choice.kind == ChoiceKind::AllowAlways { theme.warning } else { theme.text };
                ("", text::one_line(&choice.label), look)
            }),
        };
        let digit = if at < 9 { format!("{alt}{}  ", at + 1) } else { " ".repeat(alt.len() + 3) };
        let mut lines = Vec::new();
        let first = [Span::styled(digit, style(theme.key)), Span::styled(mark, style(theme.accent))];
        let rest = [Span::raw(" ".repeat(alt.len() + 3 + mark.len()))];
        Rich::plain(&label, style(look)).wrap_into(width, &first, &rest, &mut lines);
        lines
    };
    let mut answers: Vec<_> = Desk::rows(approval, draft).iter().enumerate().map(lay).collect();
    if multiple {
        let ready = !draft.picked.is_empty() || draft.other.is_some();
        let words = if ready { "enter  that is all" } else { "digits pick, enter answers" };
        answers.push(vec![Line::styled(words, style(theme.muted))]);
    }
    answers
}

/// `1 of 3 (n p)`, at the right end of the first line.
fn draw_place(canvas: &mut Canvas, area: Rect, (at, count): (usize, usize), beside: Beside) {
    if count < 2 || area.is_empty() {
        return;
    }
    let words = format!("{} of {count} ({} {})", at + 1, beside.key("n"), beside.key("p"));
    let words = if text::width(&words) * 3 > area.width.into() { format!("{} of {count}", at + 1) } else { words };
    let (_, area) = split_right(area, u16::try_from(text::width(&words)).unwrap_or(0).saturating_add(2));
    Clear.render(area.intersection(canvas.buffer.area), canvas.buffer);
    put(canvas.buffer, area, &words, style(canvas.app.theme().accent), Align::Right);
}

/// What is asked about, as far as there is room. Returns how many lines of it.
fn draw_body(canvas: &mut Canvas, area: Rect, laid: &Laid, draft: &Draft, beside: Beside) -> usize {
    let height = usize::from(area.height);
    let whole = laid.body.len() <= height && !laid.more;
    // The last line says that there is more, where there is.
    let rows = if whole { height } else { height.saturating_sub(1) };
    let top = if draft.unfolded { draft.scroll.top.min(laid.body.len().saturating_sub(rows)) } else { 0 };
    for (row, line) in laid.body.iter().skip(top).take(rows).enumerate() {
        put_line(canvas.buffer, line_of(area, row), line);
    }
    if whole || height == 0 {
        return rows;
    }
    let words = match (draft.unfolded, laid.body.len().saturating_sub(top + rows)) {
        (false, _) => format!("… more ({} shows all)", beside.key("e")),
        (true, 0) => format!("the end ({} folds)", beside.key("e")),
        (true, left) => format!("… {left} lines more ({})", beside.key("pgdn")),
    };
    put(canvas.buffer, line_of(area, rows), &words, style(canvas.app.theme().muted), Align::Left);
    rows
}

fn draw_answers(canvas: &mut Canvas, area: Rect, laid: &Laid, draft: &Draft, typed: Option<&Field>) {
    let theme = canvas.app.theme();
    let (area, line) = match typed {
        Some(_) => split_top(area, usize::from(area.height).saturating_sub(1)),
        None => (area, Rect::default()),
    };
    let mut row = 0;
    for (at, lines) in laid.answers.iter().enumerate() {
        for line in lines {
            let place = line_of(area, row);
            canvas.target(place, Target::Answer(at));
            if draft.at == Some(at) {
                canvas.buffer.set_style(place, style(theme.selected));
            }
            put_line(canvas.buffer, place, line);
            row += 1;
        }
    }
    let Some(typed) = typed else { return };
    let (what, rest) = split_left(line, 9);
    let words = match typed.purpose {
        Purpose::Reason(_) => "why not:",
        Purpose::Other => "answer:",
    };
    put(canvas.buffer, what, words, style(theme.accent), Align::Left);
    field(canvas, rest, "", &typed.input, true);
    if typed.input.is_empty() {
        let (_, hint) = split_left(rest, 2);
        let words = match typed.purpose {
            Purpose::Reason(_) => "enter sends, with or without a reason · esc",
            Purpose::Other => "enter answers · esc",
        };
        put(canvas.buffer, hint, words, style(theme.faint), Align::Left);
    }
}

fn split_top(area: Rect, rows: usize) -> (Rect, Rect) {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(area.height);
    (Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area })
}

/// `bash  cargo test`, for a list of questions.
pub fn headline(approval: &Approval) -> String {
    let what = match approval.questions.first() {
        Some(question) => text::one_line(&question.text),
        None => approval.action.headline(),
    };
    format!("{}  {what}", text::one_line(&approval.tool))
}
