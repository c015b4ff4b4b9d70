//! The preview: the selected session's transcript beside the list, and the same transcript on the whole screen.

use ratatui::layout::Rect;

use super::entry::Look;
use super::reader::{self, Mode};
use super::style::style;
use super::widgets::{Align, line_of, put, split_left};
use super::{Canvas, ViewCache};
use crate::app::home::Pane;
use crate::app::msg::Target;
use crate::app::reader::Reader;

/// Draws the pane.
pub fn draw(canvas: &mut Canvas, area: Rect, cache: &mut ViewCache) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (_, heading) = split_left(line_of(area, 0), 1);
    let look = if app.focus() == Some(Pane::Preview) { theme.accent } else { theme.muted };
    put(canvas.buffer, heading, "Preview", style(look), Align::Left);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    canvas.target(body, Target::Preview);
    if let Some(reader) = app.home.list.key().and_then(|key| app.home.preview.reader(key)) {
        draw_reader(canvas, body, reader, Mode::Preview, cache);
    }
}

/// Draws a transcript on the whole screen.
pub fn draw_full(canvas: &mut Canvas, area: Rect, reader: &Reader, cache: &mut ViewCache) {
    draw_reader(canvas, area, reader, Mode::Full, cache);
}

fn draw_reader(canvas: &mut Canvas, area: Rect, reader: &Reader, mode: Mode, cache: &mut ViewCache) {
    let app = canvas.app;
    let look = Look { theme: app.theme(), zone: &cache.zone, now: app.now };
    let session = app.known.catalog.get(&reader.key).map(|session| &**session);
    let (found, regions) = reader::draw(area, canvas.buffer, (reader, session), mode, &look, &mut cache.reader);
    canvas.drawn.reader = Some(found);
    canvas.drawn.regions.extend(regions);
}
