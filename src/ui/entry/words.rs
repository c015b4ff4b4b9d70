//! Plain text, and how much of a long text is laid out.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{CUT_LINES, Frame, Laid, MOST_BYTES, MOST_LINES};
use crate::app::reader::Fold;
use crate::stdx::{text, wrap};
use crate::ui::style::style;
use crate::ui::widgets::rich::Rich;

/// The part of a text that is laid out, made harmless; and whether that is not all.
pub fn bounded(whole: &str) -> (Cow<'_, str>, bool) {
    if whole.len() <= MOST_BYTES {
        return (harmless(whole), false);
    }
    let end = (0..=MOST_BYTES).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
    (harmless(&whole[..end]), true)
}

fn harmless(raw: &str) -> Cow<'_, str> {
    match wrap::collapse_returns(raw) {
        Cow::Borrowed(raw) => text::sanitise(raw),
        Cow::Owned(raw) => Cow::Owned(text::sanitise(&raw).into_owned()),
    }
}

/// Lays text out line by line, keeping its line breaks.
pub fn plain(whole: &str, look: Style, frame: &Frame<'_>, laid: &mut Laid) {
    let (shown, cut) = bounded(whole);
    indented(shown.trim_end(), look, "", frame, laid);
    limit(laid, frame, cut.then_some(whole.len()));
}

/// Appends lines of harmless text behind an indentation, no more of them than will be shown.
pub fn indented(shown: &str, look: Style, indent: &'static str, frame: &Frame<'_>, laid: &mut Laid) {
    let prefix = if indent.is_empty() { Vec::new() } else { vec![Span::raw(indent)] };
    let most = laid.lines.len() + most(frame.fold) + 1;
    for line in shown.lines() {
        if laid.lines.len() > most {
            return;
        }
        Rich::plain(line, look).wrap_into(frame.width, &prefix, &prefix, &mut laid.lines);
    }
}

/// Lines that are shown of what can be folded.
pub fn most(fold: Fold) -> usize {
    match fold {
        Fold::Hidden | Fold::Line => 0,
        Fold::Cut => CUT_LINES,
        Fold::Full => MOST_LINES,
    }
}

/// Cuts what was laid out to the most that is shown, and says what is missing. `whole`: bytes of a text of which
/// only a part was looked at.
pub fn limit(laid: &mut Laid, frame: &Frame<'_>, whole: Option<usize>) {
    let most = match frame.fold {
        Fold::Hidden => 0,
        Fold::Line => 1,
        Fold::Cut => CUT_LINES,
        Fold::Full => MOST_LINES,
    };
    let beyond = laid.lines.len().saturating_sub(most);
    if beyond == 0 && whole.is_none() {
        return;
    }
    laid.lines.truncate(most);
    let more = match (frame.fold, whole) {
        (Fold::Hidden | Fold::Line, _) => return,
        (Fold::Cut, _) => "… more (Enter)".to_owned(),
        (Fold::Full, Some(bytes)) => format!("… {} in all: o opens it in the editor", size(bytes)),
        (Fold::Full, None) => format!("… {beyond} lines more: o opens it in the editor"),
    };
    note(&more, frame, laid);
}

/// Appends a line that speaks for salon, not for the transcript.
pub fn note(words: &str, frame: &Frame<'_>, laid: &mut Laid) {
    let words = text::ellipsis(words, frame.width);
    laid.lines.push(Line::from(Span::styled(words, style(frame.theme.muted))));
}

/// A size in bytes for a person.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KB", bytes >> 10),
        _ => format!("{} MB", bytes >> 20),
    }
}
