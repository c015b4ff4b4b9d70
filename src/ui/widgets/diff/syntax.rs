//! Syntax highlighting in a diff: each hunk is code twice, before and after the change.

use similar::ChangeTag;

use super::rows::{DiffLine, DiffRow};
use crate::stdx::syntax::languages;
use crate::ui::widgets::highlight::{Highlighter, SyntaxState};

/// Maximum number of highlighted hunks, because the cache of the highlighter is bounded.
const MAX_HUNKS: usize = 40;

/// Highlights the lines in the language of a file. Returns true if some highlighting is pending.
pub(super) fn highlight(rows: &mut [DiffRow], path: &str, highlighter: &mut Highlighter) -> bool {
    let Some(language) = languages::of_path(path) else { return false };
    let hunks = rows.iter().filter_map(DiffRow::line).map(|line| line.hunk).max().map_or(0, |last| last + 1);
    let mut pending = false;
    for hunk in 0..hunks.min(MAX_HUNKS) {
        for side in [ChangeTag::Delete, ChangeTag::Insert] {
            pending |= highlight_side(rows, (hunk, side), &language, highlighter);
        }
    }
    pending
}

/// Highlights the old or the new lines of a hunk. Unchanged lines are highlighted with the new ones.
fn highlight_side(
    rows: &mut [DiffRow],
    (hunk, side): (usize, ChangeTag),
    language: &str,
    highlighter: &mut Highlighter,
) -> bool {
    let is_on_side = |line: &&DiffLine| line.hunk == hunk && (line.tag == side || line.tag == ChangeTag::Equal);
    let lines = || rows.iter().filter_map(DiffRow::line).filter(is_on_side);
    if side == ChangeTag::Delete && !lines().any(|line| line.tag == side) {
        return false;
    }
    let code: String = lines().flat_map(|line| [line.text.as_str(), "\n"]).collect();
    let marked = match highlighter.syntax(language, &code) {
        SyntaxState::Ready(marked) => marked,
        SyntaxState::Pending => return true,
        SyntaxState::Plain => return false,
    };
    let mut marked = marked.iter();
    for row in rows {
        let DiffRow::Line(line) = row else { continue };
        if !is_on_side(&&*line) {
            continue;
        }
        let Some(pieces) = marked.next() else { return false };
        if line.tag == side || side == ChangeTag::Insert {
            line.syntax.clone_from(pieces);
        }
    }
    false
}
