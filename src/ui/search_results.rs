//! The results: for each session its title and its best place with the words marked, and further places where it is
//! unfolded.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::Canvas;
use super::columns::{Column, agent_width};
use super::reader::hits::Matcher;
use super::sessions::{agent_name, glyph};
use super::status::thousands;
use super::style::{self, style};
use super::widgets::rich::{self, Rich};
use super::widgets::{Align, line_of, put, put_line, split_left, split_right};
use crate::app::msg::Target;
use crate::app::scroll;
use crate::app::search::{Row, Search};
use crate::domain::found::{Hit, Snippet};
use crate::domain::query::Part;
use crate::stdx::text;

/// Draws the rows that there is room for.
pub fn draw(canvas: &mut Canvas, area: Rect, search: &Search, matcher: Option<&Matcher>) {
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
            let place = line_of(area, line - top);
            canvas.target(place, Target::Row(at));
            if at == results.at() {
                canvas.buffer.set_style(place, style(canvas.app.theme().selected));
                put(canvas.buffer, place, "▌", style(canvas.app.theme().accent), Align::Left);
            }
            if row.nth == 0 && line == lines.start {
                draw_title(canvas, place, hit, matcher);
            } else if let Some(snippet) = results.snippet(*row) {
                draw_snippet(canvas, place, snippet, more(search, *row, hit));
            }
        }
    }
}

/// State, agent, title; on the right the workspace, the hits and the age.
fn draw_title(canvas: &mut Canvas, area: Rect, hit: &Hit, matcher: Option<&Matcher>) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let session = &hit.session;
    let state = app.known.state(session);
    let (_, rest) = split_left(area, 1);
    let (badge, rest) = split_left(rest, 2);
    put(canvas.buffer, badge, glyph(state), style::state(theme, state), Align::Left);
    let (agent, mut rest) = match agent_width(area.width) {
        0 => (Rect::ZERO, rest),
        width => split_left(rest, width + 1),
    };
    let name = agent_name(session.key.agent, agent.width);
    put(canvas.buffer, agent, name, style::agent(theme, session.key.agent), Align::Left);
    let hits = match hit.count {
        0 => String::new(),
        1 => "1 hit".to_owned(),
        count => format!("{} hits", thousands(count)),
    };
    let cells = [
        (Column::Age.text(app, session), 5, 20, Align::Right),
        // Where only filters were asked nothing is counted, and the title has the room.
        (hits, if hit.count > 0 { 11 } else { 0 }, 46, Align::Right),
        (Column::Workspace.text(app, session), 15, 72, Align::Left),
    ];
    for (words, width, needs, align) in cells {
        if area.width >= needs && width > 0 {
            let (left, cell) = split_right(rest, width);
            let (_, cell) = split_left(cell, 1);
            put(canvas.buffer, cell, &words, style(theme.muted), align);
            rest = left;
        }
    }
    let title = text::one_line(&session.title.text);
    if title.is_empty() {
        put(canvas.buffer, rest, "(no prompt yet)", style(theme.faint), Align::Left);
        return;
    }
    let places = matcher.map(|matcher| matcher.places(&title)).unwrap_or_default();
    draw_marked(canvas, rest, (&title, &places), (style(theme.text), 0));
}

/// What kind of text it stands in, and what stands there with the words marked.
fn draw_snippet(canvas: &mut Canvas, area: Rect, snippet: &Snippet, more: Option<String>) {
    let theme = canvas.app.theme();
    let (_, rest) = split_left(area, 3);
    let label = if area.width >= 46 { 9 } else { 0 };
    let (kind, rest) = split_left(rest, label);
    put(canvas.buffer, kind, part(snippet.part), style(theme.faint), Align::Left);
    let more = more.unwrap_or_default();
    let (rest, right) = split_right(rest, u16::try_from(text::width(&more)).unwrap_or(0) + 1);
    put(canvas.buffer, right, &more, style(theme.key), Align::Right);
    let from = first_shown(snippet, rest.width.into());
    draw_marked(canvas, rest, (&snippet.text, &snippet.ranges), (style(theme.muted), from));
}

/// A text from a byte on, with ranges of it marked, cut to what there is room for.
fn draw_marked(canvas: &mut Canvas, area: Rect, (text, ranges): (&str, &[Range<usize>]), (look, from): (Style, usize)) {
    let hit = style(canvas.app.theme().hit);
    let mut line = Rich::default();
    if from > 0 {
        line.push("…", look);
    }
    let mut from = from;
    for range in ranges {
        let (start, end) = (range.start.max(from), range.end.max(from));
        line.push(&harmless(text, from..start), look);
        line.push(&harmless(text, start..end), hit);
        from = end;
    }
    line.push(&harmless(text, from..text.len()), look);
    let spans = rich::cut(line.spans(&(0..line.text().len())), area.width.into());
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// How many places are not shown below this row, where the row is the last that is.
fn more(search: &Search, row: Row, hit: &Hit) -> Option<String> {
    let unfolded = search.results.is_unfolded(hit);
    let last = if unfolded { row.nth + 1 == hit.snippets.len() } else { row.nth == 0 };
    let shown = if unfolded { hit.snippets.len() } else { 1 };
    let left = hit.count.saturating_sub(shown);
    (last && left > 0).then(|| format!("+{}", thousands(left)))
}

/// Where the shown part of a snippet begins, so that the first match is seen.
fn first_shown(snippet: &Snippet, room: usize) -> usize {
    let Some(first) = snippet.ranges.first() else { return 0 };
    let fits = |to: usize| snippet.text.get(..to).is_some_and(|text| text::width(text) < room);
    if fits(first.end) {
        return 0;
    }
    let before = snippet.text.get(..first.start).unwrap_or_default();
    let kept = room / 3;
    let start = before.char_indices().rev().nth(kept).map_or(0, |(at, _)| at);
    // Not within a word, where one begins near enough.
    before.get(start..).and_then(|tail| tail.find(' ')).map_or(start, |space| start + space + 1)
}

fn harmless(text: &str, range: Range<usize>) -> String {
    text.get(range).map(|part| text::sanitise(part).replace(['\n', '\t'], " ")).unwrap_or_default()
}

/// A kind of text, in a word.
fn part(part: Part) -> &'static str {
    match part {
        Part::Title => "title",
        Part::Prompt => "prompt",
        Part::Command => "command",
        Part::Summary => "summary",
        Part::Answer => "answer",
        Part::Thinking => "thinking",
        Part::Input => "tool",
        Part::File => "file",
        Part::EditedFile => "edited",
        Part::Output => "output",
        Part::Outcome => "outcome",
        Part::Notice => "notice",
        Part::Error => "error",
        Part::Plan => "plan",
        Part::Image => "image",
    }
}
