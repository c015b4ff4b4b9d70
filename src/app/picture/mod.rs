//! Image of a transcript, drawn over the screen.
//!
//! The state has no pixels: the terminal's part of the program encodes them for the terminal and its size.

mod keys;

use super::ticket::RequestTicket;

/// Image of an entry that was encoded for the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureView {
    /// Transcript.
    pub ticket: RequestTicket,
    /// Index of the entry.
    pub entry: usize,
    /// Pixels and bytes: `640×480 · 12 kB`.
    pub label: String,
}
