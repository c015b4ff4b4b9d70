//! The frame that is being drawn, and the cache of layouts between frames.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::changes_cache::ChangesCache;
use super::encoded_picture::EncodedPicture;
use super::reader::LayoutCache;
use crate::app::App;
use crate::app::msg::{Area, LayoutFeedback, Target};
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

    /// Registers the mouse target of an area.
    pub(super) fn target(&mut self, area: Rect, target: Target) {
        let area = Area { x: area.x, y: area.y, width: area.width, height: area.height };
        self.feedback.regions.push((area, target));
    }
}
