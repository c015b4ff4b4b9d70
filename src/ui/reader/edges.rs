//! What stands around the text: the header, the banner, the footer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::Look;
use crate::app::msg::ReaderDrawn;
use crate::app::reader::{Find, Fold, Reader, Trouble};
use crate::domain::Session;
use crate::stdx::{text, wrap};
use crate::ui::entry::tool::duration;
use crate::ui::style::{self, style};
use crate::ui::widgets::rich;

/// Title · agent · duration · model · tokens · branches. What does not fit is left out from the end.
pub fn header(area: Rect, buffer: &mut Buffer, reader: &Reader, session: Option<&Session>, look: &Look<'_>) {
    if area.height == 0 {
        return;
    }
    let theme = look.theme;
    let room = usize::from(area.width);
    let facts = facts(reader, session);
    let agent = reader.key.agent;
    let following = match (&reader.attached, reader.is_following()) {
        (Some(why), true) => format!("following: {why}"),
        (Some(why), false) => format!("not at the end: {why}"),
        (None, true) => "following".to_owned(),
        (None, false) => String::new(),
    };
    let following = following.as_str();
    // The title gives way, but not below a third of the line.
    let taken: usize = facts.iter().map(|fact| wrap::columns(fact) + 3).sum();
    let fixed = taken + wrap::columns(agent.name()) + 3 + wrap::columns(following) + 2;
    let title = session.map_or("", |session| &*session.title.text);
    let title = if title.is_empty() { &*reader.key.id } else { title };
    let title = text::ellipsis(&text::one_line(title), room.saturating_sub(fixed).max(room / 3));
    let mut spans = vec![Span::styled(title, style(theme.title)), Span::styled(" · ", style(theme.faint))];
    spans.push(Span::styled(agent.name(), style::agent(theme, agent)));
    for fact in facts {
        spans.push(Span::styled(format!(" · {fact}"), style(theme.muted)));
    }
    let right = wrap::columns(following);
    let line = Line::from(rich::cut(spans, room.saturating_sub(right + 1)));
    buffer.set_line(area.x, area.y, &line, area.width);
    at_right(area, buffer, &Line::styled(following, style(theme.accent)));
}

/// What is known of the session, the more important first.
fn facts(reader: &Reader, session: Option<&Session>) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(session) = session {
        if let (Some(from), Some(to)) = (session.started_at, session.last_activity) {
            facts.push(duration(u64::try_from(to.since(from)).unwrap_or(0)));
        }
        facts.extend(session.model.as_deref().map(text::one_line));
        if session.tokens.total() > 0 {
            facts.push(format!("{} tokens", count(session.tokens.total())));
        }
    }
    if let Some(branches) = reader.opened().map(|opened| opened.branches).filter(|branches| *branches > 1) {
        facts.push(format!("{branches} branches"));
    }
    facts
}

/// What stands in the way, above what was read before.
pub fn banner(area: Rect, buffer: &mut Buffer, reader: &Reader, look: &Look<'_>) {
    let Some(trouble) = reader.trouble.as_ref().filter(|_| area.height > 0) else { return };
    let words = text::ellipsis(&format!(" {} ", words(trouble)), usize::from(area.width));
    buffer.set_stringn(area.x, area.y, words, usize::from(area.width), style(look.theme.warning));
}

/// What is said where there is no text.
pub fn nothing(area: Rect, buffer: &mut Buffer, reader: &Reader, look: &Look<'_>) {
    let (words, paint) = match (&reader.trouble, reader.opened()) {
        (Some(trouble), _) => (words(trouble), look.theme.warning),
        (None, Some(_)) => ("nothing was said in this session".to_owned(), look.theme.muted),
        (None, None) => ("opening …".to_owned(), look.theme.faint),
    };
    let rows = rich::Rich::plain(&words, style(paint)).rows(usize::from(area.width.saturating_sub(4)).max(1));
    for (y, row) in (area.y + area.height / 3..area.bottom()).zip(rows) {
        buffer.set_line(area.x + 2.min(area.width), y, &Line::from(row), area.width.saturating_sub(2));
    }
}

fn words(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Gone => "deleted on disk: what was read is still here".to_owned(),
        Trouble::Failed(reason) => format!("cannot be read: {}", text::one_line(reason)),
    }
}

/// On the left the find or what is folded, on the right the place.
pub fn footer(area: Rect, buffer: &mut Buffer, reader: &Reader, drawn: &ReaderDrawn, look: &Look<'_>) {
    if area.height == 0 {
        return;
    }
    let theme = look.theme;
    let mut right = Vec::new();
    if reader.unseen() > 0 && !drawn.at_end {
        right.push(Span::styled(format!("{} new  ", reader.unseen()), style(theme.accent)));
    }
    if reader.opened().is_some() && !reader.is_empty() {
        let place = format!("entry {} of {}", drawn.cursor + 1, reader.len());
        right.push(Span::styled(place, style(theme.muted)));
    }
    let taken = rich::columns(&right);
    let room = usize::from(area.width).saturating_sub(taken + 2);
    let left = match &reader.find {
        Some(find) => found(find, room, look),
        None => folded(reader, look),
    };
    buffer.set_line(area.x, area.y, &Line::from(rich::cut(left, room)), area.width);
    at_right(area, buffer, &Line::from(right));
}

fn found(find: &Find, room: usize, look: &Look<'_>) -> Vec<Span<'static>> {
    let theme = look.theme;
    let mistake = find.mistakes.first();
    let outcome = match (find.current, find.entries.len()) {
        _ if find.query.is_empty() => String::new(),
        (Some(at), all) => format!("  {} of {all}{}", at + 1, if find.complete { "" } else { "+" }),
        (None, 0) if find.complete && mistake.is_none() => "  nothing found".to_owned(),
        (None, 0) if find.complete => String::new(),
        (None, _) if find.typing || !find.complete => "  …".to_owned(),
        (None, all) => format!("  {all} found"),
    };
    let wrong = mistake.map(|mistake| format!("  {}", mistake.message)).unwrap_or_default();
    // The end of a long query is what is being typed.
    let fits = room.saturating_sub(wrap::columns(&outcome) + 2);
    let skipped = wrap::columns(&find.query).saturating_sub(fits);
    let mut spans = vec![Span::styled("/", style(theme.key))];
    let marked = style(theme.error).add_modifier(Modifier::UNDERLINED);
    let is_wrong = |at: &usize| find.mistakes.iter().any(|mistake| mistake.span.contains(at));
    let characters: Vec<(usize, char)> = find.query.char_indices().skip(skipped).collect();
    for part in characters.chunk_by(|(a, _), (b, _)| is_wrong(a) == is_wrong(b)) {
        let look = if part.first().is_some_and(|(at, _)| is_wrong(at)) { marked } else { style(theme.text) };
        spans.push(Span::styled(part.iter().map(|(_, c)| c).collect::<String>(), look));
    }
    let caret = if find.typing { "▏" } else { "" };
    spans.extend([
        Span::styled(caret, style(theme.accent)),
        Span::styled(outcome, style(theme.muted)),
        Span::styled(wrong, style(theme.error)),
    ]);
    spans
}

fn folded(reader: &Reader, look: &Look<'_>) -> Vec<Span<'static>> {
    let thinking = if reader.folds.thinking == Fold::Full { "shown" } else { "folded" };
    let issues = reader.opened().map_or(0, |opened| opened.issues.len());
    let issues = if issues > 0 { format!(" · {issues} unreadable") } else { String::new() };
    let words = format!("tools {} · thinking {thinking}{issues}", reader.folds.tools.name());
    vec![Span::styled(words, style(look.theme.faint))]
}

fn at_right(area: Rect, buffer: &mut Buffer, line: &Line<'_>) {
    let wide = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    buffer.set_line(area.right() - wide, area.y, line, wide);
}

/// A count for a person: `950`, `12.3k`, `4.5M`.
fn count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}
