//! Entries laid out: each kind turns itself into lines of a given width. Nothing here knows the screen.
//!
//! What is laid out of one entry is bounded, however long its text is.

mod tool;
mod words;

use jiff::tz::TimeZone;
use ratatui::text::Line;

use crate::app::reader::Fold;
use crate::config::theme::Theme;
use crate::domain::Time;
use crate::domain::transcript::{Entry, EntryKind};
use crate::ui::style::style;

/// Most lines of an entry that are laid out.
pub const MOST_LINES: usize = 2_000;

/// Most bytes of a text that are looked at.
const MOST_BYTES: usize = 512 << 10;

/// Lines of an entry that is cut.
const CUT_LINES: usize = 8;

/// What drawing needs besides the state.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The theme.
    pub theme: &'a Theme,
    /// The time zone in which times are shown.
    pub zone: &'a TimeZone,
    /// The present moment.
    pub now: Time,
}

/// How an entry is to be laid out.
#[derive(Debug)]
pub struct Frame<'a> {
    /// How things look.
    pub theme: &'a Theme,
    /// Columns.
    pub width: usize,
    /// How much of it is shown.
    pub fold: Fold,
}

/// An entry's lines.
#[derive(Clone, Debug, Default)]
pub struct Laid {
    /// The lines, none wider than the width that was asked for.
    pub lines: Vec<Line<'static>>,
}

/// Lays an entry out.
pub fn lay(entry: &Entry, frame: &mut Frame<'_>) -> Laid {
    let mut laid = Laid::default();
    if frame.fold == Fold::Hidden {
        return laid;
    }
    match entry.kind {
        EntryKind::Tool => tool::lay(entry, frame, &mut laid),
        EntryKind::Prompt
        | EntryKind::Text
        | EntryKind::Thinking
        | EntryKind::Notice
        | EntryKind::Plan
        | EntryKind::Image
        | EntryKind::Other => words::plain(&entry.text, style(frame.theme.text), frame, &mut laid),
    }
    laid
}
