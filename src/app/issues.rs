//! The problems overlay: each unreadable file with the reason.

use super::scroll::Scroll;

/// State of the overlay. The issues are part of the catalog.
#[derive(Debug, Default)]
pub struct IssuesView {
    /// Scroll position.
    pub scroll: Scroll,
}
