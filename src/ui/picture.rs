//! Image of a transcript in a box.

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget;
use ratatui_image::Image;

use super::canvas::{Canvas, ViewCache};
use super::encoded_picture::EncodedPicture;
use super::widgets::overlay;
use crate::app::picture::PictureView;
use crate::stdx::text;

/// Columns and rows that the box and the rows around it take from a screen.
const BORDER: Size = Size { width: 4, height: 5 };

/// Returns the columns and rows that an image may have on a terminal of a size.
pub fn room(screen: Size) -> Size {
    let [width, height] = [screen.width.saturating_sub(BORDER.width), screen.height.saturating_sub(BORDER.height)];
    Size { width: width.max(1), height: height.max(1) }
}

/// Draws the box of an image. The image itself follows by [`draw_pixels`]; for another size of the terminal, once it is
/// encoded for it.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, picture: &PictureView, cache: &ViewCache) {
    let size = cache.picture.as_ref().map(|EncodedPicture(encoded)| encoded.size());
    let size = size.filter(|size| size.width + 4 <= area.width && size.height + 2 <= area.height);
    let shown = size.unwrap_or(Size { width: 20, height: 1 });
    let title = u16::try_from(text::width(&picture.label)).unwrap_or(u16::MAX);
    let inner = overlay(canvas, area, &picture.label, (shown.width.max(title), shown.height));
    let left = inner.x + inner.width.saturating_sub(shown.width) / 2;
    let place = Rect { x: left, y: inner.y, width: shown.width, height: shown.height };
    canvas.picture = size.map(|_| place.intersection(inner));
}

/// Draws the image into its place. The first cell contains the data for the terminal, which must stay as it is.
pub(super) fn draw_pixels(buffer: &mut Buffer, place: Rect, cache: &ViewCache) {
    if let Some(EncodedPicture(encoded)) = &cache.picture {
        Image::new(encoded).render(place, buffer);
    }
}
