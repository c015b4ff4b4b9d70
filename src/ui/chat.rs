//! A conversation with a run on the whole screen.

use ratatui::layout::Rect;

use super::{Canvas, ViewCache, preview};
use crate::app::chat::Chat;

/// Draws it.
pub fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat, cache: &mut ViewCache) {
    preview::draw_full(canvas, area, &chat.reader, cache);
}
