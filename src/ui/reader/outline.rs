//! Outline: beside the text where there is room, else above a part of it while it has the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::{ReaderMode, RenderContext};
use crate::app::msg::{Area, OutlinePlace, ReaderFeedback, Target};
use crate::app::reader::Reader;
use crate::app::reader::outline::OutlineRow;
use crate::config::theme::ThemeStyle;
use crate::domain::outline::OutlineKind;
use crate::stdx::text;
use crate::ui::canvas::{even_band, select};
use crate::ui::entry::relative;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, put_line, split_left, split_right, styled_line};

/// Minimum columns of a reader with the outline beside the text.
const BESIDE: u16 = 160;

/// Minimum columns of a reader whose text is narrower while the outline has the keys, rather than covered.
const NARROWS: u16 = 100;

/// Minimum columns of a text that the outline covers in part only.
const PARTLY: u16 = 60;

/// Area of the outline.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutlineArea {
    pub area: Rect,
    pub place: OutlinePlace,
    /// True if it covers a part of the text.
    pub covers: bool,
}

impl OutlineArea {
    /// Splits the outline off a body; returns the text and the outline.
    pub(super) fn split(body: Rect, reader: &Reader, mode: ReaderMode, context: &RenderContext<'_>) -> (Rect, Self) {
        let focused = reader.outline.focused;
        let is_wide = body.width >= BESIDE && (context.outline || focused);
        match mode {
            ReaderMode::Preview => (body, Self::default()),
            ReaderMode::Full | ReaderMode::Chat { .. } if is_wide => {
                let (text, area) = split_right(body, (body.width / 4).clamp(36, 60));
                (text, Self { area, place: OutlinePlace::Beside, covers: false })
            }
            ReaderMode::Full | ReaderMode::Chat { .. } if focused && body.width >= NARROWS => {
                let (text, area) = split_right(body, body.width / 3);
                (text, Self { area, place: OutlinePlace::Over, covers: false })
            }
            ReaderMode::Full | ReaderMode::Chat { .. } if focused => {
                let width = if body.width < PARTLY { body.width } else { (body.width / 2).clamp(40, 60) };
                (body, Self { area: split_right(body, width).1, place: OutlinePlace::Over, covers: true })
            }
            ReaderMode::Full | ReaderMode::Chat { .. } => {
                (body, Self { area: Rect::default(), place: OutlinePlace::Over, covers: false })
            }
        }
    }

    /// Returns the number of rows for items.
    pub(super) fn rows(self) -> usize {
        usize::from(self.area.height.saturating_sub(1))
    }

    /// Draws the outline, with paths relative to the directory of the session, and returns its mouse regions.
    pub(super) fn paint(
        self,
        buffer: &mut Buffer,
        (reader, directory): (&Reader, &str),
        feedback: &ReaderFeedback,
        context: &RenderContext<'_>,
    ) -> Vec<(Area, Target)> {
        let area = self.area.intersection(buffer.area);
        if area.is_empty() {
            return Vec::new();
        }
        Clear.render(area, buffer);
        if self.covers {
            clear_margin(area, buffer);
        }
        for y in area.top()..area.bottom() {
            buffer.set_stringn(area.x, y, "│", 1, style(context.theme.border));
        }
        let (_, inner) = split_left(area, 2);
        paint_title(line_of(inner, 0), buffer, reader, context);
        let rows = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
        paint_rows(rows, buffer, (reader, directory), feedback, context)
    }
}

/// Clears the column before an outline above the text, so that no text touches its border. A wide character that extends
/// into the column is cleared whole.
fn clear_margin(area: Rect, buffer: &mut Buffer) {
    let left = buffer.area.x;
    for y in area.top()..area.bottom() {
        for x in [1, 2].into_iter().filter_map(|back| area.x.checked_sub(back)).filter(|x| *x >= left) {
            let cell = &mut buffer[(x, y)];
            if x + 1 == area.x || text::width(cell.symbol()) > 1 {
                cell.reset();
            }
        }
    }
}

/// Draws the title with the number of items, or the filter.
fn paint_title(area: Rect, buffer: &mut Buffer, reader: &Reader, context: &RenderContext<'_>) {
    let (outline, theme) = (&reader.outline, context.theme);
    let count = if outline.is_complete() || reader.opened().is_none() { "" } else { " …" };
    let count = format!("{}{count}", outline.len());
    let look = if outline.focused { style(theme.accent).patch(style(theme.title)) } else { style(theme.muted) };
    let spans = if outline.typing || !outline.filter.is_empty() {
        let (before, after) = (outline.filter.before_cursor(), outline.filter.text());
        let caret = if outline.typing { "▏" } else { "" };
        vec![
            Span::styled("/", style(theme.key)),
            Span::styled(before.to_owned(), style(theme.text)),
            Span::styled(caret, style(theme.accent)),
            Span::styled(after[before.len()..].to_owned(), style(theme.text)),
            Span::styled(format!("  {count}"), style(theme.muted)),
        ]
    } else {
        vec![Span::styled("Outline", look), Span::styled(format!("  {count}"), style(theme.muted))]
    };
    put_line(buffer, area, &Line::from(styled_line::cut(spans, area.width.into())));
}

fn paint_rows(
    area: Rect,
    buffer: &mut Buffer,
    (reader, directory): (&Reader, &str),
    feedback: &ReaderFeedback,
    context: &RenderContext<'_>,
) -> Vec<(Area, Target)> {
    let (outline, theme) = (&reader.outline, context.theme);
    if outline.is_empty() {
        let label = if outline.filter.is_empty() { "Nothing to list" } else { "No match" };
        put(buffer, line_of(area, 0), label, style(theme.muted), Align::Left);
    }
    let current = outline.row_of(feedback.cursor);
    let mut regions = Vec::new();
    for at in outline.top..outline.len().min(outline.top + usize::from(area.height)) {
        let Some(row) = outline.row(at) else { break };
        let line = line_of(area, at - outline.top);
        let is_selected = outline.focused && at == outline.selected();
        let is_band = is_selected && select(buffer, line, theme);
        if current == Some(at) {
            put(buffer, line, "▌", style(theme.accent), Align::Left);
        }
        let (_, item) = split_left(line, 1);
        let item = if outline.has_graph() { paint_rail(item, buffer, row.kind, context) } else { item };
        paint_row(item, buffer, (row, directory), context);
        if is_band {
            even_band(buffer, line);
        }
        let region = Area { x: line.x, y: line.y, width: line.width, height: 1 };
        regions.push((region, Target::Jump(row.entry)));
    }
    regions
}

/// Draws the rail of the conversation, from which branches and forks part. Returns the rest of the line.
fn paint_rail(area: Rect, buffer: &mut Buffer, kind: OutlineKind, context: &RenderContext<'_>) -> Rect {
    let (rail, rest) = split_left(area, 3);
    let sign = match kind {
        OutlineKind::Branch | OutlineKind::Fork => "├─",
        OutlineKind::Prompt => "●",
        OutlineKind::Compaction => "┿",
        OutlineKind::Error | OutlineKind::Edit | OutlineKind::Plan | OutlineKind::Subagent => "│",
    };
    put(buffer, rail, sign, style(context.theme.muted), Align::Left);
    rest
}

/// Draws an item. All but prompts, branches and forks are indented.
fn paint_row(area: Rect, buffer: &mut Buffer, (row, directory): (OutlineRow<'_>, &str), context: &RenderContext<'_>) {
    let (mark, look) = mark(row.kind, context);
    let is_outer = row.target.is_some() || row.kind == OutlineKind::Prompt;
    let (_, area) = split_left(area, if is_outer { 0 } else { 2 });
    put(buffer, area, mark, style(look), Align::Left);
    let (_, area) = split_left(area, 2);
    let room = usize::from(area.width).saturating_sub(1);
    let shown = if row.kind == OutlineKind::Edit {
        let paths: Vec<_> = row.text.split(", ").map(|path| relative(path, directory)).collect();
        // The end of a path says more than its start.
        text::ellipsis_before(&paths.join(", "), room)
    } else {
        text::ellipsis(&context.secrets.text(row.text), room)
    };
    let look = if row.kind == OutlineKind::Prompt { context.theme.text } else { context.theme.muted };
    put(buffer, area, &shown, style(look), Align::Left);
}

fn mark(kind: OutlineKind, context: &RenderContext<'_>) -> (&'static str, ThemeStyle) {
    let theme = context.theme;
    match kind {
        OutlineKind::Prompt => ("❯", theme.prompt),
        OutlineKind::Error => ("✗", theme.error),
        OutlineKind::Edit => ("±", theme.success),
        OutlineKind::Plan => ("≡", theme.plan),
        OutlineKind::Subagent => ("↳", theme.tool),
        OutlineKind::Branch => ("⇄", theme.accent),
        OutlineKind::Fork => ("↱", theme.accent),
        OutlineKind::Compaction => ("┄", theme.notice),
    }
}
