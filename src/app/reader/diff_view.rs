//! Arrangement of old and new lines in diffs.

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

    /// Value of the saved state.
    pub fn value(self) -> &'static str {
        match self {
            Self::SideBySide => "side by side",
            Self::Unified => "unified",
        }
    }

    /// Returns the other arrangement.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::SideBySide => Self::Unified,
            Self::Unified => Self::SideBySide,
        }
    }
}
