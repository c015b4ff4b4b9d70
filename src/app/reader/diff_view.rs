//! Arrangement of old and new lines in diffs.

use super::Reader;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;

/// Minimum width of the screen for diffs with old and new lines beside each other.
pub const SIDE_BY_SIDE_WIDTH: u16 = 140;

/// Arrangement of old and new lines in diffs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiffView {
    /// Beside each other where there is room.
    #[default]
    SideBySide,
    /// Below each other.
    Unified,
}

impl DiffView {
    /// Name of the saved state.
    pub const NAME: &str = "diffs";

    /// Parses a saved value.
    pub fn parse(value: &str) -> Self {
        if value == Self::Unified.value() { Self::Unified } else { Self::SideBySide }
    }

    fn value(self) -> &'static str {
        match self {
            Self::SideBySide => "side by side",
            Self::Unified => "unified",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::SideBySide => Self::Unified,
            Self::Unified => Self::SideBySide,
        }
    }
}

impl Reader {
    /// Switches to the other arrangement, also for the next start.
    pub(super) fn switch_diff_view(&mut self, ctx: &mut Ctx) {
        *ctx.diff_view = ctx.diff_view.other();
        let value = ctx.diff_view.value().to_owned();
        ctx.effects.push(Effect::SaveState { name: DiffView::NAME, value });
        if ctx.size.0 < SIDE_BY_SIDE_WIDTH {
            ctx.notices.info(format!("Diffs can be side by side from {SIDE_BY_SIDE_WIDTH} columns"));
        }
        // The heights of entries change, but not the position of the current one.
        self.refold(|_| {});
    }
}
