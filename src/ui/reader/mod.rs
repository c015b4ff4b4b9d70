//! Reader: a narrow gutter (speaker and time) and the text to the right.
//!
//! Draws the state and returns layout feedback; it must not make decisions.

mod cache;
mod chrome;
mod gutter;
pub mod hits;
mod outline;
mod picture_rows;
mod prompt;
mod rows;
mod scrollbar;

pub use cache::LayoutCache;
use cache::LayoutShape;
use outline::OutlineArea;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use rows::{ReaderRow, Viewport};

use crate::app::msg::{Area, ReaderFeedback, Target};
use crate::app::reader::diff_view::SIDE_BY_SIDE_WIDTH;
use crate::app::reader::{CallStage, DiffView, Reader};
use crate::domain::{Session, SessionState};
use crate::stdx::wrap;
use crate::ui::entry::RenderContext;
use crate::ui::style::style;
use crate::ui::widgets::{Align, put, split_right};

/// Maximum width of text in columns, because longer lines are hard to read.
const MAX_TEXT_WIDTH: usize = 120;

/// Minimum columns of a diff with old and new lines beside each other, where other panes take a part of the screen.
const SPLIT_WIDTH: usize = 100;

/// Maximum rows of an image, so that the text around it stays on the screen.
const MAX_PICTURE_ROWS: u16 = 20;

/// Minimum rows of a reader that draws images.
const MIN_PICTURE_BODY: u16 = 5;

/// Presentation of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderMode {
    /// Full screen with header and footer.
    Full,
    /// Text only, beside a list.
    Preview,
    /// Above a composer, without header.
    Chat {
        /// True to show the footer.
        footer: bool,
    },
}

/// Draws a reader. Returns layout feedback and the mouse regions of entries.
pub fn draw(
    area: Rect,
    buffer: &mut Buffer,
    (reader, session): (&Reader, Option<&Session>),
    mode: ReaderMode,
    context: &RenderContext<'_>,
    cache: &mut LayoutCache,
) -> (ReaderFeedback, Vec<(Area, Target)>) {
    cache.begin(context.theme, context.secrets, mode != ReaderMode::Preview);
    let area = area.intersection(buffer.area);
    let parts = Parts::of(area, mode, reader, context);
    let gutter = gutter::width(parts.body.width);
    let room = usize::from(parts.body.width.saturating_sub(gutter)).max(1);
    let is_wide = buffer.area.width >= SIDE_BY_SIDE_WIDTH && room >= SPLIT_WIDTH;
    let width = LayoutShape {
        text: room.min(MAX_TEXT_WIDTH),
        split: (is_wide && context.diff_view == DiffView::SideBySide).then_some(room),
        ends_turn: session.is_none_or(|session| !is_at_work(session)),
        stage: session.map_or(CallStage::Ended, |session| stage_elsewhere(session.state)),
        picture_rows: if mode == ReaderMode::Preview { 0 } else { picture_rows(parts.body.height) },
    };
    cache.set_directory(reader.ticket, session.map_or("", |session| &session.cwd));
    let size = (width, usize::from(parts.body.height));
    let (rows, feedback) = Viewport::new(reader, context, cache, size, parts.covers).rows();
    let feedback = ReaderFeedback { outline: parts.outline.place, outline_rows: parts.outline.rows(), ..feedback };
    let header = Rect { width: parts.header.width.saturating_sub(context.reserved), ..parts.header };
    chrome::header(header, buffer, reader, session, context);
    chrome::banner(parts.banner, buffer, reader, context);
    let matcher = cache.matcher(reader.find.as_ref());
    let mut regions = paint(parts.body, buffer, (reader, matcher.as_deref()), &rows, &feedback, context);
    let text = Rect { x: parts.body.x + gutter.min(parts.body.width), width: parts.body.width - gutter, ..parts.body };
    picture_rows::paint(text, buffer, reader, &rows, cache, context);
    regions.extend(prompt::paint(parts.body, buffer, reader, &feedback, context));
    regions.extend(scrollbar::paint(parts.scrollbar, buffer, reader, &feedback, context));
    regions.extend(parts.outline.paint(
        buffer,
        (reader, session.map_or("", |session| &session.cwd)),
        &feedback,
        context,
    ));
    if rows.is_empty() && reader.is_stored() {
        chrome::empty(parts.body, buffer, reader, context);
    }
    chrome::footer(parts.footer, buffer, reader, &feedback, context);
    (feedback, regions)
}

/// Returns the stage of open calls of a session that is not run here.
fn stage_elsewhere(state: SessionState) -> CallStage {
    match state {
        SessionState::NeedsYou => CallStage::AwaitingApproval,
        SessionState::Working => CallStage::Running,
        SessionState::Idle | SessionState::Past => CallStage::Ended,
    }
}

/// Returns the rows that an image may have in a body of a height.
fn picture_rows(height: u16) -> u16 {
    if height < MIN_PICTURE_BODY { 0 } else { (height * 2 / 3).min(MAX_PICTURE_ROWS) }
}

/// Returns true if the last turn of a session is open.
fn is_at_work(session: &Session) -> bool {
    match session.state {
        SessionState::Working | SessionState::NeedsYou => true,
        SessionState::Idle | SessionState::Past => false,
    }
}

/// Areas of the reader.
struct Parts {
    header: Rect,
    banner: Rect,
    body: Rect,
    scrollbar: Rect,
    outline: OutlineArea,
    footer: Rect,
    /// Rows of the body that the prompt of the turn may cover.
    covers: usize,
}

impl Parts {
    fn of(area: Rect, mode: ReaderMode, reader: &Reader, context: &RenderContext<'_>) -> Self {
        let framed = |wanted: bool| u16::from(wanted && area.height >= 3);
        let (top, bottom) = match mode {
            ReaderMode::Full => (framed(true), framed(true)),
            ReaderMode::Preview => (0, 0),
            ReaderMode::Chat { footer } => (0, framed(footer)),
        };
        let banner = u16::from(reader.load_error.is_some() && !reader.is_empty() && area.height > top + bottom + 1);
        let rows = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
        let body = rows(top + banner, area.height - top - bottom - banner);
        let (body, outline) = OutlineArea::split(body, reader, mode, context);
        let is_preview = mode == ReaderMode::Preview;
        let (body, scrollbar) = split_right(body, if is_preview { 0 } else { scrollbar::width(body) });
        Self {
            header: inset(rows(0, top)),
            banner: rows(top, banner),
            body,
            scrollbar,
            outline,
            footer: inset(rows(area.height - bottom, bottom)),
            covers: if is_preview { 0 } else { prompt::rows(body) },
        }
    }
}

/// Area without the margins at both sides.
fn inset(area: Rect) -> Rect {
    let margin = u16::from(area.width > 2);
    Rect { x: area.x + margin, width: area.width - 2 * margin, ..area }
}

/// Draws rows, gutter and hits.
fn paint(
    area: Rect,
    buffer: &mut Buffer,
    (reader, matcher): (&Reader, Option<&hits::HitMatcher>),
    rows: &[ReaderRow],
    feedback: &ReaderFeedback,
    context: &RenderContext<'_>,
) -> Vec<(Area, Target)> {
    let gutter = gutter::width(area.width);
    let mut regions: Vec<(Area, Target)> = Vec::new();
    let text_area = Rect { x: area.x + gutter.min(area.width), width: area.width.saturating_sub(gutter), ..area };
    for (y, row) in (area.y..area.bottom()).zip(rows) {
        match row {
            ReaderRow::Blank => {}
            ReaderRow::Day(day) => {
                let text = day.strftime("─ %a %-d %b %Y ").to_string();
                let area = inset(area);
                let room = usize::from(area.width);
                let rule = "─".repeat(room.saturating_sub(wrap::columns(&text)).min(MAX_TEXT_WIDTH));
                buffer.set_stringn(area.x, y, text + &rule, room, style(context.theme.faint));
            }
            ReaderRow::Branches { count, shown } => {
                let mark = Rect { x: area.x + 1.min(gutter), y, height: 1, width: gutter.saturating_sub(1) };
                put(buffer, mark, "┬", style(context.theme.accent), Align::Left);
                let label = format!("{count} branches part here; this is branch {shown} of them");
                put(buffer, Rect { y, height: 1, ..text_area }, &label, style(context.theme.accent), Align::Left);
            }
            ReaderRow::Missing => {
                buffer.set_stringn(text_area.x, y, "…", usize::from(text_area.width), style(context.theme.faint));
            }
            ReaderRow::Line { index, layout, line } => {
                let current = *index == feedback.cursor;
                gutter::paint(
                    Rect { y, height: 1, width: gutter.min(area.width), ..area },
                    buffer,
                    reader,
                    (*index, *line),
                    current,
                    context,
                );
                if let Some(text) = layout.lines.get(*line) {
                    buffer.set_line(text_area.x, y, text, text_area.width);
                    if let Some(matcher) = matcher {
                        mark(
                            Rect { y, height: 1, ..text_area },
                            buffer,
                            &hits::text_of(text),
                            matcher,
                            feedback
                                .hit
                                .filter(|(entry, (at, _))| (entry, at) == (index, line))
                                .map(|(_, (_, nth))| nth),
                            context,
                        );
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

/// Highlights hits in a row, one of which may be the current one.
fn mark(
    row: Rect,
    buffer: &mut Buffer,
    text: &str,
    matcher: &hits::HitMatcher,
    current: Option<usize>,
    context: &RenderContext<'_>,
) {
    for (nth, place) in matcher.ranges(text).into_iter().enumerate() {
        let is_current = current == Some(nth);
        let hit = style(if is_current { context.theme.hit_current } else { context.theme.hit });
        // A theme without colours shows hits in reverse video, and the current one underlined as well.
        let hit = match hit.fg.is_none() && hit.bg.is_none() {
            true if is_current => hit.add_modifier(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::BOLD),
            true => hit.add_modifier(Modifier::REVERSED),
            false => hit,
        };
        let column = |at: usize| u16::try_from(wrap::columns(&text[..at])).unwrap_or(u16::MAX);
        let (from, to) = (column(place.start), column(place.end));
        let area = Rect { x: row.x.saturating_add(from), width: to.saturating_sub(from), ..row };
        buffer.set_style(area.intersection(row), hit);
    }
}
