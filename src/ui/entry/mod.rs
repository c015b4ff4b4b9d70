//! Entries laid out: each kind turns itself into lines of a given width. Nothing here knows the screen.
//!
//! What is laid out of one entry is bounded, however long its text is.

mod answer;
pub mod growing;
mod notice;
mod plan;
mod thinking;
pub mod tool;
mod words;

use jiff::tz::TimeZone;
use ratatui::text::Line;

use crate::app::reader::{Fold, Stage};
use crate::config::theme::Theme;
use crate::domain::Time;
use crate::domain::transcript::{Entry, EntryKind};
use crate::ui::style::style;
use crate::ui::widgets::highlight::Highlighter;

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
    /// Columns at the right end of a screen's first line that belong to somebody else.
    pub taken: u16,
}

/// The part of a text that is laid out, made harmless; and whether that is not all.
pub fn bounded(whole: &str) -> (std::borrow::Cow<'_, str>, bool) {
    words::bounded(whole)
}

/// Markdown outside of a transcript, in lines of at most `width` columns.
pub fn markdown(whole: &str, theme: &Theme, width: usize, fold: Fold) -> Vec<Line<'static>> {
    let mut laid = Laid::default();
    answer::lay(
        whole,
        style(theme.text),
        &mut Frame { theme, width, fold, stage: Stage::Past, highlighter: None },
        &mut laid,
    );
    laid.lines
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
    /// What it means that a call has no outcome yet.
    pub stage: Stage,
    /// Who knows the syntax of code; nobody: code stays plain.
    pub highlighter: Option<&'a mut Highlighter>,
}

/// An entry's lines.
#[derive(Clone, Debug, Default)]
pub struct Laid {
    /// The lines, none wider than the width that was asked for.
    pub lines: Vec<Line<'static>>,
    /// The syntax of some code in it is still being found out.
    pub pending: bool,
}

/// Lays an entry out.
pub fn lay(entry: &Entry, frame: &mut Frame<'_>) -> Laid {
    let mut laid = Laid::default();
    if frame.fold == Fold::Hidden {
        return laid;
    }
    match entry.kind {
        EntryKind::Prompt => words::plain(&entry.text, style(frame.theme.prompt), frame, &mut laid),
        EntryKind::Text => answer::lay(&entry.text, style(frame.theme.text), frame, &mut laid),
        EntryKind::Thinking => thinking::lay(entry, frame, &mut laid),
        EntryKind::Tool => tool::lay(entry, frame, &mut laid),
        EntryKind::Plan => plan::lay(&entry.plan, frame, &mut laid),
        EntryKind::Notice => notice::lay(entry, frame, &mut laid),
        EntryKind::Image => notice::placeholder("image", &entry.text, frame, &mut laid),
        EntryKind::Other => notice::other(entry, frame, &mut laid),
    }
    if laid.lines.is_empty() {
        // What is there must be seen, even where there is nothing in it.
        words::note("(empty)", frame, &mut laid);
    }
    if entry.truncated && frame.fold == Fold::Full {
        words::note("… shortened: o opens all of it in the editor", frame, &mut laid);
    }
    laid
}
