//! Changes of files as lines with a sign.

use similar::TextDiff;

use crate::domain::transcript::{ChangeKind, FileChange};

/// Maximum bytes of both texts for a comparison, because it takes quadratic time. Longer ones are shown as a replacement.
const MAX_COMPARED_BYTES: usize = 64 << 10;

/// Number of unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Passes each line of a change to `visit`, with its sign: `+`, `-`, ` `, or `@` for a header.
pub fn changed_lines<E>(change: &FileChange, visit: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    match &change.kind {
        ChangeKind::Write(text) => signed('+', text, visit),
        ChangeKind::Delete => visit("-deleted"),
        ChangeKind::Replace(pairs) => pairs.iter().try_for_each(|(old, new)| replaced(old, new, visit)),
        ChangeKind::Patch(patch) => patch.lines().try_for_each(visit),
    }
}

fn replaced<E>(old: &str, new: &str, visit: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    if old.len() + new.len() > MAX_COMPARED_BYTES {
        signed('-', old, visit)?;
        return signed('+', new, visit);
    }
    // The texts are parts of a file, so that the line numbers of hunks would be wrong.
    let diff = TextDiff::from_lines(old, new).unified_diff().context_radius(CONTEXT_LINES).to_string();
    let is_content = |line: &&str| !line.starts_with("@@ ") && !line.starts_with("\\ No newline");
    diff.lines().filter(is_content).try_for_each(visit)
}

fn signed<E>(sign: char, text: &str, visit: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    text.lines().try_for_each(|line| visit(&format!("{sign}{line}")))
}
