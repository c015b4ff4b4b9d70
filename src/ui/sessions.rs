//! Session list: sections, rows, and the input of the quick filter.

use std::borrow::Cow;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::columns::{Column, agent_width, columns, sorted_by};
use super::empty;
use super::session_title::{repeated_title, session_title, without_title};
use super::style::{self, style};
use super::widgets::{Align, field, line_of, put, put_line, split_left, split_right};
use crate::app::App;
use crate::app::home::detail;
use crate::app::home::list::ListRow;
use crate::app::home::sections::ListSection;
use crate::app::home::{Pane, Relation};
use crate::app::msg::Target;
use crate::app::{age, annotate, health, keep, scroll};
use crate::config::theme::Theme;
use crate::domain::{Agent, Session, SessionState};
use crate::stdx::text;

/// Draws the pane.
pub(super) fn draw(canvas: &mut Canvas, area: Rect) {
    let app = canvas.app;
    // Very low screens have no heading.
    let is_typing = app.stack.home.filter.typing || app.stack.home.message.is_some();
    let heading = u16::from(area.height >= 4 || is_typing);
    let (top, rows) = (
        Rect { height: heading.min(area.height), ..area },
        Rect { y: area.y + heading.min(area.height), height: area.height.saturating_sub(heading), ..area },
    );
    draw_heading(canvas, top);
    canvas.feedback.list_rows = rows.height.into();
    if let Some(empty_state) = app.stack.home.empty_state(&app.sessions) {
        empty::draw(canvas, rows, &empty_state);
        return;
    }
    let list = &app.stack.home.list;
    let first = scroll::reveal(list.top(), list.at().unwrap_or(0), rows.height.into(), list.rows().len());
    let sticky = match list.section_of(first) {
        Some(ListRow::Section(section, count)) if rows.height > 2 => {
            let at = list.rows().iter().take(first + 1).rposition(|row| matches!(row, ListRow::Section(..)));
            at.map(|at| (at, *section, *count))
        }
        Some(ListRow::Section(..) | ListRow::Session(..) | ListRow::Detail(..)) | None => None,
    };
    for (line, (at, row)) in list.rows().iter().enumerate().skip(first).take(rows.height.into()).enumerate() {
        let area = line_of(rows, line);
        match row {
            // The heading of the first section stays visible.
            _ if line == 0 && matches!(sticky, Some((above, _, _)) if above < at) => {
                if let Some((_, section, count)) = sticky {
                    draw_section(canvas, area, section, count);
                }
            }
            ListRow::Section(section, count) => draw_section(canvas, area, *section, *count),
            ListRow::Session(session, state) => {
                canvas.target(area, Target::Row(at));
                draw_session(canvas, area, (session, *state), list.at() == Some(at), list.repeats_title(at));
            }
            // Its session is below the heading: the title says more.
            ListRow::Detail(session, state) if line == 1 && sticky.is_some_and(|(above, _, _)| above + 1 < at) => {
                canvas.target(area, Target::Row(at));
                draw_session(canvas, area, (session, *state), list.at() == Some(at - 1), list.repeats_title(at - 1));
            }
            ListRow::Detail(session, state) => {
                canvas.target(area, Target::Row(at));
                let selected = at > 0 && list.at() == Some(at - 1);
                draw_detail(canvas, area, session, *state, selected);
            }
        }
    }
}

/// Glyph of a state.
pub(super) fn glyph(state: SessionState) -> &'static str {
    match state {
        SessionState::NeedsYou => "!",
        SessionState::Working => "●",
        SessionState::Idle => "○",
        SessionState::Past => " ",
    }
}

/// Style of a section's heading.
fn section_style(theme: &Theme, section: ListSection) -> Style {
    match section {
        ListSection::NeedsYou => style::state(theme, SessionState::NeedsYou),
        ListSection::Working => style::state(theme, SessionState::Working),
        ListSection::Done => style(theme.accent),
        ListSection::Idle => style::state(theme, SessionState::Idle),
        ListSection::Today
        | ListSection::Yesterday
        | ListSection::ThisWeek
        | ListSection::ThisMonth
        | ListSection::Month { .. }
        | ListSection::Past => style::state(theme, SessionState::Past),
    }
}

fn draw_heading(canvas: &mut Canvas, area: Rect) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (_, inner) = split_left(area, 1);
    if let Some(message) = &app.stack.home.message {
        return field(canvas, inner, "prompt:", &message.input, true);
    }
    if app.stack.home.filter.typing || app.stack.home.filter.is_active() {
        field(canvas, inner, "\\", &app.stack.home.filter.input, app.stack.home.filter.typing);
        return;
    }
    let look = if app.stack.focus() == Some(Pane::Sessions) { theme.accent } else { theme.muted };
    let mut rest = inner;
    let shown = if app.stack.home.empty_state(&app.sessions).is_none() { columns(app, area.width) } else { Vec::new() };
    for column in shown.into_iter().rev() {
        let (left, cell) = split_right(rest, column.width() + 1);
        let is_sorted = sorted_by(app.stack.home.sort) == Some(column);
        let heading = if is_sorted { style(theme.accent).patch(style(theme.title)) } else { style(theme.faint) };
        put_cell(canvas, cell, column, column.heading(), heading);
        rest = left;
    }
    put(canvas.buffer, rest, "Sessions", style(look), Align::Left);
}

fn draw_section(canvas: &mut Canvas, area: Rect, section: ListSection, count: usize) {
    let theme = canvas.app.theme();
    let line = Line::from(vec![
        Span::raw(" "),
        Span::styled(section.heading(), section_style(theme, section).patch(style(theme.title))),
        Span::styled(format!("  {}", super::numbers::thousands(count)), style(theme.muted)),
    ]);
    put_line(canvas.buffer, area, &line);
}

/// Draws a session; one whose title repeats that of its neighbour by its newest prompt.
fn draw_session(
    canvas: &mut Canvas,
    area: Rect,
    (session, state): (&Session, SessionState),
    selected: bool,
    repeats_title: bool,
) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let rest = draw_selection(canvas, area, selected);
    let (badge, rest) = split_left(rest, 2);
    if app.stack.home.marked.contains(&session.key) {
        put(canvas.buffer, badge, "◆", style(theme.accent), Align::Left);
    } else if app.sessions.is_done_unseen(session) {
        put(canvas.buffer, badge, "✓", style(theme.accent), Align::Left);
    } else {
        put(canvas.buffer, badge, glyph(state), style::state(theme, state), Align::Left);
    }
    let is_offline = app.sessions.offline(session).is_some();
    let (agent, mut rest) = match agent_width(app, area.width) {
        0 => (Rect::ZERO, rest),
        width => split_left(rest, width + 1),
    };
    put(
        canvas.buffer,
        agent,
        agent_name(session.key.agent, agent.width),
        if is_offline { style(theme.faint) } else { style::agent(theme, session.key.agent) },
        Align::Left,
    );
    for column in columns(app, area.width).into_iter().rev() {
        let (left, cell) = split_right(rest, column.width() + 1);
        let look = style(if is_offline { theme.faint } else { theme.muted });
        put_cell(canvas, cell, column, &column.fitting_text(app, session, column.width()), look);
        rest = left;
    }
    let mut marks = session.annotation().map(annotate::marks).unwrap_or_default();
    let days_left = keep::days_left(session, app).filter(|(_, is_soon)| *is_soon);
    marks.extend(days_left.map(|(days, _)| if days == 0 { "<1d left".to_owned() } else { format!("{days}d left") }));
    let marks = marks.join(" ");
    // The title comes first: its marks get at most a third of the room.
    let room = u16::try_from(text::width(&marks)).unwrap_or(u16::MAX).min(rest.width / 3);
    let (rest, marks_area) = if marks.is_empty() { (rest, Rect::ZERO) } else { split_right(rest, room + 1) };
    let look = if days_left.is_some() { theme.warning } else { theme.accent };
    put(canvas.buffer, marks_area, &text::ellipsis(&marks, room.into()), style(look), Align::Right);
    let title = repeated_title(app, session).filter(|_| repeats_title);
    draw_title(canvas, rest, session, &title.unwrap_or_else(|| session_title(app, session)));
}

/// Draws the background and the mark of a selected row. Returns the rest of the row.
fn draw_selection(canvas: &mut Canvas, area: Rect, selected: bool) -> Rect {
    let theme = canvas.app.theme();
    if selected {
        let focused = canvas.app.stack.focus() == Some(Pane::Sessions);
        if focused {
            canvas.select(area);
        } else {
            canvas.buffer.set_style(area, style(theme.selected_away));
        }
    }
    let (mark, rest) = split_left(area, 1);
    put(canvas.buffer, mark, if selected { "▌" } else { " " }, style(theme.accent), Align::Left);
    rest
}

/// Draws what a session waits for or does, and since when.
fn draw_detail(canvas: &mut Canvas, area: Rect, session: &Session, state: SessionState, selected: bool) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let rest = draw_selection(canvas, area, selected);
    let Some(detail) = detail::of(&session.key, &app.runs, &app.sessions) else { return };
    let verb = if state == SessionState::NeedsYou { "waits " } else { "" };
    let length = |since| match age::text(app.now, since).as_str() {
        "now" => "<1m".to_owned(),
        length => length.to_owned(),
    };
    let since = detail.since.map(|since| format!("{verb}{}", length(since))).unwrap_or_default();
    let width = u16::try_from(text::width(&since)).unwrap_or_default();
    let (rest, clock) = split_right(rest, if since.is_empty() { 0 } else { width + 1 });
    put(canvas.buffer, clock, &since, style(theme.muted), Align::Right);
    let indent = 2 + agent_width(app, area.width) + 1;
    let (_, rest) = split_left(rest, indent.min(rest.width));
    // A request that is answered here is shown as it is.
    let is_asked_here = state == SessionState::NeedsYou && app.runs.of_session(&session.key).is_some();
    let shown = if is_asked_here { Cow::Borrowed(&*detail.text) } else { app.secrets.text(&detail.text) };
    put(canvas.buffer, rest, &text::ellipsis(&shown, rest.width.into()), style::state(theme, state), Align::Left);
}

/// Draws the title with the matches of the quick filter.
fn draw_title(canvas: &mut Canvas, area: Rect, session: &Session, title: &str) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    if title.is_empty() {
        put(canvas.buffer, area, without_title(session), style(theme.faint), Align::Left);
        return;
    }
    let damaged = health::is_damaged(session, &app.sessions.catalog.issues).then(|| ("×".to_owned(), theme.warning));
    let sign = damaged.or_else(|| mark(app, session).map(|mark| (mark, theme.accent)));
    let width = sign.as_ref().map_or(0, |(sign, _)| text::width(sign) + 1);
    let (place, area) = split_left(area, u16::try_from(width).unwrap_or(0));
    if let Some((sign, look)) = sign {
        put(canvas.buffer, place, &sign, style(look), Align::Left);
    }
    let cut = text::ellipsis(title, area.width.into());
    let hits = app.stack.home.filter.shown_query().map(|query| hits(&cut, query)).unwrap_or_default();
    let plain = match session.flags {
        _ if app.sessions.offline(session).is_some() => style(theme.faint),
        flags if flags.subagent || flags.archived => style(theme.muted),
        _ => style(theme.text),
    };
    let spans = cut.chars().enumerate().fold(Vec::<(String, Style)>::new(), |mut spans, (at, c)| {
        let look = if hits.contains(&at) { style(theme.hit) } else { plain };
        match spans.last_mut() {
            Some((text, last)) if *last == look => text.push(c),
            _ => spans.push((c.to_string(), look)),
        }
        spans
    });
    let spans: Vec<_> = spans.into_iter().map(|(text, style)| Span::styled(text, style)).collect();
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// Mark of a session by its relation to others: its number of copies, a fork, a sub-agent, or a session with sub-agents.
/// Else by its origin in a desktop application or an editor.
fn mark(app: &App, session: &Session) -> Option<String> {
    let home = &app.stack.home;
    let mark = match (home.copies(session), home.relation(session)) {
        (1.., _) => return Some(format!("❐{}", home.copies(session) + 1)),
        (0, Some(Relation::Fork)) => "↱",
        (0, Some(Relation::Subagent)) => "↳",
        (0, Some(Relation::Parent)) => "⊞",
        (0, None) => return session.flags.app.then(|| "▣".to_owned()),
    };
    Some(mark.to_owned())
}

/// Indexes of the characters that the query matches.
fn hits(title: &str, query: &str) -> Vec<usize> {
    use fuzzy_matcher::FuzzyMatcher;
    let matcher = fuzzy_matcher::skim::SkimMatcherV2::default();
    matcher.fuzzy_indices(title, query).map(|(_, hits)| hits).unwrap_or_default()
}

fn put_cell(canvas: &mut Canvas, cell: Rect, column: Column, written: &str, style: Style) {
    let (_, cell) = split_left(cell, 1);
    put(canvas.buffer, cell, written, style, if column.is_number() { Align::Right } else { Align::Left });
}

/// Name of an agent, shortened to two letters for narrow columns.
pub(super) fn agent_name(agent: Agent, width: u16) -> &'static str {
    match (agent, width) {
        (_, 4..) => agent.name(),
        (Agent::Claude, _) => "cl",
        (Agent::OpenCode, _) => "oc",
        (Agent::Codex, _) => "cx",
        (Agent::Gemini, _) => "ge",
        (Agent::Qwen, _) => "qw",
        (Agent::Goose, _) => "gs",
        (Agent::Configured(agent), _) => agent.name().get(..2).unwrap_or(agent.name()),
    }
}
