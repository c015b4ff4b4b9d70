//! Gutter: a bar at the current entry, the speaker, and the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::RenderContext;
use crate::app::reader::Reader;
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{Entry, EntryKind};
use crate::ui::style::style;

/// Width of the gutter for a reader of `width` columns. Narrow readers omit the time.
pub(super) fn width(width: u16) -> u16 {
    match width {
        0..8 => 0,
        8..56 => 3,
        _ => 10,
    }
}

/// Draws the gutter of one row, which shows line `line` of entry `index`.
pub(super) fn paint(
    area: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    (index, line): (usize, usize),
    current: bool,
    context: &RenderContext<'_>,
) {
    if area.width == 0 {
        return;
    }
    if current {
        buffer.set_stringn(area.x, area.y, "▌", 1, style(context.theme.accent));
    }
    let Some(shown) = reader.entry(index).filter(|_| line == 0) else { return };
    let (mark, paint) = mark(shown.entry, context);
    buffer.set_stringn(area.x + 1, area.y, mark, 1, style(paint));
    if area.width < 10 {
        return;
    }
    let minute = |entry: &Entry| {
        entry.time.map(|time| time.timestamp().to_zoned_datetime(context.zone.clone()).strftime("%H:%M").to_string())
    };
    let before = index.checked_sub(1).and_then(|before| reader.entry(before)).and_then(|shown| minute(shown.entry));
    // A repeated minute is omitted, except for prompts.
    if let Some(time) = minute(shown.entry)
        && (before.as_ref() != Some(&time) || shown.entry.kind == EntryKind::Prompt)
    {
        buffer.set_stringn(area.x + 3, area.y, time, 5, style(context.theme.muted));
    }
}

fn mark(entry: &Entry, context: &RenderContext<'_>) -> (&'static str, crate::config::theme::ThemeStyle) {
    let theme = context.theme;
    if entry.reverted {
        return ("↶", theme.muted);
    }
    match entry.kind {
        EntryKind::Prompt => ("❯", theme.prompt),
        EntryKind::Text => ("●", theme.assistant),
        EntryKind::Thinking => ("∴", theme.thinking),
        EntryKind::Tool => (" ", theme.tool),
        EntryKind::Plan => ("≡", theme.plan),
        EntryKind::Image => ("▣", theme.muted),
        EntryKind::Other => ("?", theme.muted),
        EntryKind::Notice => match entry.level {
            NoticeLevel::Info => ("i", theme.notice),
            NoticeLevel::Boundary => ("┄", theme.notice),
            NoticeLevel::Warning => ("!", theme.warning),
            NoticeLevel::Error => ("✗", theme.error),
        },
    }
}
