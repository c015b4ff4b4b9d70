//! The reader: a ledger with a narrow gutter (speaker and time) and the text to the right.
//!
//! Draws what the state says and tells what it found out; it decides nothing.

mod cache;
mod edges;
mod gutter;
pub mod hits;
mod rows;

pub use cache::Cache;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use rows::{Row, Screen};

use crate::app::msg::{Area, ReaderDrawn, Target};
use crate::app::reader::Reader;
use crate::domain::Session;
use crate::stdx::wrap;
use crate::ui::entry::Look;
use crate::ui::style::style;

/// Widest text, in columns: longer lines are hard to read.
const WIDEST: usize = 120;

/// How the reader is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As a screen of its own, with a header and a footer.
    Full,
    /// Beside a list: the text only.
    Preview,
    /// Above what is being written: without a header.
    Chat {
        /// With a footer.
        footer: bool,
    },
}

/// Draws a reader into an area. The regions are the entries that lie under the mouse.
pub fn draw(
    area: Rect,
    buffer: &mut Buffer,
    (reader, session): (&Reader, Option<&Session>),
    mode: Mode,
    look: &Look<'_>,
    cache: &mut Cache,
) -> (ReaderDrawn, Vec<(Area, Target)>) {
    cache.begin(look.theme, mode != Mode::Preview);
    let area = area.intersection(buffer.area);
    let parts = Parts::of(area, mode, reader);
    let gutter = gutter::width(parts.body.width);
    let width = usize::from(parts.body.width.saturating_sub(gutter)).clamp(1, WIDEST);
    let (rows, drawn) = Screen::new(reader, look, cache, (width, usize::from(parts.body.height))).rows();
    let header = Rect { width: parts.header.width.saturating_sub(look.taken), ..parts.header };
    edges::header(header, buffer, reader, session, look);
    edges::banner(parts.banner, buffer, reader, look);
    let matcher = cache.matcher(reader.find.as_ref());
    let regions = paint(parts.body, buffer, (reader, matcher.as_deref()), &rows, &drawn, look);
    if rows.is_empty() && reader.is_stored() {
        edges::nothing(parts.body, buffer, reader, look);
    }
    edges::footer(parts.footer, buffer, reader, &drawn, look);
    (drawn, regions)
}

/// What lies where.
struct Parts {
    header: Rect,
    banner: Rect,
    body: Rect,
    footer: Rect,
}

impl Parts {
    fn of(area: Rect, mode: Mode, reader: &Reader) -> Self {
        let framed = |wanted: bool| u16::from(wanted && area.height >= 3);
        let (top, bottom) = match mode {
            Mode::Full => (framed(true), framed(true)),
            Mode::Preview => (0, 0),
            Mode::Chat { footer } => (0, framed(footer)),
        };
        let banner = u16::from(reader.trouble.is_some() && !reader.is_empty() && area.height > top + bottom + 1);
        let rows = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
        Self {
            header: rows(0, top),
            banner: rows(top, banner),
            body: rows(top + banner, area.height - top - bottom - banner),
            footer: rows(area.height - bottom, bottom),
        }
    }
}

/// Paints the rows, the gutter and the hits.
fn paint(
    area: Rect,
    buffer: &mut Buffer,
    (reader, matcher): (&Reader, Option<&hits::Matcher>),
    rows: &[Row],
    drawn: &ReaderDrawn,
    look: &Look<'_>,
) -> Vec<(Area, Target)> {
    let gutter = gutter::width(area.width);
    let mut regions: Vec<(Area, Target)> = Vec::new();
    let text_area = Rect { x: area.x + gutter.min(area.width), width: area.width.saturating_sub(gutter), ..area };
    for (y, row) in (area.y..area.bottom()).zip(rows) {
        match row {
            Row::Blank => {}
            Row::Day(day) => {
                let text = day.strftime("── %a %-d %b %Y ").to_string();
                let room = usize::from(area.width);
                let rule = "─".repeat(room.saturating_sub(wrap::columns(&text)).min(WIDEST));
                buffer.set_stringn(area.x, y, text + &rule, room, style(look.theme.faint));
            }
            Row::Missing => {
                buffer.set_stringn(text_area.x, y, "…", usize::from(text_area.width), style(look.theme.faint));
            }
            Row::Line { index, laid, line } => {
                let current = *index == drawn.cursor;
                gutter::paint(
                    Rect { y, height: 1, width: gutter.min(area.width), ..area },
                    buffer,
                    reader,
                    (*index, *line),
                    current,
                    look,
                );
                if let Some(text) = laid.lines.get(*line) {
                    buffer.set_line(text_area.x, y, text, text_area.width);
                    if let Some(matcher) = matcher {
                        mark(Rect { y, height: 1, ..text_area }, buffer, &hits::text_of(text), matcher, current, look);
                    }
                }
                match regions.last_mut() {
                    Some((region, Target::Entry(last))) if last == index => region.height += 1,
                    _ => regions.push((Area { x: area.x, y, width: area.width, height: 1 }, Target::Entry(*index))),
                }
            }
        }
    }
    regions
}

/// Marks hits in a row.
fn mark(row: Rect, buffer: &mut Buffer, text: &str, matcher: &hits::Matcher, current: bool, look: &Look<'_>) {
    let hit = style(if current { look.theme.hit_current } else { look.theme.hit });
    // Without colours a hit must be seen too.
    let hit = if hit.fg.is_none() && hit.bg.is_none() { hit.add_modifier(Modifier::REVERSED) } else { hit };
    for place in matcher.places(text) {
        let column = |at: usize| u16::try_from(wrap::columns(&text[..at])).unwrap_or(u16::MAX);
        let (from, to) = (column(place.start), column(place.end));
        let area = Rect { x: row.x.saturating_add(from), width: to.saturating_sub(from), ..row };
        buffer.set_style(area.intersection(row), hit);
    }
}
