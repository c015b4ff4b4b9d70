//! The page of backends: every agent's process and server that salon runs.

use super::scroll::Scroll;
use crate::domain::backend::Backend;

/// State of the page.
#[derive(Debug, Default)]
pub struct BackendsView {
    /// Scroll position.
    pub scroll: Scroll,
    /// The backends; `None` before they are received.
    pub list: Option<Vec<Backend>>,
}
