//! Rows of a transcript that show its images.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::RenderContext;
use super::cache::LayoutCache;
use super::rows::ReaderRow;
use crate::app::reader::Reader;
use crate::stdx::text;
use crate::ui::inline_pictures::{PictureOwner, PictureRow};
use crate::ui::style::style;
use crate::ui::widgets::{Align, put};

/// Marks the cells of images in the rows of a text area, and says why an image is not drawn.
pub(super) fn paint(
    area: Rect,
    buffer: &mut Buffer,
    reader: &Reader,
    rows: &[ReaderRow],
    cache: &mut LayoutCache,
    context: &RenderContext<'_>,
) {
    for (y, row) in (area.y..area.bottom()).zip(rows) {
        let ReaderRow::Line { index, layout, line } = row else { continue };
        let Some(entry) = reader.entry(*index).filter(|_| layout.pictures.contains(line)) else { continue };
        let owner = PictureOwner { ticket: reader.ticket, entry: entry.entry.key };
        let nth = u16::try_from(line - layout.pictures.start).unwrap_or(u16::MAX);
        let line = Rect { y, height: 1, ..area };
        match cache.pictures.row(owner, nth) {
            Some(PictureRow::Pixels { part, columns }) if columns <= area.width => {
                cache.pictures.mark(buffer, owner, part, Rect { width: columns, ..line });
            }
            Some(PictureRow::Refused(reason)) => {
                let reason = text::ellipsis(&format!("not drawn: {reason}"), area.width.into());
                put(buffer, line, &reason, style(context.theme.muted), Align::Left);
            }
            Some(PictureRow::Pixels { .. }) | None => {}
        }
    }
}
