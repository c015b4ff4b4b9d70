//! The frame that is being drawn, and the cache of layouts between frames.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::reader::LayoutCache;
use crate::app::App;
use crate::app::msg::{Area, LayoutFeedback, Target};

/// Cache of layouts between frames. It only saves time and can be dropped at any moment.
#[derive(Debug)]
pub struct ViewCache {
    /// Time zone of displayed times.
    pub(super) zone: TimeZone,
    /// Layouts of transcript entries.
    pub(super) reader: LayoutCache,
}

impl Default for ViewCache {
    fn default() -> Self {
        Self::new(TimeZone::UTC)
    }
}

impl ViewCache {
    /// Creates an empty cache for a time zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, reader: LayoutCache::default() }
    }
}

/// Frame that is being drawn, with the layout feedback collected so far.
pub(super) struct Canvas<'a> {
    pub(super) app: &'a App,
    pub(super) buffer: &'a mut Buffer,
    pub(super) feedback: LayoutFeedback,
    pub(super) cursor: Option<Position>,
    /// True if keys go to the part being drawn; false for a pinned session.
    pub(super) active: bool,
}

impl Canvas<'_> {
    /// Registers the mouse target of an area.
    pub(super) fn target(&mut self, area: Rect, target: Target) {
        let area = Area { x: area.x, y: area.y, width: area.width, height: area.height };
        self.feedback.regions.push((area, target));
    }
}
