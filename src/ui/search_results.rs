//! Search results: title and best snippet of each session, and further snippets if it is unfolded.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::canvas::Canvas;
use super::columns::{Column, agent_width};
use super::numbers::{count, thousands};
use super::reader::hits::HitMatcher;
use super::session_title::{session_title, without_title};
use super::sessions::{agent_name, glyph};
use super::style::{self, style};
use super::widgets::styled_line::{self, StyledLine};
use super::widgets::{Align, line_of, put, put_line, split_left, split_right};
use crate::app::msg::Target;
use crate::app::scroll;
use crate::app::search::{ResultRow, SearchScreen};
use crate::domain::query::TextKind;
use crate::domain::search::{Hit, Snippet};
use crate::stdx::text;

/// Draws the visible rows.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, search: &SearchScreen, matcher: Option<&HitMatcher>) {
    let results = &search.results;
    let selected = results.lines_of(results.at());
    let all = results.lines_of(results.rows().len().saturating_sub(1)).end;
    let height = usize::from(area.height);
    let top = scroll::reveal(results.top(), selected.end.saturating_sub(1), height, all);
    let top = scroll::reveal(top, selected.start, height, all);
    for (at, row) in results.rows().iter().enumerate() {
        let lines = results.lines_of(at);
        if lines.end <= top {
            continue;
        }
        if lines.start >= top + height {
            break;
        }
        let Some(hit) = results.hit(*row) else { continue };
        for line in lines.clone().filter(|line| (top..top + height).contains(line)) {
            let line_area = line_of(area, line - top);
            canvas.target(line_area, Target::Row(at));
            if at == results.at() {
                canvas.select(line_area);
                put(canvas.buffer, line_area, "▌", style(canvas.app.theme().accent), Align::Left);
            }
            // The last column is a margin.
            let content = Rect { width: line_area.width.saturating_sub(1), ..line_area };
            if row.nth == 0 && line == lines.start {
                draw_title(canvas, content, hit, (matcher, search.marked.contains(&hit.session.key)));
            } else if let Some(snippet) = results.snippet(*row) {
                draw_snippet(canvas, content, snippet, more(search, *row, hit));
            }
        }
    }
}

/// Draws mark or state, agent and title, and on the right workspace, number of texts with a match, and age.
fn draw_title(canvas: &mut Canvas, area: Rect, hit: &Hit, (matcher, is_marked): (Option<&HitMatcher>, bool)) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let session = &hit.session;
    let state = app.sessions.state(session);
    let (_, rest) = split_left(area, 1);
    let (badge, rest) = split_left(rest, 2);
    let (mark, look) =
        if is_marked { ("◆", style(theme.accent)) } else { (glyph(state), style::state(theme, state)) };
    put(canvas.buffer, badge, mark, look, Align::Left);
    let (agent, mut rest) = match agent_width(app, area.width) {
        0 => (Rect::ZERO, rest),
        width => split_left(rest, width + 1),
    };
    let name = agent_name(session.key.agent, agent.width);
    put(canvas.buffer, agent, name, style::agent(theme, session.key.agent), Align::Left);
    // A query of filters only has no hits to count.
    let hits = match hit.count {
        0 => String::new(),
        found if area.width < WITH_UNITS => thousands(found),
        found => count(found, "text", "texts"),
    };
    let hits_width = match hit.count {
        0 => 0,
        _ if area.width < WITH_UNITS => 6,
        _ => 11,
    };
    let workspace = Column::Workspace.fitting_text(app, session, workspace_width(area.width).saturating_sub(1));
    let cells = [
        (Column::Age.text(app, session), 5, 20, Align::Right),
        (hits, hits_width, 46, Align::Right),
        (workspace, workspace_width(area.width), 28, Align::Left),
    ];
    for (label, width, needs, align) in cells {
        if area.width >= needs && width > 0 {
            let (left, cell) = split_right(rest, width);
            let (_, cell) = split_left(cell, 1);
            put(canvas.buffer, cell, &label, style(theme.muted), align);
            rest = left;
        }
    }
    let title = session_title(app, session);
    if title.is_empty() {
        put(canvas.buffer, rest, without_title(session), style(theme.faint), Align::Left);
        return;
    }
    let ranges = matcher.map(|matcher| matcher.ranges(&title)).unwrap_or_default();
    draw_highlighted(canvas, rest, (&title, &ranges), (style(theme.text), 0));
}

/// Minimum width of a list in which the number of texts has its unit.
const WITH_UNITS: u16 = 72;

/// Width of the workspace in a list of the given width, with the space before it.
fn workspace_width(list: u16) -> u16 {
    match list {
        ..46 => 10,
        46..72 => 12,
        72.. => 15,
    }
}

/// Draws the kind of text and the snippet with highlighted matches.
fn draw_snippet(canvas: &mut Canvas, area: Rect, snippet: &Snippet, more: Option<String>) {
    let theme = canvas.app.theme();
    let (_, rest) = split_left(area, 3);
    let label = if area.width >= 46 { 9 } else { 0 };
    let (kind, rest) = split_left(rest, label);
    put(canvas.buffer, kind, part(snippet.text_kind), style(theme.faint), Align::Left);
    let more = more.unwrap_or_default();
    let (rest, right) = split_right(rest, u16::try_from(text::width(&more)).unwrap_or(0) + 1);
    put(canvas.buffer, right, &more, style(theme.key), Align::Right);
    let from = first_shown(snippet, rest.width.into());
    draw_highlighted(canvas, rest, (&snippet.text, &snippet.ranges), (style(theme.muted), from));
}

/// Draws a text from byte `from` with highlighted ranges, cut to the width.
fn draw_highlighted(
    canvas: &mut Canvas,
    area: Rect,
    (text, ranges): (&str, &[Range<usize>]),
    (look, from): (Style, usize),
) {
    let hit = style(canvas.app.theme().hit);
    let masked = canvas.app.secrets.text(text);
    // The ranges are those of the text with its secrets.
    let (text, ranges, from) =
        if matches!(masked, Cow::Owned(_)) { (&*masked, &[][..], 0) } else { (text, ranges, from) };
    let mut line = StyledLine::default();
    if from > 0 {
        line.push("…", look);
    }
    let mut from = from;
    for range in ranges {
        let (start, end) = (range.start.max(from), range.end.max(from));
        line.push(&sanitised(text, from..start), look);
        line.push(&sanitised(text, start..end), hit);
        from = end;
    }
    line.push(&sanitised(text, from..text.len()), look);
    let spans = styled_line::cut(line.spans(&(0..line.text().len())), area.width.into());
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// Number of texts with a match beyond the known snippets, for the last row of an unfolded session. The title of a
/// folded one has the number of all.
fn more(search: &SearchScreen, row: ResultRow, hit: &Hit) -> Option<String> {
    let is_last = search.results.is_unfolded(hit) && row.nth + 1 == hit.snippets.len();
    let left = hit.count.saturating_sub(hit.snippets.len());
    (is_last && left > 0).then(|| format!("{} more", thousands(left)))
}

/// Byte offset from which a snippet is shown, so that the first match is visible.
fn first_shown(snippet: &Snippet, room: usize) -> usize {
    let Some(first) = snippet.ranges.first() else { return 0 };
    let fits = |to: usize| snippet.text.get(..to).is_some_and(|text| text::width(text) < room);
    if fits(first.end) {
        return 0;
    }
    let before = snippet.text.get(..first.start).unwrap_or_default();
    let kept = room / 3;
    let start = before.char_indices().rev().nth(kept).map_or(0, |(at, _)| at);
    // Starts at a word, if one begins nearby.
    before.get(start..).and_then(|tail| tail.find(' ')).map_or(start, |space| start + space + 1)
}

fn sanitised(text: &str, range: Range<usize>) -> String {
    text.get(range).map(|part| text::sanitise(part).replace(['\n', '\t'], " ")).unwrap_or_default()
}

/// Label of a kind of text.
fn part(part: TextKind) -> &'static str {
    match part {
        TextKind::Title => "title",
        TextKind::Prompt => "prompt",
        TextKind::Command => "command",
        TextKind::Summary => "summary",
        TextKind::Answer => "answer",
        TextKind::Thinking => "thinking",
        TextKind::Input => "tool",
        TextKind::File => "file",
        TextKind::EditedFile => "edited",
        TextKind::Output => "output",
        TextKind::Outcome => "outcome",
        TextKind::Notice => "notice",
        TextKind::Error => "error",
        TextKind::Plan => "plan",
        TextKind::Image => "image",
    }
}
