//! A conversation on the whole screen: who, the transcript, what is asked, what waits to be sent, what is written, and
//! in one line what the run does.

mod composer;
mod queue;
mod status;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::approval::{self, Beside};
use super::reader::Mode;
use super::style::{self, style};
use super::widgets::{Align, put, put_line, rich, split_left, split_right};
use super::{Canvas, ViewCache, preview};
use crate::app::approvals::Among;
use crate::app::chat::{Chat, Focus};
use crate::domain::run::{Conversation, Phase};
use crate::stdx::text;

/// Least rows of the transcript, as long as there is room for anything else.
const TRANSCRIPT: u16 = 3;

/// Columns before the text of what is asked: where that of the header, the queue and the status line begins.
const MARGIN: u16 = 1;

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat, cache: &mut ViewCache) {
    let app = canvas.app;
    let mut rest = Rows(area);
    let header = rest.top(u16::from(area.height >= 5));
    let status = rest.bottom(u16::from(area.height >= 3));
    let least = |rest: &Rows| rest.0.height.saturating_sub(TRANSCRIPT);
    let composer = composer::height(chat, rest.0).min(least(&rest).max(1)).min(rest.0.height);
    let composer = rest.bottom(composer);
    let among = chat.run.clone().map(Among::Run);
    let asked = match &among {
        Some(among) if canvas.active => approval::height(app, among, area.width.saturating_sub(MARGIN), least(&rest)),
        Some(among) => u16::from(app.desk.current(&app.runs, among).is_some()),
        None => 0,
    };
    let asked = rest.bottom(asked);
    let (_, question) = split_left(asked, MARGIN);
    let queue = rest.bottom(queue::height(app, chat).min(area.height / 4).min(least(&rest)));
    let header = if canvas.active { super::header::beside_badge(app, header) } else { header };
    draw_header(canvas, header, chat);
    let reading = chat.focus == Focus::Transcript || chat.reader.find.is_some();
    preview::draw_mode(canvas, rest.0, &chat.reader, Mode::Chat { footer: reading }, cache);
    draw_emptiness(canvas, rest.0, chat);
    queue::draw(canvas, queue, chat);
    if let Some(among) = among.as_ref().filter(|_| !canvas.active) {
        draw_asked(canvas, question, among);
    } else if let Some(among) = &among {
        // Also where the transcript is read the plain letters are not the question's.
        approval::draw(canvas, question, among, Beside::Text);
    }
    composer::draw(canvas, composer, chat);
    composer::draw_completion(canvas, rest.0.union(queue).union(asked), chat);
    status::draw(canvas, status, chat);
}

/// That something is asked, where no key answers it: the digits belong to the other conversation.
fn draw_asked(canvas: &mut Canvas, area: Rect, among: &Among) {
    let Some((waiting, ..)) = canvas.app.desk.current(&canvas.app.runs, among) else { return };
    let words = format!("! {}", approval::headline(waiting.approval));
    put(canvas.buffer, area, &words, style(canvas.app.theme().needs_you), Align::Left);
}

/// What is left of an area after rows were taken off it.
struct Rows(Rect);

impl Rows {
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

/// Title · agent · directory, and whether one steers or follows, and why.
fn draw_header(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if area.is_empty() {
        return;
    }
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (how, tone) = match &chat.followed {
        Some(why) => (format!("following: {why}"), theme.warning),
        None => (steered(canvas, chat), theme.accent),
    };
    let unseen = chat.reader.unseen();
    let new = if unseen > 0 && !chat.reader.is_following() { format!("{unseen} new · ") } else { String::new() };
    // Why one steers is left out where it would take the title's room.
    let long = text::width(&how) > usize::from(area.width) / 3;
    let how = if long && chat.followed.is_none() { how.split(':').next().unwrap_or_default() } else { &how };
    let right = format!("{new}{how}");
    let width = u16::try_from(text::width(&right)).unwrap_or(u16::MAX).min(area.width * 2 / 3);
    let (left, at_right) = split_right(area, width + 1);
    put(canvas.buffer, at_right, &right, style(tone), Align::Right);
    let session = app.known.catalog.get(&chat.reader.key);
    let title = session.map(|session| session.title.text.to_string()).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| untitled(chat));
    let directory = session.map(|session| session.cwd.to_string()).or_else(|| {
        let of_run = app.info(chat).map(|info| info.cwd.display().to_string());
        of_run.or_else(|| chat.opening.as_ref().map(|opening| opening.cwd.display().to_string()))
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
    put_line(canvas.buffer, left, &Line::from(rich::cut(spans, left.width.into())));
}

fn steered(canvas: &Canvas, chat: &Chat) -> String {
    match (canvas.app.info(chat), &chat.opening) {
        (Some(info), _) => match info.pid.filter(|_| !matches!(info.phase, Phase::Stopped(_))) {
            Some(pid) => format!("steering: salon runs it, pid {pid}"),
            None => "steering: salon runs it".to_owned(),
        },
        (None, Some(opening)) => match opening.conversation {
            Conversation::New { .. } => "steering: a new session".to_owned(),
            Conversation::Resume(_) => "steering: nobody else has it open".to_owned(),
            Conversation::Fork(_) => "steering: a copy".to_owned(),
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

/// Where nothing was said yet, what to do.
fn draw_emptiness(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    if !chat.reader.is_empty() || chat.reader.is_stored() || area.height < 3 {
        return;
    }
    let theme = canvas.app.theme();
    let (_, at) = split_left(Rect { y: area.y + area.height / 3, height: 1, ..area }, 2);
    let words = format!("A new conversation with {}. Write what it shall do.", chat.agent.label());
    put(canvas.buffer, at, &words, style(theme.muted), Align::Left);
}
