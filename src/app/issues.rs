//! The overlay of what could not be read: each file with its reason.

use super::scroll::Scroll;

/// The overlay's state; the issues themselves are the catalog's.
#[derive(Debug, Default)]
pub struct IssuesView {
    /// How far it is scrolled.
    pub scroll: Scroll,
}
