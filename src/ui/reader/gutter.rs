//! The gutter: a bar at the current entry, who speaks, and when.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use crate::app::reader::Reader;
use crate::domain::event::Level;
use crate::domain::transcript::{Entry, EntryKind};
use crate::ui::style::style;

/// Columns of the gutter where the whole has `width`: the time is left out where there is little room.
pub fn width(width: u16) -> u16 {
    match width {
        0..8 => 0,
        8..56 => 3,
        _ => 10,
    }
}

/// Paints the gutter of one row: `line` is the line of the entry that lies in it.
pub fn paint(
    area: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    (index, line): (usize, usize),
    current: bool,
    look: &Look<'_>,
) {
    if area.width == 0 {
        return;
    }
    if current {
        buffer.set_stringn(area.x, area.y, "▌", 1, style(look.theme.accent));
    }
    let Some(held) = reader.entry(index).filter(|_| line == 0) else { return };
    let (mark, paint) = mark(held.entry, look);
    buffer.set_stringn(area.x + 1, area.y, mark, 1, style(paint));
    if area.width < 10 {
        return;
    }
    let minute = |entry: &Entry| {
        entry.time.map(|time| time.timestamp().to_zoned(look.zone.clone()).strftime("%H:%M").to_string())
    };
    let before = index.checked_sub(1).and_then(|before| reader.entry(before)).and_then(|held| minute(held.entry));
    // The same minute again would be noise; a prompt always has its time.
    if let Some(time) = minute(held.entry)
        && (before.as_ref() != Some(&time) || held.entry.kind == EntryKind::Prompt)
    {
        buffer.set_stringn(area.x + 3, area.y, time, 5, style(look.theme.muted));
    }
}

fn mark(entry: &Entry, look: &Look<'_>) -> (&'static str, crate::config::theme::Paint) {
    let theme = look.theme;
    match entry.kind {
        EntryKind::Prompt => ("❯", theme.prompt),
        EntryKind::Text => ("●", theme.assistant),
        EntryKind::Thinking => ("∴", theme.thinking),
        EntryKind::Tool => (" ", theme.tool),
        EntryKind::Plan => ("≡", theme.plan),
        EntryKind::Image => ("▣", theme.muted),
        EntryKind::Other => ("?", theme.muted),
        EntryKind::Notice => match entry.level {
            Level::Info => ("i", theme.notice),
            Level::Boundary => ("┄", theme.notice),
            Level::Warning => ("!", theme.warning),
            Level::Error => ("✗", theme.error),
        },
    }
}
