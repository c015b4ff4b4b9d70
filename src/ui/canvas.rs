//! The frame that is being drawn, and the cache of layouts between frames.

use jiff::tz::TimeZone;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

use super::changes_cache::ChangesCache;
use super::encoded_picture::EncodedPicture;
use super::inline_pictures::InlinePictures;
use super::reader::LayoutCache;
use super::style::style;
use crate::app::App;
use crate::app::msg::{Area, LayoutFeedback, Target};
use crate::config::theme::Theme;
use crate::stdx::{cells, wrap};

/// Cache of layouts between frames. It only saves time and can be dropped at any moment.
#[derive(Debug)]
pub struct ViewCache {
    /// Time zone of displayed times.
    pub(super) zone: TimeZone,
    /// Layouts of transcript entries.
    pub(super) reader: LayoutCache,
    /// Layout of a diff on the screen of changes.
    pub(super) changes: ChangesCache,
    /// The image on the screen.
    pub picture: Option<EncodedPicture>,
}

impl Default for ViewCache {
    fn default() -> Self {
        Self::new(TimeZone::UTC)
    }
}

impl ViewCache {
    /// Creates an empty cache for a time zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, reader: LayoutCache::default(), changes: ChangesCache::default(), picture: None }
    }

    /// Returns the images within transcripts.
    pub fn inline_pictures(&mut self) -> &mut InlinePictures {
        &mut self.reader.pictures
    }
}

/// Frame that is being drawn, with the layout feedback collected so far.
pub(super) struct Canvas<'a> {
    pub(super) app: &'a App,
    pub(super) buffer: &'a mut Buffer,
    pub(super) feedback: LayoutFeedback,
    pub(super) cursor: Option<Position>,
    /// Place of the image, which is drawn last.
    pub(super) picture: Option<Rect>,
    /// True if keys go to the part being drawn; false for a pinned session.
    pub(super) active: bool,
    /// Selected rows in reverse video.
    pub(super) bands: Vec<Rect>,
}

impl Canvas<'_> {
    /// Replaces clusters on whose width terminals disagree by cells on which they agree.
    pub(super) fn split_clusters(&mut self) {
        let area = self.buffer.area;
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let symbol = self.buffer[(x, y)].symbol();
                if symbol.len() > 1 && !symbol.is_ascii() {
                    let parts = cells::split(symbol, wrap::columns(symbol).min(usize::from(area.right() - x)));
                    self.put_parts(x, y, parts.unwrap_or_default());
                }
            }
        }
    }

    fn put_parts(&mut self, x: u16, y: u16, parts: Vec<String>) {
        for (x, part) in (x..self.buffer.area.right()).zip(parts) {
            // The second cell of a wide character stays blank.
            self.buffer[(x, y)].set_symbol(if part.is_empty() { " " } else { &part });
        }
    }

    /// Draws the background of a selected row, before its text.
    pub(super) fn select(&mut self, area: Rect) {
        if select(self.buffer, area, self.app.theme()) {
            self.bands.push(area);
        }
    }

    /// Makes each selected row in reverse video one band.
    pub(super) fn even_bands(&mut self) {
        for band in std::mem::take(&mut self.bands) {
            even_band(self.buffer, band);
        }
    }

    /// Registers the mouse target of an area.
    pub(super) fn target(&mut self, area: Rect, target: Target) {
        let area = Area { x: area.x, y: area.y, width: area.width, height: area.height };
        self.feedback.regions.push((area, target));
    }
}

/// Draws the background of a selected row, before its text. Returns true if it is in reverse video: [`even_band`] follows
/// the text.
pub(super) fn select(buffer: &mut Buffer, area: Rect, theme: &Theme) -> bool {
    buffer.set_style(area, style(theme.selected));
    theme.selected.reverse
}

/// Makes a row in reverse video one band. The colours of its texts would become patches of background, and its mark a notch.
pub(super) fn even_band(buffer: &mut Buffer, area: Rect) {
    for position in area.intersection(buffer.area).positions() {
        even_cell(&mut buffer[position]);
    }
}

/// Gives a cell in reverse video the colours of the band.
pub(super) fn even_cell(cell: &mut Cell) {
    if !cell.modifier.contains(Modifier::REVERSED) {
        return;
    }
    (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    cell.modifier.remove(Modifier::DIM);
    if cell.symbol() == "▌" {
        cell.set_symbol(" ");
    }
}
