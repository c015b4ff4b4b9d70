//! Header, banner and footer around the text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::RenderContext;
use super::rows::POSITION;
use crate::app::health;
use crate::app::msg::ReaderFeedback;
use crate::app::reader::{Find, Fold, LoadError, Reader};
use crate::domain::units::{count, tokens};
use crate::domain::{Session, SessionState};
use crate::stdx::{text, wrap};
use crate::ui::columns::short_model;
use crate::ui::entry::duration;
use crate::ui::style::{self, style};
use crate::ui::widgets::styled_line;

/// Cursor of the find line.
const CARET: &str = "▏";

/// Minimum width of a find line with the number of the entry beside it.
const WITH_PLACE: u16 = 60;

/// Maximum columns of the damage in the header; the preview has all of it.
const MAX_DAMAGE_COLUMNS: usize = 48;

/// Draws title, agent, branches, model, duration and tokens. Parts that do not fit are omitted from the end.
pub(super) fn header(
    area: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    session: Option<&Session>,
    context: &RenderContext<'_>,
) {
    if area.height == 0 {
        return;
    }
    let theme = context.theme;
    let room = usize::from(area.width);
    let details = details(reader, session);
    let agent = reader.key.agent;
    let is_live = reader.has_grown() || session.is_some_and(|session| session.state != SessionState::Past);
    let following = match (&reader.watched_by, reader.is_following()) {
        (Some(why), true) => format!("read-only: {why}"),
        (Some(why), false) => format!("read-only, not at the end: {why}"),
        // Nothing is added to a past session.
        (None, true) if is_live => "following".to_owned(),
        (None, _) => String::new(),
    };
    let following = following.as_str();
    let title = session.map_or("", |session| &*session.title.text);
    let title = if title.is_empty() { &*reader.key.id } else { title };
    let title = text::one_line(&context.secrets.text(title));
    let room_left = room.saturating_sub(wrap::columns(following) + 2);
    let mut parts = vec![Span::styled(format!(" · {}", agent.name()), style::agent(theme, agent))];
    parts.extend(details.into_iter().map(|detail| Span::styled(format!(" · {detail}"), style(theme.muted))));
    // The title shrinks first, but not below half of the line; then details are omitted.
    let least = wrap::columns(&title).min(room_left / 2);
    while !parts.is_empty() && styled_line::columns(&parts) + least > room_left {
        parts.pop();
    }
    let title = text::ellipsis(&title, room_left.saturating_sub(styled_line::columns(&parts)));
    let mut spans = vec![Span::styled(title, style(theme.title))];
    spans.extend(parts);
    let line = Line::from(styled_line::cut(spans, room_left));
    buffer.set_line(area.x, area.y, &line, area.width);
    at_right(area, buffer, &Line::styled(following, style(theme.accent)));
}

/// Details of the session, the most important first.
fn details(reader: &Reader, session: Option<&Session>) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(session) = session {
        details.extend(session.model.as_deref().map(|model| text::one_line(short_model(model))));
        if let (Some(from), Some(to)) = (session.started_at, session.last_activity) {
            // Some agents write one time only.
            details
                .extend(Some(to.since(from)).filter(|ms| *ms > 0).map(|ms| duration(u64::try_from(ms).unwrap_or(0))));
        }
        if let Some(origin) = session.continues() {
            details.insert(0, format!("continues {}:{}", origin.agent, text::first_chars(&origin.id, 8)));
        }
        if session.tokens.total() > 0 {
            details.push(format!("{} tokens", tokens(session.tokens.total())));
        }
    }
    if let Some(damage) = reader.opened().and_then(|opened| health::describe(opened.reasons())) {
        details.insert(0, format!("damaged: {}", text::ellipsis(&damage, MAX_DAMAGE_COLUMNS)));
    }
    if let Some(opened) = reader.opened().filter(|opened| opened.branches > 1) {
        // The branch matters more than all else.
        details.insert(0, format!("branch {} of {}", opened.branch + 1, opened.branches));
    }
    details
}

/// Draws a load error above entries that were loaded before.
pub(super) fn banner(area: Rect, buffer: &mut Buffer, reader: &Reader, context: &RenderContext<'_>) {
    let Some(trouble) = reader.load_error.as_ref().filter(|_| area.height > 0) else { return };
    let label = text::ellipsis(&format!(" {} ", load_error_text(trouble)), usize::from(area.width));
    buffer.set_stringn(area.x, area.y, label, usize::from(area.width), style(context.theme.warning));
}

/// Draws the state of a transcript without entries.
pub(super) fn empty(area: Rect, buffer: &mut Buffer, reader: &Reader, context: &RenderContext<'_>) {
    let (label, paint) = match (&reader.load_error, reader.opened()) {
        (Some(trouble), _) => (load_error_text(trouble), context.theme.warning),
        (None, Some(_)) => ("Empty session".to_owned(), context.theme.muted),
        (None, None) => ("Opening …".to_owned(), context.theme.faint),
    };
    let rows =
        styled_line::StyledLine::plain(&label, style(paint)).rows(usize::from(area.width.saturating_sub(4)).max(1));
    for (y, row) in (area.y + area.height / 3..area.bottom()).zip(rows) {
        buffer.set_line(area.x + 2.min(area.width), y, &Line::from(row), area.width.saturating_sub(2));
    }
}

fn load_error_text(trouble: &LoadError) -> String {
    match trouble {
        LoadError::Gone => "deleted on disk; showing what was loaded before".to_owned(),
        LoadError::Failed(reason) => format!("cannot read: {}", text::one_line(reason)),
    }
}

/// Draws the find line or fold states on the left, and the position on the right.
pub(super) fn footer(
    area: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    feedback: &ReaderFeedback,
    context: &RenderContext<'_>,
) {
    if area.height == 0 {
        return;
    }
    let theme = context.theme;
    let mut right = Vec::new();
    if reader.unseen() > 0 && !feedback.at_end {
        right.push(Span::styled(format!("{} new  ", reader.unseen()), style(theme.accent)));
    }
    if reader.opened().is_some() && !reader.is_empty() {
        let percent = percent(reader, feedback);
        // On a narrow screen the number of the match needs the room.
        let place = match reader.find {
            Some(_) if area.width < WITH_PLACE => format!("{percent}%"),
            _ => format!("entry {} of {} · {percent}%", feedback.cursor + 1, reader.len()),
        };
        right.push(Span::styled(place, style(theme.muted)));
    }
    let used = styled_line::columns(&right);
    let room = usize::from(area.width).saturating_sub(used + 2);
    let left = match &reader.find {
        Some(find) => find_line(find, room, context),
        None => fold_states(reader, room, context),
    };
    buffer.set_line(area.x, area.y, &Line::from(styled_line::cut(left, room)), area.width);
    at_right(area, buffer, &Line::from(right));
}

/// Part of the transcript above the end of the screen, in percent.
fn percent(reader: &Reader, feedback: &ReaderFeedback) -> u64 {
    let all = u64::try_from(reader.len()).unwrap_or(u64::MAX).saturating_mul(POSITION).max(1);
    if feedback.at_end { 100 } else { (feedback.to.saturating_mul(100) / all).min(99) }
}

fn find_line(find: &Find, room: usize, context: &RenderContext<'_>) -> Vec<Span<'static>> {
    let theme = context.theme;
    let mistake = find.mistakes.first();
    let more = if find.complete { "" } else { "+" };
    let outcome = match (find.number(), find.count()) {
        _ if find.input.is_empty() => String::new(),
        (Some(number), all) => {
            let entries = count(find.entries().len(), "entry", "entries");
            let long = format!("  match {number} of {all}{more} in {entries}");
            // The query and a few columns more stay visible.
            let fits = wrap::columns(find.query()) + wrap::columns(&long) + 2 <= room;
            if fits { long } else { format!("  match {number} of {all}{more}") }
        }
        (None, 0) if find.complete && mistake.is_none() => "  no matches".to_owned(),
        (None, 0) if find.complete => String::new(),
        (None, _) if find.typing || !find.complete => "  …".to_owned(),
        (None, all) => format!("  {all} found"),
    };
    let wrong = mistake.map(|mistake| format!("  {}", mistake.message)).unwrap_or_default();
    // The cursor in a long query stays visible.
    let fits = room.saturating_sub(wrap::columns(&outcome) + 2);
    let skipped = wrap::columns(find.input.before_cursor()).saturating_sub(fits);
    let mut spans = vec![Span::styled("/", style(theme.key))];
    let (mut column, cursor) = (0, find.input.cursor());
    for (at, grapheme) in find.query().grapheme_indices(true) {
        column += wrap::columns(grapheme);
        if find.typing && at == cursor {
            spans.push(Span::styled(CARET, style(theme.accent)));
        }
        if column > skipped {
            let is_wrong = find.mistakes.iter().any(|error| error.span.contains(&at));
            let marked = style(theme.error).add_modifier(Modifier::UNDERLINED);
            spans.push(Span::styled(grapheme.to_owned(), if is_wrong { marked } else { style(theme.text) }));
        }
    }
    let caret = if find.typing && find.input.at_end() { CARET } else { "" };
    spans.extend([
        Span::styled(caret, style(theme.accent)),
        Span::styled(outcome, style(theme.muted)),
        Span::styled(wrong, style(theme.error)),
    ]);
    spans
}

/// Returns the fold states, without those that do not fit.
fn fold_states(reader: &Reader, room: usize, context: &RenderContext<'_>) -> Vec<Span<'static>> {
    let thinking = if reader.folds.thinking == Fold::Full { "shown" } else { "folded" };
    let issues = reader.opened().map_or(0, |opened| opened.issues.len());
    let mut parts = vec![format!("tools {}", reader.folds.tools.name()), format!("thinking {thinking}")];
    if issues > 0 {
        parts.push(format!("{issues} unreadable"));
    }
    while wrap::columns(&parts.join(" · ")) > room && parts.pop().is_some() {}
    vec![Span::styled(parts.join(" · "), style(context.theme.faint))]
}

fn at_right(area: Rect, buffer: &mut Buffer, line: &Line<'_>) {
    let wide = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    buffer.set_line(area.right() - wide, area.y, line, wide);
}
