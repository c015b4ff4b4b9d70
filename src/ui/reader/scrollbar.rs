//! Scrollbar at the right edge: the position, and ticks for prompts, errors, edits and matches of the whole transcript.
//!
//! Work is bounded by the rows of the screen: each row looks its entries up in sorted indices.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::RenderContext;
use super::rows::POSITION;
use crate::app::msg::{Area, ReaderFeedback, Target};
use crate::app::reader::{Reader, Tick};
use crate::config::theme::ThemeStyle;
use crate::ui::style::style;

/// Columns: a gap, the bar with its ticks, a margin.
const COLUMNS: u16 = 3;

/// Minimum columns and rows of a text with a scrollbar.
const MIN_SIZE: (u16, u16) = (56, 5);

/// Minimum columns of a text with a margin.
const WITH_MARGIN: u16 = 24;

/// Returns the width of the scrollbar beside a text, or of the margin alone.
pub(super) fn width(body: Rect) -> u16 {
    if body.width >= MIN_SIZE.0 && body.height >= MIN_SIZE.1 { COLUMNS } else { u16::from(body.width >= WITH_MARGIN) }
}

/// Draws the scrollbar of a transcript that is longer than the screen. Returns its mouse regions.
pub(super) fn paint(
    area: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    feedback: &ReaderFeedback,
    context: &RenderContext<'_>,
) -> Vec<(Area, Target)> {
    let all = (feedback.at_start && feedback.at_end) || reader.opened().is_none();
    if area.width < COLUMNS || all || reader.is_empty() {
        return Vec::new();
    }
    let rows = Rows { height: area.height.into(), len: reader.len() };
    let (first, last) = rows.thumb(feedback);
    let mut regions = Vec::with_capacity(rows.height);
    for (row, y) in (area.y..area.bottom()).enumerate() {
        let is_shown = (first..=last).contains(&row);
        let (mark, look) = match reader.tick(rows.entries(row)) {
            Some(tick) => look_of(tick, context),
            None if is_shown => ("█", context.theme.faint),
            None => ("┊", context.theme.border),
        };
        let on_bar = is_shown && mark != "█";
        let look = if on_bar { style(look).add_modifier(Modifier::REVERSED) } else { style(look) };
        buffer.set_stringn(area.x + 1, y, mark, 1, look);
        let region = Area { x: area.x, y, width: area.width, height: 1 };
        regions.push((region, Target::Jump(row.saturating_mul(rows.len) / rows.height)));
    }
    regions
}

/// The rows of a scrollbar, each of which stands for some entries.
struct Rows {
    height: usize,
    len: usize,
}

impl Rows {
    /// Returns the entries of a row.
    fn entries(&self, row: usize) -> std::ops::Range<usize> {
        let start = |row: usize| (row * self.len).div_ceil(self.height).min(self.len);
        start(row)..start(row + 1)
    }

    /// Returns the first and last row of the part that is on the screen.
    fn thumb(&self, feedback: &ReaderFeedback) -> (usize, usize) {
        let to_u64 = |count: usize| u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let (height, all) = (to_u64(self.height), to_u64(self.len).saturating_mul(POSITION));
        let row = |position: u64| {
            let row = u128::from(position) * u128::from(height) / u128::from(all);
            usize::try_from(row).unwrap_or(usize::MAX)
        };
        // The ends of the bar are reached only where the text ends.
        let bottom = self.height.saturating_sub(1);
        let (least, most) = (usize::from(!feedback.at_start), bottom - usize::from(!feedback.at_end));
        let first = if feedback.at_start { 0 } else { row(feedback.from).clamp(least.min(most), most) };
        let last = if feedback.at_end { bottom } else { row(feedback.to.saturating_sub(1)).clamp(first, most) };
        (first, last)
    }
}

/// Mark and style of a tick: without colours, the mark tells the kinds apart.
fn look_of(tick: Tick, context: &RenderContext<'_>) -> (&'static str, ThemeStyle) {
    match tick {
        Tick::Match => ("◆", context.theme.needs_you),
        Tick::Error => ("✗", context.theme.error),
        Tick::Prompt => ("❯", context.theme.prompt),
        Tick::Edit => ("±", context.theme.success),
    }
}
