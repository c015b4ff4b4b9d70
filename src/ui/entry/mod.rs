//! Layout of transcript entries: each kind of entry becomes lines of a given width, independent of the screen.
//!
//! The layout of one entry is bounded, however long its text is.

mod answer;
mod edits;
mod failure;
mod file_content;
mod headline;
mod notice;
mod output;
mod plain_text;
mod plan;
pub mod streaming;
mod thinking;
mod tool;
pub(super) mod turn_end;

pub(super) use headline::duration;

use std::ops::Range;

use jiff::tz::TimeZone;
use ratatui::text::Line;

use crate::app::reader::{CallStage, DiffView, Fold};
use crate::app::secret_display::SecretDisplay;
use crate::config::theme::Theme;
use crate::domain::Time;
use crate::domain::transcript::{Entry, EntryKind};
use crate::stdx::text::{first_chars, one_line, sanitise};
use crate::ui::style::style;
use crate::ui::widgets::highlight::Highlighter;

/// Maximum lines per entry, because layout time must be bounded.
pub const MAX_LINES: usize = 2_000;

/// Maximum bytes per text, because layout time must be bounded.
const MAX_BYTES: usize = 512 << 10;

/// Maximum lines of a change of which only a few lines are shown.
const FEW_LINES: usize = 6;

/// Context of drawing besides the state.
#[derive(Clone, Debug)]
pub struct RenderContext<'a> {
    /// Theme.
    pub theme: &'a Theme,
    /// Time zone of displayed times.
    pub zone: &'a TimeZone,
    /// Current time.
    pub now: Time,
    /// Columns at the right end of the first line that are reserved for the badge.
    pub reserved: u16,
    /// True if the outline is shown beside a transcript where there is room.
    pub outline: bool,
    /// Arrangement of diffs.
    pub diff_view: DiffView,
    /// Display of secrets.
    pub secrets: SecretDisplay,
}

/// Sanitised prefix of a text, at most 512 KiB long; true if the text was cut.
pub fn bounded(whole: &str) -> (std::borrow::Cow<'_, str>, bool) {
    plain_text::bounded(whole)
}

/// Lays out Markdown outside of a transcript in lines of at most `width` columns.
pub fn markdown(whole: &str, theme: &Theme, width: usize, fold: Fold) -> Vec<Line<'static>> {
    let mut layout = EntryLayout::default();
    answer::lay(whole, style(theme.text), &mut LayoutContext::new(theme, width, fold), &mut layout);
    layout.lines
}

/// Context of the layout of an entry.
#[derive(Debug)]
pub struct LayoutContext<'a> {
    /// Theme.
    pub theme: &'a Theme,
    /// Maximum width in columns.
    pub width: usize,
    /// Maximum width of a diff whose old and new lines are beside each other; `None` puts them below each other.
    pub split_width: Option<usize>,
    /// Directory of the session, relative to which paths are shown; empty if unknown.
    pub directory: &'a str,
    /// Fold state of the entry.
    pub fold: Fold,
    /// Stage of a tool call without an outcome.
    pub stage: CallStage,
    /// Syntax highlighter; `None` leaves code plain.
    pub highlighter: Option<&'a mut Highlighter>,
    /// Display of secrets in text that is being streamed. Other entries are masked before their layout.
    pub secrets: SecretDisplay,
}

impl<'a> LayoutContext<'a> {
    /// Creates a context for an entry of a past session with an unknown directory, without highlighting.
    pub fn new(theme: &'a Theme, width: usize, fold: Fold) -> Self {
        let (split_width, stage, secrets) = (None, CallStage::Ended, SecretDisplay::Shown);
        Self { theme, width, split_width, directory: "", fold, stage, highlighter: None, secrets }
    }

    /// Returns a path relative to the directory of the session, if the directory contains it.
    fn relative<'p>(&self, path: &'p str) -> &'p str {
        relative(path, self.directory)
    }
}

/// Returns a path relative to a directory, if the directory is known and contains it.
pub(in crate::ui) fn relative<'p>(path: &'p str, directory: &str) -> &'p str {
    let directory = directory.trim_end_matches('/');
    let rest = path.strip_prefix(directory).filter(|_| !directory.is_empty());
    rest.and_then(|rest| rest.strip_prefix('/')).filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// Layout of an entry.
#[derive(Clone, Debug, Default)]
pub struct EntryLayout {
    /// Lines, none wider than the requested width.
    pub lines: Vec<Line<'static>>,
    /// True while highlighting of some code is pending.
    pub pending: bool,
    /// Index of the line that says what failed.
    pub failure: Option<usize>,
    /// Lines that are reserved for images.
    pub pictures: Range<usize>,
}

/// Lays out an entry.
pub fn lay(entry: &Entry, context: &mut LayoutContext<'_>) -> EntryLayout {
    let mut layout = EntryLayout::default();
    if context.fold == Fold::Hidden {
        return layout;
    }
    if entry.reverted && context.fold == Fold::Line {
        let line = one_line(first_chars(&entry.text, 400));
        plain_text::push_note(&format!("▸ reverted: {line}"), context, &mut layout);
        return layout;
    }
    if entry.reverted {
        plain_text::push_note("reverted: the agent no longer sees this", context, &mut layout);
    }
    match entry.kind {
        EntryKind::Prompt => {
            if let Some(sender) = &entry.sender {
                plain_text::push_note(&format!("from {}", sanitise(sender)), context, &mut layout);
            }
            plain_text::lay(&entry.text, style(context.theme.prompt), context, &mut layout);
        }
        EntryKind::Text => answer::lay(&entry.text, style(context.theme.text), context, &mut layout),
        EntryKind::Thinking => thinking::lay(entry, context, &mut layout),
        EntryKind::Tool => tool::lay(entry, context, &mut layout),
        EntryKind::Plan if entry.plan.is_empty() => plan::lay_proposal(entry, context, &mut layout),
        EntryKind::Plan => plan::lay(&entry.plan, context, &mut layout),
        EntryKind::Notice => notice::lay(entry, context, &mut layout),
        EntryKind::Image => notice::placeholder("image", &entry.text, context, &mut layout),
        EntryKind::Other => notice::other(entry, context, &mut layout),
    }
    if layout.lines.is_empty() {
        // An empty entry must stay visible.
        plain_text::push_note("(empty)", context, &mut layout);
    }
    if entry.truncated && context.fold == Fold::Full {
        plain_text::push_note("… shortened: o opens the full text in the editor", context, &mut layout);
    }
    layout
}
